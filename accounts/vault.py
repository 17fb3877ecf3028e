"""Encryption of secrets at rest: of AccessKeys, and of the apps that make one-time codes.

Owns: the cipher and where its key comes from. Must not know: users, tables. Called by: keys, second_factors.
A signature can only be checked with the secret itself, so it cannot be hashed as a password is. The key that opens it
is not in the database: whoever has a copy of the database alone has no secrets.
"""

import hmac
import secrets
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE_BYTES = 12
_PURPOSE = b"mqconsole access key secrets 1"
_FINGERPRINT_PURPOSE = b"mqconsole fingerprints 1"


class Unreadable(Exception):
    """The stored bytes were not sealed with this master key for this key id."""


def seal(secret: str, *, account_id: int, key_id: str) -> tuple[bytes, bytes]:
    """Returns (nonce, ciphertext). The account and the key id are bound in: a row moved to another does not open."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce, _cipher(settings.MASTER_KEY).encrypt(nonce, secret.encode(), _binding(account_id, key_id))


def unseal(nonce: bytes, ciphertext: bytes, *, account_id: int, key_id: str) -> bytes:
    """Returns the secret's bytes. Raises Unreadable."""
    try:
        return _cipher(settings.MASTER_KEY).decrypt(nonce, ciphertext, _binding(account_id, key_id))
    except InvalidTag as error:
        raise Unreadable from error


def fingerprint(text: str) -> bytes:
    """Returns 32 bytes that stand for `text` and tell nothing of it to whoever has no master key."""
    return hmac.digest(_derived(settings.MASTER_KEY, _FINGERPRINT_PURPOSE), text.encode(), "sha256")


def _binding(account_id: int, key_id: str) -> bytes:
    return f"{account_id}|{key_id}".encode()


@cache
def _cipher(master_key: str) -> AESGCM:
    return AESGCM(_derived(master_key, _PURPOSE))


@cache
def _derived(master_key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(master_key.encode())
