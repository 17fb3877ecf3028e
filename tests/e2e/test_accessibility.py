"""Every page can be read and worked by everybody: contrast, names, labels, and no sideways scrolling on a phone."""

import pytest

from tests.e2e.conftest import Visitor

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


@pytest.fixture
def paths(visitor: Visitor) -> list[str]:
    """The address of every kind of page, each with something on it."""
    home = visitor.home
    visitor.call("/topics", name="seen", type="NORMAL", queues=2)
    visitor.call("/groups", name="eyes", order="CONCURRENT", max_attempts=1)
    sent = visitor.call("/topics/seen/messages", body='{"a": [1, 2]}', tag="t", keys=["k"])["message_id"]
    [got] = visitor.call("/groups/eyes/messages:receive", topics=["seen"], wait_seconds=10)["messages"]
    visitor.call("/groups/eyes/messages:nack", receipts=[got["receipt"]], error="dazzled")
    visitor.go(f"{home}/groups/eyes/dead-letters")
    letter = visitor.page.get_by_role("link", name=sent).get_attribute("href") or ""
    return [
        "/", f"{home}/topics", f"{home}/new-topic", f"{home}/topics/seen", f"{home}/topics/seen/groups",
        f"{home}/topics/seen/code", f"{home}/topics/seen/edit", f"{home}/groups", f"{home}/new-group",
        f"{home}/groups/eyes", f"{home}/groups/eyes/settings", f"{home}/groups/eyes/reset",
        f"{home}/groups/eyes/dead-letters", letter, f"{home}/dead-letters", f"{home}/operations", f"{home}/send",
        f"{home}/messages?topic=seen", f"{home}/messages/{sent}", f"{home}/find?q=e", "/keys", "/audit", "/security",
        "/security/app", "/sessions", "/confirm", "/users/root",
        "/instances/new",
    ]  # fmt: skip


def test_every_page_can_be_read_named_and_held_in_a_hand(visitor: Visitor, paths: list[str]) -> None:
    page = visitor.page
    faults: list[str] = []
    for path in paths:
        page.set_viewport_size({"width": 390, "height": 844})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            visitor.go(path)
            faults += [f"{path} ({scheme}) contrast: {text}" for text in page.evaluate(LOW_CONTRAST)]
        faults += [f"{path} no name: {html}" for html in page.evaluate(WITHOUT_A_NAME)]
        faults += [f"{path} id twice: {name}" for name in page.evaluate(TWICE)]
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            faults.append(f"{path} is wider than a phone")
        if page.locator("h1").count() != 1:
            faults.append(f"{path} has {page.locator('h1').count()} first headings")
    assert not faults, "\n" + "\n".join(faults)


def test_keyboard_reaches_the_content_first(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
