"""Who sends this request: HTTP Basic with an AccessKey, or the signature `MQ1-HMAC-SHA256`.

Owns: the judgement. Must not know: frameworks, instances, what the request asks for.
Called by: the hot HTTP door (`check`, then `Pending.finish` off its loop) and the management API (`authenticate`).

An unknown key costs the same work and gets the same answer as a wrong secret. That a key is disabled is told only to
whoever proved to hold it.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from . import key_cache, limits, nonces, signature
from .errors import Unauthenticated
from .key_cache import KeyEntry

# Compared and signed with when there is no such key.
_NOBODY = b"0" * 43


@dataclass(frozen=True, slots=True)
class Pending:
    """A judgement that needs the database or Redis. `finish` blocks: call it in a thread."""

    finish: Callable[[], KeyEntry]


def check(
    headers: Mapping[bytes, bytes],
    *,
    method: str,
    raw_path: bytes,
    query: bytes,
    body_sha256: Callable[[], str] | str,
    source_ip: str = "",
) -> KeyEntry | Pending:
    """Returns the key that proved itself, or what still has to be asked of a store. Never blocks.

    A Basic request with a warm key (a few microseconds) is answered at once. Any signed request is pending: its nonce
    must be taken and its body hashed.

    Shapes: `headers` by lower-case name; `raw_path` and `query` as in the request line; `body_sha256` the lower-case
        hex digest of the body as sent, or a function that computes it, called by `finish` for a signed request only.
    Raises: Unauthenticated UNAUTHENTICATED, ACCESS_KEY_DISABLED, SIGNATURE_MISMATCH, SIGNATURE_EXPIRED; `finish` also
        SIGNATURE_REPLAYED, and TryLater STORE_UNAVAILABLE.
    """
    header = headers.get(b"authorization")
    if header is None:
        raise Unauthenticated("This needs an access key: HTTP Basic with its id and secret, or a signature.")
    if len(header) > limits.AUTHORIZATION_BYTES:
        raise Unauthenticated("The Authorization header is too long.")
    scheme, _, parameters = header.partition(b" ")
    scheme = scheme.lower()
    if scheme == b"basic":
        key_id, secret = _basic(parameters)
        if key_cache.is_warm(key_id):
            return _match(key_cache.peek(key_id), secret, source_ip)
        return Pending(lambda: _finish_basic(key_id, secret, source_ip))
    if scheme == b"mq1-hmac-sha256":
        claim = signature.parse(parameters, headers)
        signature.check_age(claim)
        return Pending(
            lambda: _finish_signature(
                claim,
                lambda: signature.canonical(
                    claim,
                    headers,
                    method=method,
                    raw_path=raw_path,
                    query=query,
                    body_sha256=body_sha256 if isinstance(body_sha256, str) else body_sha256(),
                ),
                source_ip,
            )
        )
    raise Unauthenticated(f"The Authorization scheme must be Basic or {signature.SCHEME}.")


def authenticate(
    headers: Mapping[bytes, bytes],
    *,
    method: str,
    raw_path: bytes,
    query: bytes,
    body_sha256: Callable[[], str] | str,
    source_ip: str = "",
) -> KeyEntry:
    """Returns the key that proved itself: `check` and `finish` in one. Blocks when a store must be asked."""
    outcome = check(
        headers, method=method, raw_path=raw_path, query=query, body_sha256=body_sha256, source_ip=source_ip
    )
    return outcome.finish() if isinstance(outcome, Pending) else outcome


@lru_cache(maxsize=1024)
def _basic(parameters: bytes) -> tuple[str, bytes]:
    try:
        key_id, colon, secret = base64.b64decode(parameters.strip(), validate=True).partition(b":")
        if not colon:
            raise ValueError
        return key_id.decode("ascii"), secret
    except (binascii.Error, ValueError):
        raise Unauthenticated("HTTP Basic takes the base64 of 'key id:secret'.") from None


def _match(entry: KeyEntry | None, secret: bytes, source_ip: str) -> KeyEntry:
    fits = hmac.compare_digest(secret, entry.secret if entry is not None else _NOBODY)
    if entry is None or not fits:
        key_cache.note_refusal(entry, source_ip, "the secret was another one")
        raise Unauthenticated("There is no such access key, or its secret is another one.")
    if not entry.enabled:
        key_cache.note_refusal(entry, source_ip, "the key is disabled")
        raise _disabled()
    return entry


def _finish_basic(key_id: str, secret: bytes, source_ip: str) -> KeyEntry:
    entry = _match(key_cache.lookup(key_id), secret, source_ip)
    key_cache.note_use(key_id, source_ip)
    return entry


def _finish_signature(claim: signature.Claim, text: Callable[[], bytes], source_ip: str) -> KeyEntry:
    entry = key_cache.lookup(claim.key_id)
    expected = signature.sign(entry.secret if entry is not None else _NOBODY, text())
    fits = hmac.compare_digest(expected, claim.signature)
    if entry is None or not fits:
        key_cache.note_refusal(entry, source_ip, "the signature did not fit")
        raise Unauthenticated(
            "The signature does not fit this request and this access key. Compare your canonical text with the worked"
            " example in docs/http-signature.md.",
            "SIGNATURE_MISMATCH",
        )
    if not entry.enabled:
        key_cache.note_refusal(entry, source_ip, "the key is disabled")
        raise _disabled()
    if not nonces.take(claim.key_id, claim.nonce):
        key_cache.note_refusal(entry, source_ip, "the nonce was used before")
        raise Unauthenticated(
            "This nonce was used before. Make a fresh X-MQ-Nonce for every request, also for a repeated one.",
            "SIGNATURE_REPLAYED",
        )
    key_cache.note_use(claim.key_id, source_ip)
    return entry


def _disabled() -> Unauthenticated:
    return Unauthenticated(
        "This access key is disabled. Switch it on in the console, or use another key.", "ACCESS_KEY_DISABLED"
    )
