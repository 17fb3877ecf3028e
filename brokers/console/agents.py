"""What a browser calls itself, in the few words a person recognises it by. It may lie; nothing is decided by it."""

import re

_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/(\d+)"),
    ("Opera", r"OPR/(\d+)"),
    ("Firefox", r"(?:Firefox|FxiOS)/(\d+)"),
    ("Chrome", r"(?:HeadlessChrome|Chrome|CriOS)/(\d+)"),
    ("Safari", r"Version/(\d+)[\d.]* (?:Mobile/\w+ )?Safari/"),
)
_SYSTEMS = (
    ("iOS", r"iPhone|iPad"),
    ("Android", r"Android"),
    ("HarmonyOS", r"HarmonyOS|OpenHarmony"),
    ("Windows", r"Windows NT"),
    ("macOS", r"Mac OS X"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)


def describe(agent: str) -> str:
    """Returns a text such as `Firefox 133 · Linux`; what was sent, cut short, when it is none we know."""
    browser = next((f"{name} {found[1]}" for name, rule in _BROWSERS if (found := re.search(rule, agent))), "")
    system = next((name for name, rule in _SYSTEMS if re.search(rule, agent)), "")
    return " · ".join(part for part in (browser, system) if part) or agent[:60]
