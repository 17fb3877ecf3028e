"""Signed notes of how far each account's chain had come, kept outside the database.

Owns: the file, its lines and their signatures. Must not know: what entries say. Called by: the timetable
(`brokers.tasks`), retention, `audit_proof`.

A line is a JSON object in canonical form with an Ed25519 signature over the rest of it, by a key derived from
`MQ_MASTER_KEY`. Each line holds the SHA-256 of the line before, so none can be taken out of the middle; the same facts
go to the log as `audit_checkpoint`, wherever that is kept. Whoever can write the database can cut the end of a chain
off and make a new one; not the one these lines speak of.
"""

import base64
import fcntl
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from . import audit, clock
from .models import AuditHead

_log = logging.getLogger(__name__)

_PURPOSE = b"mqconsole audit checkpoints 1"
_LINE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One line. `kind` is `head` (the chain reached this entry) or `pruned` (entries up to it were dropped)."""

    kind: str
    account: int
    sequence: int
    hash: str
    at: str


class Broken(Exception):
    """The file says something that was not signed here, or a line of it is missing."""


def path() -> Path:
    """Returns where the file is."""
    return Path(settings.AUDIT_DIR) / "checkpoints.jsonl"


def write() -> int:
    """Adds a line for each account whose chain grew since its last one. Returns how many. Raises Broken, OSError."""
    heads = list(AuditHead.objects.order_by("account_id").values_list("account_id", "sequence", "hash"))
    with _locked() as file:
        known = {line.account: line.sequence for line in _read(file) if line.kind == "head"}
        fresh = [row for row in heads if row[1] > known.get(row[0], 0)]
        return _append(file, [Checkpoint("head", *row, at=clock.now().isoformat()) for row in fresh])


def note_pruned(account_id: int, sequence: int, hash_: str) -> None:
    """Adds a line that an account's entries up to `sequence` were dropped. Raises Broken, OSError."""
    with _locked() as file:
        _append(file, [Checkpoint("pruned", account_id, sequence, hash_, at=clock.now().isoformat())])


def read() -> list[Checkpoint]:
    """Returns every line, oldest first; none when there is no file yet. Raises Broken."""
    try:
        with path().open("rb") as file:
            return list(_read(file))
    except FileNotFoundError:
        return []


def public_key() -> str:
    """Returns the key signatures are checked with, in base64, to be kept elsewhere."""
    raw = _key(settings.MASTER_KEY).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


class _locked:
    """The file, open to read and to append, for one process at a time."""

    def __enter__(self) -> Any:  # Any: a file
        path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = path().open("a+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.seek(0)
        return self._file

    def __exit__(self, *error: object) -> None:
        self._file.close()


def _read(file: Any) -> Iterator[Checkpoint]:  # Any: a file
    previous = audit.GENESIS
    for number, line in enumerate(iter(lambda: file.readline(_LINE_BYTES), b""), start=1):
        try:
            said = json.loads(line)
            signature = base64.b64decode(said.pop("signature"), validate=True)
            _key(settings.MASTER_KEY).public_key().verify(signature, _canonical(said))
            found = Checkpoint(said["kind"], said["account"], said["sequence"], said["hash"], said["at"])
        except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature):
            raise Broken(f"line {number} of {path()} was not signed with this master key, or was changed") from None
        if said.get("previous") != previous:
            raise Broken(f"a line before line {number} of {path()} is missing")
        previous = hashlib.sha256(line.strip()).hexdigest()
        yield found


def _append(file: Any, lines: Sequence[Checkpoint]) -> int:  # Any: a file
    file.seek(0)
    previous = audit.GENESIS
    for line in file:
        previous = hashlib.sha256(line.strip()).hexdigest()
    for one in lines:
        said = {
            "account": one.account,
            "at": one.at,
            "hash": one.hash,
            "kind": one.kind,
            "previous": previous,
            "sequence": one.sequence,
        }
        signature = base64.b64encode(_key(settings.MASTER_KEY).sign(_canonical(said))).decode()
        line = _canonical({**said, "signature": signature})
        file.write(line + b"\n")
        previous = hashlib.sha256(line).hexdigest()
        _log.info(
            "audit_checkpoint",
            extra={"kind": one.kind, "account_id": one.account, "sequence": one.sequence, "hash": one.hash},
        )
    file.flush()
    return len(lines)


def _canonical(said: dict[str, Any]) -> bytes:  # Any: JSON values
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


@cache
def _key(master_key: str) -> Ed25519PrivateKey:
    seed = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(master_key.encode())
    return Ed25519PrivateKey.from_private_bytes(seed)
