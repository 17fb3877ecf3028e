"""How a page shows a body: which views it offers, and the text of the one chosen.

Owns: the choice between text, JSON and hex, and the notes about what could not be read. Called by: message pages.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from brokers.domain import previews
from brokers.engine.message_page import Body


@dataclass(frozen=True, slots=True)
class BodyView:
    """A body ready to be drawn. `views` are (name in the address, label)."""

    view: str
    views: tuple[tuple[str, str], ...]
    text: str
    size: int | None
    note: str


def body_view(body: Body | None, wanted: str) -> BodyView:
    """Returns the body in the view asked for, or in the most readable one there is."""
    if body is None:
        return BodyView("text", (("text", _("Text")),), "", None, _("The body is not kept any more."))
    shown = body.preview
    texts = {"json": shown.json, "text": shown.text, "hex": shown.hex}
    labels = {"json": _("JSON"), "text": _("Text"), "hex": _("Hex")}
    views = tuple((name, labels[name]) for name, text in texts.items() if text is not None)
    view = wanted if wanted in dict(views) else views[0][0]
    return BodyView(view, views, texts[view] or "", shown.size_bytes, _note(body, view))


def _note(body: Body, view: str) -> str:
    shown = body.preview
    if body.is_intact is False:
        return _("The checksum does not match: these bytes are not the ones that were stored.")
    if shown.problem == "unknown_compression":
        return _("The sender compressed this body in a way this server does not know; it is shown as it is.")
    if shown.problem:
        return _("The sender compressed this body, but it cannot be opened.")
    if shown.is_cut:
        return _("The body was opened only in part: it grows past the limit.")
    if view == "hex" and shown.size_bytes > previews.HEX_BYTES:
        return _("Only the first %(n)d bytes are shown.") % {"n": previews.HEX_BYTES}
    return ""
