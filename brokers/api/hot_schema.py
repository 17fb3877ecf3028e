"""The hot routes in OpenAPI. They are not Django's, so no view describes them; `protocols.http.messages` reads them."""

from ..domain import limits
from . import request_schema
from .hot_words import CONTENT, INSTANT, ONE_BODY, RECEIPTS, SAID, TEXT, Json, answer, object_, operation, ref

_FAILURE: Json = answer(
    ["ok", "code", "title", "detail"], ok={"const": False}, code=TEXT, title=TEXT, detail=TEXT, receipt=TEXT
)

SCHEMAS: Json = {
    "Send": {
        **object_(
            [],
            **CONTENT,
            deliver_at={
                "type": ["string", "null"],
                "format": "date-time",
                "description": "topics of type DELAY; or give delay_seconds",
            },
            delay_seconds={"type": ["number", "null"], "minimum": 0, "maximum": limits.DELAY_MAX_SECONDS},
            dedup_id={
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": limits.DEDUP_ID_CHARS,
                "description": "a second message with it is not stored again: makes a repeated send safe",
            },
            message_id={
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": limits.MESSAGE_ID_CHARS,
                "pattern": "^[A-Za-z0-9]+$",
                "description": "left out, the server makes one",
            },
        ),
        "oneOf": ONE_BODY,
    },
    "Sent": answer(
        ["message_id", "queue", "offset"],
        message_id=TEXT,
        queue={"type": "integer"},
        offset={"type": ["integer", "null"], "description": "null while it waits for its time"},
        deliver_at=INSTANT,
        duplicate={"type": "boolean", "description": "true: a message with this dedup_id was stored before"},
    ),
    "SendHalf": {
        **object_(
            ["producer_group"],
            **CONTENT,
            producer_group={
                "type": "string",
                "minLength": 1,
                "maxLength": limits.GROUP_NAME_CHARS,
                "pattern": "^[%|a-zA-Z0-9_-]+$",
                "description": "who is asked when no decision comes; made when it is new",
            },
            deliver_at={"type": "null"},
            delay_seconds={"type": "null"},
            dedup_id={"type": ["string", "null"], "minLength": 1, "maxLength": limits.DEDUP_ID_CHARS},
            message_id={
                "type": ["string", "null"],
                "minLength": 1,
                "maxLength": limits.MESSAGE_ID_CHARS,
                "pattern": "^[A-Za-z0-9]+$",
            },
        ),
        "oneOf": ONE_BODY,
    },
    "HalfSent": answer(
        ["transaction_id", "message_id", "queue", "check_at"],
        transaction_id={"type": "string", "description": "what the decision must name"},
        message_id=TEXT,
        queue={"type": "integer"},
        check_at={**INSTANT, "description": "when the producer group is first asked, without a decision before"},
        duplicate={"type": "boolean", "description": "true: a half message with this dedup_id was stored before"},
    ),
    "TransactionDecision": object_(
        [],
        discarded={
            "type": "boolean",
            "description": "true: also if it was discarded after its last check; needs mq:Resend, and is audited",
        },
    ),
    "Decided": answer(
        ["transaction_id", "message_id", "state", "queue", "offset", "decided_at"],
        transaction_id=TEXT,
        message_id=TEXT,
        state={"type": "string", "enum": ["COMMITTED", "ROLLED_BACK"]},
        queue={"type": "integer"},
        offset={"type": ["integer", "null"], "description": "null: rolled back, or waiting for deliver_at"},
        decided_at=INSTANT,
        deliver_at=INSTANT,
    ),
    "PollChecks": object_(
        [],
        topics={
            "type": ["array", "null"],
            "items": {"type": "string", "minLength": 1},
            "maxItems": limits.RECEIVE_TOPIC_COUNT,
            "description": "whose transactions; needs PUB on each. Left out: all, which needs PUB on all",
        },
        max={"type": ["integer", "null"], "minimum": 1, "maximum": limits.CHECK_POLL_COUNT, "default": 16},
        wait_seconds={"type": ["number", "null"], "minimum": 0, "maximum": limits.WAIT_SECONDS, "default": 0},
        client_id={"type": ["string", "null"], "maxLength": limits.CLIENT_ID_CHARS},
    ),
    "Check": answer(
        ["transaction_id", "check", "message_id", "topic", "queue", "keys", "properties", "born_at", "stored_at"],
        transaction_id=TEXT,
        check={"type": "integer", "minimum": 1, "description": "which one this is"},
        message_id=TEXT,
        topic=TEXT,
        queue={"type": "integer"},
        **SAID,
        born_at=INSTANT,
        stored_at=INSTANT,
    ),
    "Checks": answer(["checks"], checks={"type": "array", "items": ref("Check")}),
    "SendBatch": object_(
        ["messages"],
        messages={"type": "array", "items": ref("Send"), "minItems": 1, "maxItems": limits.BATCH_MESSAGE_COUNT},
    ),
    "Failure": _FAILURE,
    "SentBatch": answer(
        ["results"],
        results={
            "type": "array",
            "description": "one for each message, in their order",
            "items": {"oneOf": [{"allOf": [answer(["ok"], ok={"const": True}), ref("Sent")]}, ref("Failure")]},
        },
    ),
    "Receive": object_(
        ["topics"],
        topics={
            "type": "array",
            "minItems": 1,
            "maxItems": limits.RECEIVE_TOPIC_COUNT,
            "items": {
                "oneOf": [
                    TEXT,
                    object_(
                        ["topic"],
                        topic=TEXT,
                        filter={
                            "oneOf": [
                                {"type": "string", "maxLength": limits.FILTER_CHARS, "description": "tagA||tagB"},
                                object_(["sql"], sql={"type": "string", "maxLength": limits.SQL_FILTER_CHARS}),
                            ]
                        },
                    ),
                ]
            },
        },
        max={"type": ["integer", "null"], "minimum": 1, "maximum": limits.RECEIVE_MESSAGE_COUNT, "default": 16},
        wait_seconds={
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": limits.WAIT_SECONDS,
            "default": 0,
            "description": "how long to wait for a message when there is none",
        },
        invisible_seconds={
            "type": ["number", "null"],
            "minimum": limits.INVISIBLE_MIN_SECONDS,
            "maximum": limits.INVISIBLE_MAX_SECONDS,
            "description": "how long the messages are yours; left out, the group's own time",
        },
        client_id={
            "type": ["string", "null"],
            "maxLength": limits.CLIENT_ID_CHARS,
            "description": "who you are, for people",
        },
    ),
    "Delivery": answer(
        ["message_id", "topic", "queue", "offset", "keys", "properties", "attempt", "receipt", "invisible_until"],
        message_id=TEXT,
        topic={"type": "string", "description": "where the message was sent, also for a retry"},
        queue={"type": "integer"},
        offset={"type": "integer"},
        **SAID,
        compression={
            "enum": ["zlib", "lz4", "zstd"],
            "description": "the sender compressed the body with this, and it comes as it was sent; else absent",
        },
        born_at=INSTANT,
        stored_at=INSTANT,
        attempt={"type": "integer", "minimum": 1},
        receipt={"type": "string", "description": "shows that this delivery is yours: for ack, nack, extend"},
        invisible_until=INSTANT,
        correlation_id={"type": "string", "description": "of a request: which one to answer"},
        reply_to={"type": "string", "description": "of a request: the address a reply needs"},
    ),
    "Received": answer(["messages"], messages={"type": "array", "items": ref("Delivery")}),
    "Ack": object_(["receipts"], receipts=RECEIPTS),
    "Nack": object_(
        ["receipts"],
        receipts=RECEIPTS,
        error={"type": ["string", "null"], "description": "why; kept in the message's timeline"},
        delay_seconds={
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": limits.BACKOFF_MAX_SECONDS,
            "description": "when to try again; left out, the group's back-off",
        },
    ),
    "Extend": object_(
        ["receipts"],
        receipts=RECEIPTS,
        invisible_seconds={
            "type": ["number", "null"],
            "minimum": limits.INVISIBLE_MIN_SECONDS,
            "maximum": limits.INVISIBLE_MAX_SECONDS,
            "description": "from now; left out, the group's own time",
        },
    ),
    "Settled": answer(
        ["results"],
        results={
            "type": "array",
            "description": "one for each receipt, in their order",
            "items": {
                "oneOf": [
                    answer(["ok", "receipt"], ok={"const": True}, receipt=TEXT, invisible_until=INSTANT),
                    ref("Failure"),
                ]
            },
        },
    ),
    **request_schema.SCHEMAS,
}

_TOPIC = "/instances/{instance}/topics/{topic}"
_GROUP = "/instances/{instance}/groups/{group}"
_TRANSACTION = "/instances/{instance}/transactions/{transaction}"
PATHS: Json = {
    f"{_TOPIC}/messages": operation(
        "sendMessage",
        "Send a message; 201 says that it is on disk",
        request="Send",
        answer="Sent",
        of="topic",
        status="201",
    ),
    f"{_TOPIC}/messages:batch": operation(
        "sendMessages", "Send up to 1000 messages", request="SendBatch", answer="SentBatch", of="topic"
    ),
    f"{_TOPIC}/messages:half": operation(
        "sendHalfMessage",
        "Send a half message: nobody sees it until it is committed",
        request="SendHalf",
        answer="HalfSent",
        of="topic",
        status="201",
    ),
    f"{_TRANSACTION}:commit": operation(
        "commitTransaction",
        "Make a half message visible",
        request="TransactionDecision",
        answer="Decided",
        of="transaction",
        needs_body=False,
    ),
    f"{_TRANSACTION}:rollback": operation(
        "rollbackTransaction",
        "Make sure that a half message is never seen",
        request="TransactionDecision",
        answer="Decided",
        of="transaction",
        needs_body=False,
    ),
    "/instances/{instance}/producer-groups/{group}:checks": operation(
        "pollChecks",
        "Ask which transactions of a producer group wait for an answer",
        request="PollChecks",
        answer="Checks",
        of="group",
        needs_body=False,
    ),
    f"{_GROUP}/messages:receive": operation(
        "receiveMessages", "Receive messages, waiting for them", request="Receive", answer="Received", of="group"
    ),
    f"{_GROUP}/messages:ack": operation(
        "ackMessages", "Say that messages are done", request="Ack", answer="Settled", of="group"
    ),
    f"{_GROUP}/messages:nack": operation(
        "nackMessages", "Say that messages failed: they come again later", request="Nack", answer="Settled", of="group"
    ),
    f"{_GROUP}/messages:extend": operation(
        "extendMessages", "Ask for more time", request="Extend", answer="Settled", of="group"
    ),
    **request_schema.PATHS,
}
OPERATION_IDS = frozenset(operation["operationId"] for operation in PATHS.values())
