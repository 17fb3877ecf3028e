"""Takes a picture of every page at two widths, in both themes and both languages, to be looked at by people.

Run against a server that is up, and that may be given things to show (tests/e2e/exhibits.py):

    python -m tests.e2e.screenshots http://127.0.0.1:8000 --credentials var/credentials.json --out var/screenshots
"""

import argparse
import json
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.e2e import exhibits, tour

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
                        viewport={"width": size[0], "height": size[1]},
                        timezone_id="Asia/Shanghai",
                        reduced_motion="reduce",  # else the picture may show one page fading into the next
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
    pages = exhibits.make(options.address, given)
    for label in tour.walk(page, options.address, given):
        if options.only in label:
            _shoot(page, options, label=label, suffix=suffix)
    page.context.clear_cookies(name=tour.SESSION)
    sign_in(page, options.address, given)
    for shown in pages:
        if options.only in shown.label:
            page.goto(options.address + shown.path)
            _shoot(page, options, label=shown.label, suffix=suffix)
        if shown.label == "message-later" and options.only in "recall":
            page.goto(options.address + shown.path)
            page.locator("[data-dialog-open=recall]").click()
            _shoot(page, options, label="recall", suffix=suffix)


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
