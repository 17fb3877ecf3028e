"""Setting up second factors: shared by whoever is signed in and whoever must have one to get in.

Owns: the questions put to an app or a browser, kept in the session until they are answered, and the QR code.
Must not know: whether the person is signed in. Called by: signin (`enrol`), security.
"""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from accounts import passkeys, second_factors, vault
from accounts.errors import Rejected
from accounts.models import SecondFactor, User

from . import entrance, page

_APP = "mq_app_question"
_PASSKEY = "mq_new_passkey_question"


def ask_app(request: HttpRequest, user: User) -> dict[str, Any]:  # Any: template values
    """Returns the secret for an app, as text and as a QR code; the same until it is answered."""
    sealed = request.session.get(_APP)
    if sealed is None:
        secret = second_factors.new_secret()
        # A session is a row of the database, where no secret lies open.
        nonce, ciphertext = vault.seal(secret, account_id=user.account_id, key_id=_binding(user))
        request.session[_APP] = [nonce.hex(), ciphertext.hex()]
    else:
        secret = _secret(user, sealed)
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return {"secret": grouped, **_drawing(second_factors.app_address(user, secret))}


def ask_passkey(request: HttpRequest, user: User) -> str:
    """Returns what the browser is asked to make a passkey with, as JSON."""
    options, request.session[_PASSKEY] = passkeys.ask_to_make(user, **entrance.site(request))
    return json.dumps(options)


def add(request: HttpRequest, user: User) -> SecondFactor:
    """Returns the factor that the posted answer proves: `code` of an app, or `answer` of a browser.

    Raises: Rejected. Effects: the question is used up when the answer was right.
    """
    source_ip = entrance.address(request)
    if "answer" in request.POST:
        made = passkeys.add(
            user,
            request.POST["answer"],
            name=request.POST.get("name", "").strip() or _("Passkey"),
            state=request.session.pop(_PASSKEY, None) or _too_late(),
            source_ip=source_ip,
            **entrance.site(request),
        )
    else:
        secret = _secret(user, request.session.get(_APP) or _too_late())
        made = second_factors.add_app(user, secret, request.POST.get("code", ""), source_ip=source_ip)
    request.session.pop(_APP, None)
    return made


def show_codes(request: HttpRequest, user: User, *, made: SecondFactor | None, target: str) -> HttpResponse:
    """Makes new recovery codes and shows them, in this one answer."""
    codes = second_factors.new_recovery_codes(user, source_ip=entrance.address(request))
    context = {"codes": codes, "text": "\n".join(codes), "made": made, "target": target}
    response = page.render(request, "pages/recovery_codes.html", context, section="security")
    response.headers["Cache-Control"] = "no-store"
    return response


def _secret(user: User, sealed: list[str]) -> str:
    nonce, ciphertext = (bytes.fromhex(part) for part in sealed)
    return vault.unseal(nonce, ciphertext, account_id=user.account_id, key_id=_binding(user)).decode()


def _too_late() -> Any:  # Any: it never returns
    raise Rejected(_("The page was open too long. Please try again."))


def _binding(user: User) -> str:
    return f"totp to be of user {user.pk}"


def _drawing(text: str) -> dict[str, Any]:  # Any: template values
    """Returns a QR code as the path of an SVG: dark squares, row by row, with the quiet zone readers need."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(text)
    rows = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return {"qr_size": len(rows), "qr_path": path}
