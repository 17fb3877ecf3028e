"""A stored message as remoting clients read it.

Owns: which properties they find. Must not know: how it was fetched. Called by: the handlers of this room.
"""

from ...domain.messages import ORIGIN_TOPIC, Stored
from ...domain.requests import REPLY_TO
from ...protocols.remoting import records
from . import names
from .call import CLUSTER, REGION, Place

# Keeps the number a producer may give a message beside its properties; only RocketMQ's clients know of it.
FLAG = "MQ2_FLAG"


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
    properties["CLUSTER"] = CLUSTER
    properties["MSG_REGION"] = REGION  # a client traces only what comes from somewhere
    host, _, port = message.born_host.rpartition(":")
    return records.encode(
        records.Record(
            topic=topic,
            queue=queue,
            queue_offset=message.offset,
            physical_offset=records.place(message.queue_id, message.offset),
            body=message.body,
            body_crc=message.body_crc,
            flag=int(flag) if flag.lstrip("-").isdigit() else 0,
            sys_flag=message.sys_flag,
            born_at_ms=message.born_at_ms,
            born_host=(host or message.born_host, int(port) if host and port.isdigit() else 0),
            stored_at_ms=message.stored_at_ms,
            store_host=(place.host, place.port),
            reconsume_times=message.reconsume_times,
            properties=properties,
        )
    )
