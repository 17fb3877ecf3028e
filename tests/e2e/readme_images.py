"""Takes the pictures of the README from a server that runs with MQ_DEMO=1:

python -m tests.e2e.readme_images http://127.0.0.1:8000
"""

import argparse
import json
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.e2e import screenshots

IMAGES = Path("docs/images")
PICTURES = {"console.png": "en", "console-zh.png": "zh-hans"}
SIZE = (1440, 784)
# So long the page is watched before the picture: the line of messages a second grows from its opening.
WATCH_MS = 75_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--credentials", type=Path, default=Path("var/credentials.json"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    given = json.loads(options.credentials.read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=screenshots.CHROMIUM_ARGS)
        for name, language in PICTURES.items():
            _take(browser, options.address, given, path=IMAGES / name, language=language)
        browser.close()


def _take(browser: Browser, address: str, given: dict[str, str], *, path: Path, language: str) -> None:
    context = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}, timezone_id="Asia/Shanghai")
    screenshots.prefer(context, address, language=language, theme="light")
    page = context.new_page()
    screenshots.sign_in(page, address, given)
    page.locator("[data-trend] canvas").wait_for(timeout=20_000)
    page.wait_for_timeout(WATCH_MS)
    page.screenshot(path=path)
    context.close()


if __name__ == "__main__":
    main()
