"""A small OpenID provider on this machine: it lets everybody through as whom the test says, and lies when told to."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from accounts import clock

Json = dict[str, Any]  # Any: JSON values
# So often a running provider looks whether it is to end; each test ends one.
POLL_SECONDS = 0.02
CLIENT_ID, CLIENT_SECRET = "mqconsole-test", "a secret & with % signs"


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(slots=True)
class Provider:
    """What it says next, and what it was asked."""

    issuer: str = ""
    person: Json = field(default_factory=lambda: {"sub": "s-1", "preferred_username": "lena"})
    lies: Json = field(default_factory=dict)  # claims of the ID token that take the place of the right ones
    key: rsa.RSAPrivateKey = field(default_factory=new_key)
    kid: str = "first"
    published: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    algorithm: str = "RS256"
    signs_with: Any = None  # Any: another key than the published one
    codes: dict[str, Json] = field(default_factory=dict)
    asked: list[Json] = field(default_factory=list)

    def description(self) -> Json:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def keys(self) -> Json:
        listed = []
        for kid, key in {self.kid: self.key, **self.published}.items():
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            listed.append({**public, "kid": kid, "alg": "RS256", "use": "sig"})
        return {"keys": listed}

    def authorize(self, asked: Json) -> str:
        """Returns where the browser is sent back to."""
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        answer = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return f"{asked['redirect_uri']}?{answer}"

    def exchange(self, form: Json, authorization: str) -> tuple[int, Json]:
        """Returns the answer to a code, which works once, for its client and its verifier."""
        asked = self.codes.pop(form.get("code", ""), None)
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        is_right = (
            asked is not None
            and given == f"{CLIENT_ID}:{CLIENT_SECRET}"
            and form.get("redirect_uri") == asked["redirect_uri"]
            and asked["code_challenge_method"] == "S256"
            and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
        )
        if asked is None or not is_right:
            return 400, {"error": "invalid_grant"}
        now = int(clock.now_seconds())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **self.person, **self.lies,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key: Any = None if self.algorithm == "none" else self.signs_with or self.key  # Any: or none, for "none"
        token = jwt.encode(
            claims,
            key,
            algorithm=self.algorithm,
            headers={"kid": self.kid},
        )
        return 200, {"id_token": token, "access_token": "unused", "token_type": "Bearer"}


@contextmanager
def running() -> Iterator[Provider]:
    """Runs a provider on a free port of this machine."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/authorize":
                back = provider.authorize(dict(parse_qsl(address.query)))
                self.send_response(302)
                self.send_header("Location", back)
                self.end_headers()
                return
            answers = {"/.well-known/openid-configuration": provider.description, "/keys": provider.keys}
            self._answer(200, answers[address.path]())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.exchange(form, self.headers.get("Authorization", "")))

        def _answer(self, status: int, said: Json) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # Any: as the base class has it
            """Says nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=[POLL_SECONDS], daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
