"""Takes up checks that are due and brings each to a producer of its group, by the way there is.

Owns: which way a check goes. Must not know: when it is due, how remoting or HTTP are spoken. Called by: doors.broker.

First a producer connected to this worker, then one connected to another worker (told over the channel layer), then the
group's webhook. When there is none of these, the check stays offered to producers that poll (doors.http.transactions).
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import orjson
from channels.layers import get_channel_layer

from accounts import vault

from ..catalog import producers
from ..dispatch import bridge, desk
from ..domain import limits
from ..domain.errors import BrokerError
from ..engine import back_checks, clients
from ..engine.back_checks import Check, Noted, Question
from ..engine.clients import ProducerGroup
from ..engine.transactions import Decision
from ..protocols.http import messages
from . import webhooks

_log = logging.getLogger(__name__)

# Bodies of so many half messages are in memory at once.
_OPEN_COUNT = 8
_DECISIONS = {"commit": True, "rollback": False}


class Asker(Protocol):
    """A door with producers on connections that stay."""

    def reaches(self, group: ProducerGroup) -> bool:
        """Returns True if a producer of the group is connected here."""

    async def ask(self, group: ProducerGroup, questions: Sequence[Question]) -> list[Noted]:
        """Asks producers connected here; returns which half messages were asked about."""


class BackChecks:
    """The checks of one worker. `layer_group` is where workers hear of one another."""

    def __init__(self, worker: str, asker: Asker | None, *, layer_group: str) -> None:
        self._worker = worker
        self._asker = asker
        self._layer_group = layer_group
        self._room = asyncio.Semaphore(limits.WEBHOOK_SIDE_BY_SIDE)
        self._calls: set[asyncio.Task[None]] = set()

    async def turn(self) -> int:
        """Takes up what is due and hands it on; returns how many checks there were."""
        checks = await bridge.run(back_checks.claim_due, limits.CHECK_CLAIM_COUNT)
        by_group: dict[int, list[Check]] = defaultdict(list)
        for check in checks:
            by_group[check.producer_group_id].append(check)
        for of_group in by_group.values():
            await self._hand_on(of_group)
        return len(checks)

    async def ask_here(self, group: ProducerGroup, half_ids: Iterable[int]) -> None:
        """Asks producers connected here: another worker took the checks up, and found them to be here."""
        if self._asker is None:
            return
        ids = list(half_ids)
        for start in range(0, len(ids), _OPEN_COUNT):
            questions = await bridge.run(back_checks.questions, ids[start : start + _OPEN_COUNT])
            asked = await self._asker.ask(group, questions)
            await bridge.run(back_checks.note, asked)

    def stop(self) -> None:
        """Ends calls under way; what they were to bring is asked again."""
        for call in self._calls:
            call.cancel()

    async def _hand_on(self, checks: Sequence[Check]) -> None:
        first, ids = checks[0], [check.half_id for check in checks]
        group = (first.account_id, first.instance, first.producer_group)
        if self._asker is not None and self._asker.reaches(group):
            await self.ask_here(group, ids)
            return
        there = await bridge.run(clients.producers, group)
        others = sorted({one.worker for one in there or () if one.worker and one.worker != self._worker})
        if others:
            await self._tell(random.choice(others), group, ids)  # noqa: S311 # any of them will do
        elif first.webhook_url:
            for half_id in ids:
                call = asyncio.create_task(self._call(first.producer_group_id, half_id))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)

    async def _tell(self, worker: str, group: ProducerGroup, half_ids: list[int]) -> None:
        layer = get_channel_layer()
        assert layer is not None, "CHANNEL_LAYERS is part of the settings"
        await layer.group_send(
            self._layer_group,
            {"type": "check", "to": worker, "group": list(group), "halves": half_ids},
        )

    async def _call(self, group_id: int, half_id: int) -> None:
        async with self._room:
            try:
                await self._call_webhook(group_id, half_id)
            except BrokerError as error:
                _log.info("webhook_answer_lost", extra={"code": str(error.code)})
            except Exception:  # a task boundary
                _log.exception("webhook_failed", extra={"producer_group_id": group_id})

    async def _call_webhook(self, group_id: int, half_id: int) -> None:
        questions = await bridge.run(back_checks.questions, [half_id])
        try:
            found = await bridge.run(producers.webhook_secret, group_id)
        except vault.Unreadable:
            await _note(half_id, "FAILED", "the webhook's secret cannot be decrypted: set another one")
            return
        if not questions or found is None:
            return
        (question,), (url, secret) = questions, found
        try:
            answer = await webhooks.post(url, _document(question), secret=secret)
            word = _read(answer)
        except webhooks.Failed as error:
            await _note(half_id, "FAILED", str(error))
            return
        await _note(half_id, "ASKED" if word in _DECISIONS else "UNKNOWN", "")
        if word in _DECISIONS:
            decision = Decision(id=question.id, is_commit=_DECISIONS[word], by=f"webhook {url}")
            (result,) = await (await desk.get()).transactions.decide([decision])
            if isinstance(result, BrokerError):
                await _note(half_id, "FAILED", result.detail)


async def _note(half_id: int, outcome: str, detail: str) -> None:
    await bridge.run(back_checks.note, [Noted(half_id, outcome, "webhook", "", detail)])


def _document(question: Question) -> bytes:
    described: dict[str, Any] = messages.describe_message(question.message)  # Any: JSON values
    del described["offset"]
    return messages.dump(
        {
            "transaction_id": str(question.id),
            "check": question.number,
            "instance": question.topic.instance,
            "topic": question.topic.name,
            "queue": question.queue,
            **described,
        }
    )


def _read(answer: webhooks.Answer) -> str:
    """Returns what the webhook decided: commit, rollback, unknown. Raises Failed."""
    if answer.status == 204:
        return "unknown"
    if answer.status != 200:
        raise webhooks.Failed(f"it answered {answer.status}; 200 and a decision were expected")
    try:
        read = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        read = None
    word = read.get("decision") if isinstance(read, dict) else None
    if word not in ("commit", "rollback", "unknown"):
        raise webhooks.Failed('the answer is not {"decision": "commit"}, "rollback" or "unknown"')
    return str(word)
