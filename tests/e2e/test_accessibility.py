"""Every page can be read and worked by everybody: contrast, names, labels, and no sideways scrolling on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.e2e import exhibits, screenshots, tour
from tests.e2e.conftest import Visitor
from tests.stack import Running

pytestmark = pytest.mark.browser

# WCAG 2.2 AA asks for 4.5 to 1, and for 3 to 1 where text is large. Colours are read back from a canvas, so that any
# notation (oklch, color-mix) comes out as the bytes that are painted.
LOW_CONTRAST = """
() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const paint = canvas.getContext('2d', { willReadFrequently: true });
  const over = (layers) => {
    paint.clearRect(0, 0, 1, 1);
    for (const layer of layers) { paint.fillStyle = layer; paint.fillRect(0, 0, 1, 1); }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (element.closest('[disabled], .sr-only, option, datalist, script')) continue;
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(element);
    const below = over(layers), ink = over([...layers, style.color]);
    const [high, low] = [light(below), light(ink)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) found.add(`${text.slice(0, 40)} (${ratio.toFixed(2)})`);
  }
  return [...found];
}
"""
# Colours fade from one theme to the other; what is measured is where they end.
SETTLED = "() => document.getAnimations().every((one) => one.playState !== 'running')"
WITHOUT_A_NAME = """
() => [...document.querySelectorAll('a[href], button, summary, input:not([type=hidden]), select, textarea')]
  .filter((element) => element.checkVisibility())
  .filter((element) => {
    const labels = [...(element.labels || [])].map((label) => label.textContent).join('');
    return !(labels + (element.getAttribute('aria-label') || '') + (element.textContent || '')).trim();
  })
  .map((element) => element.outerHTML.slice(0, 120))
"""
TWICE = """
() => [...document.querySelectorAll('[id]')].map((element) => element.id)
  .filter((id, at, all) => all.indexOf(id) !== at)
"""

# Two cells of one row whose words share a place: text that may not wrap ran out of its column.
OVER_ANOTHER = """
() => [...document.querySelectorAll('.grid-table tbody tr')].flatMap((row) => {
  const places = [...row.cells].map((cell) => {
    const boxes = [];
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const within = walker.currentNode.parentElement;
      if (!walker.currentNode.textContent.trim() || !within.checkVisibility()) continue;
      if (within.closest('.sr-only, option')) continue;
      const range = document.createRange(); range.selectNodeContents(walker.currentNode);
      boxes.push(...range.getClientRects());
    }
    return [cell, boxes];
  });
  const found = [];
  places.forEach(([cell, boxes], at) => places.slice(at + 1).forEach(([other, others]) => {
    const meet = boxes.some((a) => others.some((b) =>
      a.right - b.left > 2 && b.right - a.left > 2 && a.bottom - b.top > 2 && b.bottom - a.top > 2));
    if (meet) found.push(`${cell.innerText.slice(0, 30)} | ${other.innerText.slice(0, 30)}`);
  }));
  return found;
})
"""

# A table that must be pushed sideways to be read, on a tablet and on a small desk.
WIDER = """
() => [document.documentElement, ...document.querySelectorAll('.table-frame')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1)
  .map((element) => `${element.className || 'page'} by ${element.scrollWidth - element.clientWidth}`)
"""
PHONE = ViewportSize(width=390, height=844)
TABLETS = (ViewportSize(width=768, height=1024), ViewportSize(width=1024, height=768))


@pytest.fixture
def reader(browser: Browser, server: Running) -> Iterator[Page]:
    """A phone, with nobody signed in. Pages that refuse are looked at too, so only faults of scripts count."""
    context = browser.new_context(viewport=PHONE, locale="en-GB", base_url=server.url, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert not faults, faults


def test_every_page_can_be_read_named_and_held_in_a_hand(reader: Page, server: Running) -> None:
    pages = exhibits.make(server.url, server.credentials)
    screenshots.sign_in(reader, server.url, server.credentials)
    faults: list[str] = []
    for shown in pages:
        reader.goto(shown.path)
        faults += faults_of(reader, shown.label)
        faults += wider_than_a_tablet(reader, shown.label)
    assert len({shown.label for shown in pages}) == len(pages) > 70
    assert not faults, "\n" + "\n".join(faults)


def test_so_can_those_for_guests_and_on_the_way_in(reader: Page, server: Running) -> None:
    exhibits.make(server.url, server.credentials)
    faults: list[str] = []
    for label in tour.walk(reader, server.url, server.credentials):
        faults += faults_of(reader, label)
    assert not faults, "\n" + "\n".join(faults)


def faults_of(page: Page, label: str) -> list[str]:
    """Returns what is wrong with what the page shows, in both themes, at a phone's width."""
    faults: list[str] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(SETTLED)
        faults += [f"{label} ({scheme}) contrast: {text}" for text in page.evaluate(LOW_CONTRAST)]
    faults += [f"{label} no name: {html}" for html in page.evaluate(WITHOUT_A_NAME)]
    faults += [f"{label} id twice: {name}" for name in page.evaluate(TWICE)]
    faults += [f"{label} painted over another: {text}" for text in page.evaluate(OVER_ANOTHER)]
    if page.evaluate("document.documentElement.scrollWidth") > 390:
        faults.append(f"{label} is wider than a phone")
    if page.locator("h1").count() != 1:
        faults.append(f"{label} has {page.locator('h1').count()} first headings")
    return faults


def wider_than_a_tablet(page: Page, label: str) -> list[str]:
    """Returns which tables, or pages with one, must be pushed sideways to be read between a phone and a desk."""
    faults: list[str] = []
    if not page.locator(".table-frame").count():
        return faults
    for size in TABLETS:
        page.set_viewport_size(size)
        faults += [f"{label} at {size['width']}: {found}" for found in page.evaluate(WIDER)]
    page.set_viewport_size(PHONE)
    return faults


def test_keyboard_reaches_the_content_first(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
