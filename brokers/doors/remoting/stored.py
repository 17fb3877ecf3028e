"""A stored message as remoting clients read it.

Owns: which properties they find. Must not know: how it was fetched. Called by: the handlers of this room.
"""

from collections.abc import Iterable
from functools import lru_cache

from ...domain.messages import ORIGIN_TOPIC, Stored
from ...domain.requests import REPLY_TO
from ...protocols.remoting import records
from . import names
from .call import CLUSTER, REGION, Place

# Keeps the number a producer may give a message beside its properties; only RocketMQ's clients know of it.
FLAG = "MQ2_FLAG"
_OURS = {"CLUSTER": CLUSTER, "MSG_REGION": REGION}  # a client traces only what comes from somewhere
_OURS_WRITTEN = records.write_properties(_OURS)
# What is set here or does not leave as it is stored.
_SPECIAL = frozenset({"POP_CK", FLAG, ORIGIN_TOPIC, "KEYS", "TAGS", REPLY_TO, "UNIQ_KEY", *_OURS})


def record(
    message: Stored,
    *,
    topic: str,
    queue: int,
    prefix: str,
    place: Place,
    pop_handle: str = "",
    reply_to: str | None = None,
) -> bytes:
    """Returns a message's record. `topic` and `prefix` as the client writes them; `pop_handle` is its POP_CK.

    `reply_to` is the sealed address of a request that is delivered to a group; clients put it into their replies.
    """
    properties = dict(message.properties)
    if pop_handle:
        properties["POP_CK"] = pop_handle
    flag = properties.pop(FLAG, "0")
    if ORIGIN_TOPIC in properties:
        properties[ORIGIN_TOPIC] = names.wrap(prefix, properties[ORIGIN_TOPIC])
    if message.keys:
        properties["KEYS"] = " ".join(message.keys)
    if message.tag is not None:
        properties["TAGS"] = message.tag
    if reply_to is not None:
        properties[REPLY_TO] = reply_to
    properties["UNIQ_KEY"] = message.message_id
    properties |= _OURS
    parts = _writer(topic, place).parts(
        queue=queue,
        queue_offset=message.offset,
        physical_offset=records.place(message.queue_id, message.offset),
        body=message.body,
        body_crc=message.body_crc,
        flag=int(flag) if flag.lstrip("-").isdigit() else 0,
        sys_flag=message.sys_flag,
        born_at_ms=message.born_at_ms,
        born_host=_address(message.born_host),
        stored_at_ms=message.stored_at_ms,
        reconsume_times=message.reconsume_times,
        properties=records.write_properties(properties).encode(),
    )
    return b"".join(parts)


def plain_records(messages: Iterable[Stored], *, topic: str, queue: int, prefix: str, place: Place) -> bytes:
    """Returns the records of messages nobody waits for an answer to, one after the other; each as `record` does."""
    writer = _writer(topic, place)
    parts: list[bytes] = []
    for message in messages:
        # Taken apart at once: field by field takes as long as packing the record.
        queue_id, offset, message_id, tag, keys, properties, body, flags, crc, born_at, host, stored_at, times = message
        if properties and not _SPECIAL.isdisjoint(properties):
            parts.append(record(message, topic=topic, queue=queue, prefix=prefix, place=place))
            continue
        text = records.write_properties(properties) if properties else ""
        if keys and (joined := " ".join(keys)):
            text += f"KEYS\x01{joined}\x02"
        if tag:
            text += f"TAGS\x01{tag}\x02"
        parts += writer.parts(
            queue=queue,
            queue_offset=offset,
            physical_offset=records.place(queue_id, offset),
            body=body,
            body_crc=crc,
            flag=0,
            sys_flag=flags,
            born_at_ms=born_at,
            born_host=_address(host),
            stored_at_ms=stored_at,
            reconsume_times=times,
            properties=f"{text}UNIQ_KEY\x01{message_id}\x02{_OURS_WRITTEN}".encode(),
        )
    return b"".join(parts)


@lru_cache(1024)
def _writer(topic: str, place: Place) -> records.Writer:
    return records.Writer(topic, (place.host, place.port))


@lru_cache(4096)
def _address(text: str) -> bytes:
    host, _, port = text.rpartition(":")
    return records.address((host or text, int(port) if host and port.isdigit() else 0))
