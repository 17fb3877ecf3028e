"""Text that only this installation can have written: bytes and a keyed checksum of them, URL-safe.

Owns: the text form and the check. Must not know: what is sealed. Called by: `receipts`, `requests`.
Source: RFC 7693 (BLAKE2, keyed), RFC 4648 §5.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seal:
    """One kind of sealed text; what another `purpose` sealed does not open here."""

    mac_bytes: int
    purpose: bytes = b""

    def close(self, payload: bytes, key: bytes) -> str:
        """Returns the text of `payload`, sealed with `key` (any length)."""
        return base64.urlsafe_b64encode(payload + self._mac(payload, key)).decode().rstrip("=")

    def open(self, text: str, key: bytes) -> bytes:
        """Returns what `close` was given. Raises ValueError for anything else."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise ValueError("not base64") from error
        payload, mac = raw[: -self.mac_bytes], raw[-self.mac_bytes :]
        if not hmac.compare_digest(mac, self._mac(payload, key)):
            raise ValueError("not sealed here")
        return payload

    def _mac(self, payload: bytes, key: bytes) -> bytes:
        return hashlib.blake2b(payload, key=key[:64], digest_size=self.mac_bytes, person=self.purpose).digest()
