"""Takes a picture of every page at two widths, in both themes and both languages, to be looked at by people.

Run against a server that is up and has something to show:

    python tests/e2e/screenshots.py http://127.0.0.1:8000 --credentials var/credentials.json --out var/screenshots
"""

import argparse
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
LONGEST = 1800
WIDTHS = {"wide": (1440, 900), "narrow": (390, 844)}


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    given = json.loads(options.credentials.read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=CHROMIUM_ARGS)
        for language in options.languages.split(","):
            for theme in options.themes.split(","):
                for width in options.widths.split(","):
                    size = WIDTHS[width]
                    context = browser.new_context(
                        viewport={"width": size[0], "height": size[1]}, timezone_id="Asia/Shanghai"
                    )
                    prefer(context, options.address, language=language, theme=theme)
                    _shoot_all(context.new_page(), options, given, suffix=f"{language}-{theme}-{width}")
                    context.close()
        browser.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--credentials", type=Path, default=Path("var/credentials.json"))
    parser.add_argument("--out", type=Path, default=Path("var/screenshots"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--languages", default="en,zh-hans")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--widths", default="wide,narrow")
    parser.add_argument("--only", default="", help="part of a page's name")
    return parser.parse_args()


def prefer(context: BrowserContext, address: str, *, language: str, theme: str) -> None:
    """Chooses language and theme before the first page."""
    host = urlsplit(address).hostname or ""
    pairs = {"django_language": language, "mq_theme": theme, "mq_tz": "Asia/Shanghai"}
    context.add_cookies([{"name": name, "value": value, "domain": host, "path": "/"} for name, value in pairs.items()])


def sign_in(page: Page, address: str, given: dict[str, str]) -> None:
    """Signs in and waits for the overview."""
    page.goto(f"{address}/signin")
    page.locator("#id_account").fill(given["account"])
    page.locator("#id_name").fill(given["username"])
    page.locator("#id_password").fill(given["password"])
    page.locator("main form button.btn-primary").click()
    page.wait_for_url(f"{address}/")


def _shoot_all(page: Page, options: argparse.Namespace, given: dict[str, str], *, suffix: str) -> None:
    page.goto(f"{options.address}/signin")
    _shoot(page, options, label="signin", suffix=suffix)
    sign_in(page, options.address, given)
    for label, path in _pages(page, f"/i/{given['instance']}"):
        if options.only in label:
            page.goto(options.address + path)
            _shoot(page, options, label=label, suffix=suffix)


def _pages(page: Page, home: str) -> list[tuple[str, str]]:
    """Returns every page, with objects found by following the lists."""
    found = [
        ("overview", "/"),
        ("topics", f"{home}/topics"),
        ("topic-new", f"{home}/new-topic"),
        ("groups", f"{home}/groups"),
        ("group-new", f"{home}/new-group"),
        ("dead-letters-all", f"{home}/dead-letters"),
        ("operations", f"{home}/operations"),
        ("transactions", f"{home}/transactions"),
        ("transactions-discarded", f"{home}/transactions/discarded"),
        ("transactions-decided", f"{home}/transactions/decided"),
        ("producer-groups", f"{home}/producer-groups"),
        ("send", f"{home}/send"),
        ("keys", "/keys"),
        ("security", "/security"),
        ("sessions", "/sessions"),
        ("users", "/users"),
        ("user-groups", "/user-groups"),
        ("policies", "/policies"),
        ("policy-new", "/new-policy"),
        ("simulator", "/simulator"),
        ("audit", "/audit"),
        ("limits", "/limits"),
        ("limits-edit", "/limits/account"),
        ("roles", "/roles"),
        ("act-in-a-role", "/act-in-a-role"),
        ("unused-rights", "/unused-rights"),
        ("find", f"{home}/find?q=a"),
    ]
    for label, path in (("topic", f"{home}/topics"), ("group", f"{home}/groups"), ("operation", f"{home}/operations")):
        link = _first(page, path, rf"^{path}/[^/?]+$")
        if link:
            found.append((label, link))
            if label == "topic":
                found += [
                    ("topic-code", f"{link}/code"),
                    ("topic-access", f"{link}/access"),
                    ("messages", f"{home}/messages?topic={link.rsplit('/', 1)[1]}"),
                ]
            if label == "group":
                found += [("group-settings", f"{link}/settings"), ("group-reset", f"{link}/reset")]
    listed = next((path for label, path in found if label == "messages"), "")
    message = _first(page, listed, rf"^{home}/messages/[^/?]+$") if listed else ""
    if message:
        found.append(("message", message))
    waiting = _first(page, f"{home}/transactions", rf"^{home}/transactions/[0-9a-f]+-")
    if waiting:
        found.append(("transaction", waiting))
    producers = _first(page, f"{home}/producer-groups", rf"^{home}/producer-groups/[^/?]+$")
    if producers:
        found.append(("producer-group", producers))
    dead = _first(page, f"{home}/dead-letters", rf"^{home}/groups/[^/?]+/dead-letters$")
    if dead:
        found.append(("dead-letters", dead))
        letter = _first(page, dead, rf"^{dead}/\d+$")
        if letter:
            found.append(("dead-letter", letter))
    return found


def _first(page: Page, path: str, pattern: str) -> str:
    base = page.url.split("/", 3)
    page.goto("/".join(base[:3]) + path)
    links = [link.get_attribute("href") or "" for link in page.locator("main a").all()]
    return next((link for link in links if re.match(pattern, link)), "")


def _shoot(page: Page, options: argparse.Namespace, *, label: str, suffix: str) -> None:
    page.wait_for_load_state("load")
    if page.locator("[data-trend]").count():
        page.locator("[data-trend] canvas").wait_for(timeout=20_000)
    height = min(page.evaluate("document.documentElement.scrollHeight"), LONGEST)
    width = (page.viewport_size or {"width": 0})["width"]
    page.screenshot(
        path=options.out / f"{label}-{suffix}.png",
        full_page=True,
        clip={"x": 0, "y": 0, "width": width, "height": height},
    )


if __name__ == "__main__":
    main()
