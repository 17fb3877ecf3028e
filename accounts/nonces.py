"""The memory of signed requests already seen: each nonce works once.

Owns: where nonces are kept and for how long. Must not know: signatures. Called by: credentials, off the event loop.

Redis keeps them. While it cannot be reached they go to PostgreSQL, and for ten minutes after an outage both are asked,
in every process: the note that there was one is itself kept in Redis, and by the process that saw it.
What a Redis that was emptied knew is gone: a request captured before could be repeated until its time runs out.
"""

import hashlib
from datetime import timedelta

import redis
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from . import clock, limits, volatile
from .errors import TryLater
from .models import UsedNonce

_OUTAGE_KEY = f"{volatile.PREFIX}nonce-outage"
_PRUNE_COUNT = 100

_outage_seen_at = float("-inf")


def take(key_id: str, nonce: str) -> bool:
    """Returns True the first time this key shows this nonce, False when it was seen within the last ten minutes.

    Raises: TryLater STORE_UNAVAILABLE when neither Redis nor PostgreSQL can remember it.
    """
    global _outage_seen_at
    digest = hashlib.sha256(f"{key_id}\n{nonce}".encode()).digest()
    saw_outage = clock.monotonic() - _outage_seen_at < limits.NONCE_KEEP_SECONDS
    try:
        is_new, outage = volatile.use(lambda client: _take_in_redis(client, digest, saw_outage=saw_outage))
    except volatile.Unavailable:
        _outage_seen_at = clock.monotonic()
        return _take_in_database(digest)
    if outage:
        return _take_in_database(digest) and is_new
    return is_new


def _take_in_redis(client: redis.Redis, digest: bytes, *, saw_outage: bool) -> tuple[bool, bool]:
    with client.pipeline(transaction=True) as pipe:
        pipe.set(f"{volatile.PREFIX}nonce:{digest.hex()}", b"1", nx=True, ex=limits.NONCE_KEEP_SECONDS)
        if saw_outage:
            pipe.set(_OUTAGE_KEY, b"1", nx=True, ex=limits.NONCE_KEEP_SECONDS)
        pipe.exists(_OUTAGE_KEY)
        answers = pipe.execute()
    return bool(answers[0]), bool(answers[-1])


def _take_in_database(digest: bytes) -> bool:
    instant = clock.now()
    try:
        _prune()
        with transaction.atomic():
            UsedNonce.objects.create(digest=digest, expires_at=instant + timedelta(seconds=limits.NONCE_KEEP_SECONDS))
    except IntegrityError:
        return False
    except (OperationalError, InterfaceError) as error:
        if not connection.in_atomic_block:
            connection.close()
        raise TryLater(
            "The signature's nonce cannot be checked because neither Redis nor the database is reachable;"
            " nothing was done. Sign again and try again.",
            retry_after_seconds=1,
        ) from error
    return True


def _prune() -> None:
    old = UsedNonce.objects.filter(expires_at__lt=clock.now()).values_list("pk", flat=True)[:_PRUNE_COUNT]
    UsedNonce.objects.filter(pk__in=list(old)).delete()
