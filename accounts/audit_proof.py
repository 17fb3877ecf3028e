"""Whether an account's trail is what was written.

Owns: the examination of a chain against itself and the checkpoints, and dropping what is old enough. Must not know:
what entries mean. Called by: `manage.py verify_audit`, the timetable, the console.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction

from . import audit, audit_checkpoints, clock
from .audit_checkpoints import Checkpoint
from .models import AuditEntry, AuditHead

_BATCH_COUNT = 2000
_PROBLEM_COUNT = 20
_PRUNE_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one account: how many entries, from which number to which, and what is wrong, if anything.

    `checkpoint` is the newest number a signed line speaks of, 0 when there is none: what comes after it is held by the
    chain alone.
    """

    account_id: int
    count: int
    first: int
    last: int
    checkpoint: int
    problems: tuple[str, ...]


def verify(account_id: int) -> Finding:
    """Returns what is found of an account's trail. Reads all of it, a bounded number of entries at a time."""
    try:
        lines, problems = [line for line in audit_checkpoints.read() if line.account == account_id], []
    except audit_checkpoints.Broken as error:
        lines, problems = [], [f"{error}."]
    with transaction.atomic():
        if not connection.savepoint_ids:
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return _verify(account_id, lines, problems)


def prune(age: timedelta) -> int:
    """Drops entries older than `age` that a checkpoint covers, a bounded number of each account. Returns how many.

    What is left begins with the number after; a signed line says so before anything goes.
    Raises: audit_checkpoints.Broken, OSError.
    """
    covered = {line.account: line for line in audit_checkpoints.read() if line.kind == "head"}
    dropped = 0
    for head in AuditHead.objects.filter(account_id__in=covered):
        line = covered[head.account_id]
        rows = AuditEntry.objects.filter(
            account_id=head.account_id,
            sequence__gt=head.pruned_sequence,
            sequence__lte=min(line.sequence, head.pruned_sequence + _PRUNE_COUNT),
            at__lt=clock.now() - age,
        )
        # The oldest in one row: an entry may be a little older than one before it.
        young = AuditEntry.objects.filter(
            account_id=head.account_id, sequence__gt=head.pruned_sequence, at__gte=clock.now() - age
        ).order_by("sequence")
        first_young = young.values_list("sequence", flat=True).first()
        if first_young is not None:
            rows = rows.filter(sequence__lt=first_young)
        last = rows.order_by("-sequence").first()
        if last is None or last.sequence is None:
            continue
        audit_checkpoints.note_pruned(head.account_id, last.sequence, last.hash)
        with transaction.atomic():
            connection.cursor().execute("SET LOCAL mq.audit = 'prune'")
            dropped += AuditEntry.objects.filter(account_id=head.account_id, sequence__lte=last.sequence).delete()[0]
            AuditHead.objects.filter(pk=head.pk).update(pruned_sequence=last.sequence, pruned_hash=last.hash)
            connection.cursor().execute("SET LOCAL mq.audit = ''")
    return dropped


def _verify(account_id: int, lines: Sequence[Checkpoint], problems: list[str]) -> Finding:
    head = AuditHead.objects.filter(account_id=account_id).first()
    begins, previous = (head.pruned_sequence, head.pruned_hash) if head else (0, audit.GENESIS)
    noted = {line.sequence: line.hash for line in lines if line.kind == "head"}
    dropped = {line.sequence: line.hash for line in lines if line.kind == "pruned"}
    newest = max(noted, default=0)
    if begins and dropped.get(begins) != previous:
        problems.append(f"The entries up to {begins} are missing, and no signed line says that they were dropped.")
    expected, count = begins + 1, 0
    while batch := list(_entries(account_id, after=expected - 1)):
        for entry in batch:
            assert entry.sequence is not None, "the query asks for numbered ones"
            problem = _problem(entry, expected, previous)
            if problem is not None:
                problems.append(problem)
            if entry.sequence in noted and noted[entry.sequence] != entry.hash:
                problems.append(f"Entry {entry.sequence} is not the one a signed checkpoint speaks of.")
            expected, previous, count = entry.sequence + 1, entry.hash, count + 1
        if len(problems) >= _PROBLEM_COUNT:
            problems.append("There may be more.")
            break
    else:
        problems.extend(_end(account_id, head, expected - 1, previous=previous, newest=newest))
    return Finding(account_id, count, begins + 1, expected - 1, newest, tuple(problems))


def _entries(account_id: int, *, after: int) -> Iterable[AuditEntry]:
    rows = AuditEntry.objects.filter(account_id=account_id, sequence__gt=after)
    return rows.order_by("sequence")[:_BATCH_COUNT]


def _problem(entry: AuditEntry, expected: int, previous: str) -> str | None:
    if entry.sequence != expected:
        many = f"{expected}" if entry.sequence == expected + 1 else f"{expected} to {(entry.sequence or 0) - 1}"
        return f"Missing: {many}, before entry {entry.sequence}."
    if audit.digest(entry) != entry.digest:
        return f"Entry {entry.sequence} was changed after it was written."
    if audit.link(entry, previous) != entry.hash:
        return f"Entry {entry.sequence} does not follow the one before it: changed, moved, or put in."
    return None


def _end(account_id: int, head: AuditHead | None, last: int, *, previous: str, newest: int) -> list[str]:
    found = []
    if head is not None and (head.sequence, head.hash) != (last, previous):
        found.append(f"The chain ends at {last}, but its head says {head.sequence}.")
    if newest > last:
        found.append(f"The end is cut off: a signed checkpoint knows {newest} entries, and there are {last}.")
    loose = AuditEntry.objects.filter(account_id=account_id, sequence=None).count()
    if loose:
        found.append(f"{loose} entries are in no chain.")
    return found
