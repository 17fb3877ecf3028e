"""The signature RocketMQ's remoting clients put on each request (their "ACL").

Owns: what is signed and how. Must not know: frames. Called by: the remoting door.
Source: apache/rocketmq client/.../acl/common/AclClientRPCHook.java, AclUtils.java: the values of all fields in the
order of their names, then the body, HMAC-SHA1 with the secret, base64. It holds no time and no nonce, so a recorded
request can be sent again; use it on networks you trust, or inside TLS.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from . import key_cache
from .errors import Unauthenticated
from .key_cache import KeyEntry

KEY_FIELD, SIGNATURE_FIELD = "AccessKey", "Signature"
# Added by clients after they have signed.
_UNSIGNED = frozenset({SIGNATURE_FIELD, "__ZONE_NAME", "__ZONE_MODE"})
# Signed by clients from 4.9.4 on, added after signing by older ones.
_MAYBE_UNSIGNED = "_UNIQUE_KEY_QUERY"
_NOBODY = b"\0" * 32


def sign(secret: bytes, fields: Mapping[str, str], body: bytes, *, leave_out: frozenset[str] = _UNSIGNED) -> str:
    """Returns the text of the signature."""
    content = "".join(fields[name] for name in sorted(fields) if name not in leave_out).encode()
    return base64.b64encode(hmac.digest(secret, content + body, hashlib.sha1)).decode()


def is_warm(fields: Mapping[str, str]) -> bool:
    """Returns True if `verify` would ask nothing of the database now."""
    return key_cache.is_warm(fields.get(KEY_FIELD, ""))


def verify(fields: Mapping[str, str], body: bytes, source_ip: str) -> KeyEntry:
    """Returns the key that signed a request; may ask the database.

    Raises: Unauthenticated UNAUTHENTICATED, ACCESS_KEY_DISABLED, SIGNATURE_MISMATCH; TryLater STORE_UNAVAILABLE.
    """
    entry = _check(key_cache.lookup(fields[KEY_FIELD]), fields, body, source_ip=source_ip)
    key_cache.note_use(entry.key_id, source_ip, "remoting")
    return entry


def verify_warm(fields: Mapping[str, str], body: bytes, source_ip: str) -> KeyEntry:
    """Returns the key that signed a request, asking nobody. Only after `is_warm` said True. Raises as above."""
    return _check(key_cache.peek(fields[KEY_FIELD]), fields, body, source_ip=source_ip)


def is_known(key_id: str) -> bool:
    """Returns True if there is an enabled key with this id: what may be said before a long body has been read."""
    entry = key_cache.lookup(key_id)
    return entry is not None and entry.enabled


def _check(entry: KeyEntry | None, fields: Mapping[str, str], body: bytes, *, source_ip: str) -> KeyEntry:
    secret = entry.secret if entry is not None else _NOBODY
    given = fields.get(SIGNATURE_FIELD, "").encode()
    fits = hmac.compare_digest(sign(secret, fields, body).encode(), given)
    if not fits and _MAYBE_UNSIGNED in fields:
        older = sign(secret, fields, body, leave_out=_UNSIGNED | {_MAYBE_UNSIGNED})
        fits = hmac.compare_digest(older.encode(), given)
    if entry is None or not fits:
        key_cache.note_refusal(entry, source_ip, "the signature did not fit")
        raise Unauthenticated(
            "There is no such access key, or the request is not signed with its secret.", "SIGNATURE_MISMATCH"
        )
    if not entry.enabled:
        key_cache.note_refusal(entry, source_ip, "the key is disabled")
        raise Unauthenticated(
            "This access key is disabled. Switch it on in the console, or use another key.", "ACCESS_KEY_DISABLED"
        )
    return entry
