"""A browser that signs in by typing, and an authenticator app."""

import base64
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.test import Client

from accounts import clock, second_factors
from accounts.models import User
from tests.integration.three_people import PASSWORD


def app_code(secret: str, *, steps_ahead: int = 0) -> str:
    """Returns what an app with this secret shows, now or a number of half minutes later."""
    totp = TOTP(base64.b32decode(secret.replace(" ", "")), 6, SHA1(), 30)
    return totp.generate(int(clock.now_seconds()) + 30 * steps_ahead).decode()


def give_app(user: User) -> str:
    """Returns the secret of an authenticator app that the user has from now on; it made its code a step ago."""
    secret = second_factors.new_secret()
    second_factors.add_app(user, secret, app_code(secret, steps_ahead=-1))
    return secret


def sign_in(user: User, *, password: str = PASSWORD, source_ip: str = "127.0.0.1") -> tuple[Client, Any]:
    """Returns a browser that typed the password, and the answer it got."""
    browser = Client(REMOTE_ADDR=source_ip)
    fields = {"account": user.account.name, "name": user.name, "password": password}
    return browser, browser.post("/signin", fields)


def is_inside(browser: Client) -> bool:
    """Returns True if the browser's session is somebody's."""
    return bool(browser.get("/api/v1/whoami").status_code == 200)
