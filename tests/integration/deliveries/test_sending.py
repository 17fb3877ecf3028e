"""Batches of many senders: what one of them gets wrong is nobody else's trouble."""

from datetime import timedelta
from typing import Any

import pytest

from brokers.domain import messages
from brokers.domain.errors import ErrorCode, NotFound
from brokers.domain.messages import Outgoing
from brokers.engine import publish
from brokers.engine.publish import Published, Send
from tests.integration.reads.world import World


def outgoing(**fields: Any) -> Outgoing:
    return Outgoing(body=b"hello", message_id=messages.new_message_id(), **fields)


@pytest.mark.parametrize("fields", [{}, {"dedup_id": "d1"}, {"delay": timedelta(hours=1)}])
def test_a_topic_deleted_meanwhile_fails_its_own_sends_only(world: World, fields: dict[str, Any]) -> None:
    kept = world.entry(world.topic("kept", type="DELAY"))
    gone_row = world.topic("gone", type="DELAY")
    gone = world.entry(gone_row)
    gone_row.delete()
    refused, *others = publish.publish(
        [
            Send(gone, outgoing(**fields)),
            Send(kept, outgoing(**fields)),
            Send(kept, outgoing()),
            Send(kept, outgoing(dedup_id="d2")),
            Send(kept, outgoing(dedup_id="d2")),
        ]
    )
    assert isinstance(refused, NotFound) and refused.code == ErrorCode.TOPIC_NOT_FOUND
    assert all(isinstance(other, Published) for other in others), others
    assert [other.duplicate for other in others if isinstance(other, Published)] == [False, False, False, True]


def test_repeats_within_a_batch_for_a_deleted_topic_are_all_told_so(world: World) -> None:
    row = world.topic("gone")
    gone = world.entry(row)
    row.delete()
    send = Send(gone, outgoing(dedup_id="d1"))
    results = publish.publish([send, send._replace(message=outgoing(dedup_id="d1"))])
    assert [getattr(result, "code", None) for result in results] == [ErrorCode.TOPIC_NOT_FOUND] * 2
