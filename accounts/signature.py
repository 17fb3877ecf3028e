"""The signature of a request, `MQ1-HMAC-SHA256`: what is signed and how it is written.

Owns: the canonical text, the header's grammar, the age a signature may have. Must not know: keys' storage, nonces'
memory, frameworks. Called by: credentials; documented with a worked example in docs/http-signature.md.

Every part of the canonical text ends with a line feed, none can hold one, and names stand with their values: bytes
cannot be moved from one part to the next without changing the text.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from . import clock, limits
from .errors import Unauthenticated

SCHEME = "MQ1-HMAC-SHA256"
TIMESTAMP_HEADER = b"x-mq-timestamp"
NONCE_HEADER = b"x-mq-nonce"
EMPTY_BODY_SHA256 = hashlib.sha256(b"").hexdigest()

_PARAMETERS = re.compile(
    rb"\s*Credential=([A-Za-z0-9]{1,40})\s*,\s*SignedHeaders=([!#$%&'*+.^_`|~0-9a-z;-]{1,1024})\s*,"
    rb"\s*Signature=([0-9a-f]{64})\s*\Z"
)
_TIMESTAMP = re.compile(rb"[0-9]{1,12}\Z")
_NONCE = re.compile(rb"[A-Za-z0-9_-]{%d,%d}\Z" % (limits.NONCE_MIN_CHARS, limits.NONCE_MAX_CHARS))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its own signature. Nothing of it is proven yet."""

    key_id: str
    signed_headers: tuple[bytes, ...]  # lower case, ascending, no two alike
    signature: str
    timestamp: int  # seconds since 1970
    nonce: str


def parse(parameters: bytes, headers: Mapping[bytes, bytes]) -> Claim:
    """Returns the claim in an Authorization header after the scheme's name, and in the two headers that go with it.

    `headers` has lower-case names. Raises Unauthenticated SIGNATURE_MISMATCH, saying what is missing or misspelt.
    """
    found = _PARAMETERS.match(parameters)
    if found is None:
        raise _malformed("write Authorization as 'Credential=…, SignedHeaders=a;b, Signature=<64 hex digits>'")
    names = tuple(found[2].split(b";"))
    if list(names) != sorted(set(names)) or b"" in names or len(names) > limits.SIGNED_HEADER_COUNT:
        raise _malformed("SignedHeaders must be in ascending order, each name once")
    if TIMESTAMP_HEADER not in names or NONCE_HEADER not in names:
        raise _malformed("SignedHeaders must name x-mq-nonce and x-mq-timestamp")
    timestamp, nonce = headers.get(TIMESTAMP_HEADER, b"").strip(b" \t"), headers.get(NONCE_HEADER, b"").strip(b" \t")
    if not _TIMESTAMP.match(timestamp):
        raise _malformed("X-MQ-Timestamp must hold whole seconds since 1970")
    if not _NONCE.match(nonce):
        raise _malformed(
            f"X-MQ-Nonce must hold {limits.NONCE_MIN_CHARS} to {limits.NONCE_MAX_CHARS} letters, digits, '-' or '_'"
        )
    return Claim(found[1].decode(), names, found[3].decode(), int(timestamp), nonce.decode())


def check_age(claim: Claim) -> None:
    """Raises Unauthenticated SIGNATURE_EXPIRED if the claim's time is more than five minutes from this server's."""
    now = clock.now_seconds()
    if abs(now - claim.timestamp) > limits.SIGNATURE_SKEW_SECONDS:
        raise Unauthenticated(
            f"X-MQ-Timestamp differs from the server's time by more than {limits.SIGNATURE_SKEW_SECONDS} seconds."
            " Set the clock, or use the server_time given here, and sign again.",
            "SIGNATURE_EXPIRED",
            server_time=int(now),
        )


def canonical(
    claim: Claim, headers: Mapping[bytes, bytes], *, method: str, raw_path: bytes, query: bytes, body_sha256: str
) -> bytes:
    """Returns the text that is signed.

    `raw_path` and `query` are as they stand in the request line, percent signs and all. Raises Unauthenticated
    SIGNATURE_MISMATCH when a signed header is missing or holds a line break.
    """
    parts = [SCHEME.encode(), method.encode(), raw_path, canonical_query(query)]
    for name in claim.signed_headers:
        value = headers.get(name)
        if value is None:
            raise _malformed(f"the signed header {name.decode()} is not in the request")
        parts.append(name + b":" + value.strip(b" \t"))
    parts.append(body_sha256.encode())
    if any(b"\n" in part or b"\r" in part for part in parts):
        raise _malformed("no part of the request may hold a line break")
    return b"\n".join(parts) + b"\n"


def canonical_query(query: bytes) -> bytes:
    """Returns the query with each name and value decoded and encoded again in one way, in ascending order of names.

    Fields of the same name keep their order: to change it changes what the request means. Raises Unauthenticated for
    too many fields.
    """
    if not query:
        return b""
    try:
        fields = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=limits.QUERY_FIELD_COUNT,
        )
    except ValueError:
        raise _malformed(f"a signed query has at most {limits.QUERY_FIELD_COUNT} fields") from None
    encoded = [(quote(n, safe="", encoding="latin-1"), quote(v, safe="", encoding="latin-1")) for n, v in fields]
    encoded.sort(key=lambda field: field[0])
    return "&".join(f"{name}={value}" for name, value in encoded).encode()


def sign(secret: bytes, text: bytes) -> str:
    """Returns the signature of a canonical text as 64 hex digits."""
    return hmac.new(secret, text, hashlib.sha256).hexdigest()


def _malformed(what: str) -> Unauthenticated:
    return Unauthenticated(f"The signature cannot be read: {what}.", "SIGNATURE_MISMATCH")
