"""The hot routes in OpenAPI. They are not Django's, so no view describes them; `protocols.http.messages` reads them."""

from typing import Any

from ..domain import limits

Json = dict[str, Any]  # Any: JSON values


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _answer(required: list[str], **properties: Json) -> Json:
    return {"type": "object", "required": required, "properties": properties}


_TEXT: Json = {"type": "string"}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_RECEIPTS: Json = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": limits.RECEIPT_COUNT,
    "description": "as the receive call returned them",
}
_CONTENT: Json = {
    "body": {"type": "string", "description": "text; or give body_base64"},
    "body_base64": {"type": "string", "contentEncoding": "base64", "description": "bytes"},
    "tag": {"type": ["string", "null"], "minLength": 1, "maxLength": limits.TAG_CHARS},
    "keys": {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": limits.KEY_CHARS},
        "maxItems": limits.KEY_COUNT,
        "description": "messages are found by them",
    },
    "properties": {
        "type": "object",
        "additionalProperties": _TEXT,
        "maxProperties": limits.PROPERTY_COUNT,
        "description": f"at most {limits.PROPERTIES_BYTES} bytes in all",
    },
    "sharding_key": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": limits.SHARDING_KEY_CHARS,
        "description": "messages with the same one go to the same queue, in order",
    },
}
_FAILURE: Json = _answer(
    ["ok", "code", "title", "detail"], ok={"const": False}, code=_TEXT, title=_TEXT, detail=_TEXT, receipt=_TEXT
)

SCHEMAS: Json = {
    "Send": {
        **_object(
            [],
            **_CONTENT,
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
        "oneOf": [{"required": ["body"]}, {"required": ["body_base64"]}],
    },
    "Sent": _answer(
        ["message_id", "queue", "offset"],
        message_id=_TEXT,
        queue={"type": "integer"},
        offset={"type": ["integer", "null"], "description": "null while it waits for its time"},
        deliver_at=_INSTANT,
        duplicate={"type": "boolean", "description": "true: a message with this dedup_id was stored before"},
    ),
    "SendHalf": {
        **_object(
            ["producer_group"],
            **_CONTENT,
            producer_group={
                "type": "string",
                "minLength": 1,
                "maxLength": limits.GROUP_NAME_CHARS,
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
        "oneOf": [{"required": ["body"]}, {"required": ["body_base64"]}],
    },
    "HalfSent": _answer(
        ["transaction_id", "message_id", "queue", "check_at"],
        transaction_id={"type": "string", "description": "what the decision must name"},
        message_id=_TEXT,
        queue={"type": "integer"},
        check_at={**_INSTANT, "description": "when the producer group is first asked, without a decision before"},
        duplicate={"type": "boolean", "description": "true: a half message with this dedup_id was stored before"},
    ),
    "Decision": _object(
        [],
        discarded={
            "type": "boolean",
            "description": "true: also if it was discarded after its last check; needs mq:Resend, and is audited",
        },
    ),
    "Decided": _answer(
        ["transaction_id", "message_id", "state", "queue", "offset", "decided_at"],
        transaction_id=_TEXT,
        message_id=_TEXT,
        state={"type": "string", "enum": ["COMMITTED", "ROLLED_BACK"]},
        queue={"type": "integer"},
        offset={"type": ["integer", "null"], "description": "null: rolled back, or waiting for deliver_at"},
        decided_at=_INSTANT,
        deliver_at=_INSTANT,
    ),
    "PollChecks": _object(
        [],
        topics={
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "maxItems": limits.RECEIVE_TOPIC_COUNT,
            "description": "whose transactions; needs PUB on each. Left out: all, which needs PUB on all",
        },
        max={"type": ["integer", "null"], "minimum": 1, "maximum": limits.CHECK_POLL_COUNT, "default": 16},
        wait_seconds={"type": ["number", "null"], "minimum": 0, "maximum": limits.WAIT_SECONDS, "default": 0},
        client_id={"type": ["string", "null"], "maxLength": limits.CLIENT_ID_CHARS},
    ),
    "Check": _answer(
        ["transaction_id", "check", "message_id", "topic", "queue", "keys", "properties", "born_at", "stored_at"],
        transaction_id=_TEXT,
        check={"type": "integer", "minimum": 1, "description": "which one this is"},
        message_id=_TEXT,
        topic=_TEXT,
        queue={"type": "integer"},
        **{**_CONTENT, "body": {**_TEXT, "description": "when it is UTF-8; else body_base64"}},
        born_at=_INSTANT,
        stored_at=_INSTANT,
    ),
    "Checks": _answer(["checks"], checks={"type": "array", "items": _ref("Check")}),
    "SendBatch": _object(
        ["messages"],
        messages={"type": "array", "items": _ref("Send"), "minItems": 1, "maxItems": limits.BATCH_MESSAGE_COUNT},
    ),
    "Failure": _FAILURE,
    "SentBatch": _answer(
        ["results"],
        results={
            "type": "array",
            "description": "one for each message, in their order",
            "items": {"oneOf": [{"allOf": [_answer(["ok"], ok={"const": True}), _ref("Sent")]}, _ref("Failure")]},
        },
    ),
    "Receive": _object(
        ["topics"],
        topics={
            "type": "array",
            "minItems": 1,
            "maxItems": limits.RECEIVE_TOPIC_COUNT,
            "items": {
                "oneOf": [
                    _TEXT,
                    _object(
                        ["topic"],
                        topic=_TEXT,
                        filter={
                            "oneOf": [
                                {"type": "string", "maxLength": limits.FILTER_CHARS, "description": "tagA||tagB"},
                                _object(["sql"], sql={"type": "string", "maxLength": limits.SQL_FILTER_CHARS}),
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
    "Delivery": _answer(
        ["message_id", "topic", "queue", "offset", "keys", "properties", "attempt", "receipt", "invisible_until"],
        message_id=_TEXT,
        topic={"type": "string", "description": "where the message was sent, also for a retry"},
        queue={"type": "integer"},
        offset={"type": "integer"},
        **{**_CONTENT, "body": {**_TEXT, "description": "when it is UTF-8; else body_base64"}},
        compression={
            "enum": ["zlib", "lz4", "zstd"],
            "description": "the sender compressed the body with this, and it comes as it was sent; else absent",
        },
        born_at=_INSTANT,
        stored_at=_INSTANT,
        attempt={"type": "integer", "minimum": 1},
        receipt={"type": "string", "description": "shows that this delivery is yours: for ack, nack, extend"},
        invisible_until=_INSTANT,
    ),
    "Received": _answer(["messages"], messages={"type": "array", "items": _ref("Delivery")}),
    "Ack": _object(["receipts"], receipts=_RECEIPTS),
    "Nack": _object(
        ["receipts"],
        receipts=_RECEIPTS,
        error={"type": ["string", "null"], "description": "why; kept in the message's timeline"},
        delay_seconds={
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": limits.BACKOFF_MAX_SECONDS,
            "description": "when to try again; left out, the group's back-off",
        },
    ),
    "Extend": _object(
        ["receipts"],
        receipts=_RECEIPTS,
        invisible_seconds={
            "type": ["number", "null"],
            "minimum": limits.INVISIBLE_MIN_SECONDS,
            "maximum": limits.INVISIBLE_MAX_SECONDS,
            "description": "from now; left out, the group's own time",
        },
    ),
    "Settled": _answer(
        ["results"],
        results={
            "type": "array",
            "description": "one for each receipt, in their order",
            "items": {
                "oneOf": [
                    _answer(["ok", "receipt"], ok={"const": True}, receipt=_TEXT, invisible_until=_INSTANT),
                    _ref("Failure"),
                ]
            },
        },
    ),
}


def _operation(name: str, summary: str, *, request: str, answer: str, of: str, status: str = "200") -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["messages"],
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in ("instance", of)
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(request)}}},
        "responses": {
            status: {
                "description": "",
                "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": _ref(answer)}},
            }
        },
    }


_TOPIC = "/instances/{instance}/topics/{topic}"
_GROUP = "/instances/{instance}/groups/{group}"
_TRANSACTION = "/instances/{instance}/transactions/{transaction}"
PATHS: Json = {
    f"{_TOPIC}/messages": _operation(
        "sendMessage",
        "Send a message; 201 says that it is on disk",
        request="Send",
        answer="Sent",
        of="topic",
        status="201",
    ),
    f"{_TOPIC}/messages:batch": _operation(
        "sendMessages", "Send up to 1000 messages", request="SendBatch", answer="SentBatch", of="topic"
    ),
    f"{_TOPIC}/messages:half": _operation(
        "sendHalfMessage",
        "Send a half message: nobody sees it until it is committed",
        request="SendHalf",
        answer="HalfSent",
        of="topic",
        status="201",
    ),
    f"{_TRANSACTION}:commit": _operation(
        "commitTransaction", "Make a half message visible", request="Decision", answer="Decided", of="transaction"
    ),
    f"{_TRANSACTION}:rollback": _operation(
        "rollbackTransaction",
        "Make sure that a half message is never seen",
        request="Decision",
        answer="Decided",
        of="transaction",
    ),
    "/instances/{instance}/producer-groups/{group}:checks": _operation(
        "pollChecks",
        "Ask which transactions of a producer group wait for an answer",
        request="PollChecks",
        answer="Checks",
        of="group",
    ),
    f"{_GROUP}/messages:receive": _operation(
        "receiveMessages", "Receive messages, waiting for them", request="Receive", answer="Received", of="group"
    ),
    f"{_GROUP}/messages:ack": _operation(
        "ackMessages", "Say that messages are done", request="Ack", answer="Settled", of="group"
    ),
    f"{_GROUP}/messages:nack": _operation(
        "nackMessages", "Say that messages failed: they come again later", request="Nack", answer="Settled", of="group"
    ),
    f"{_GROUP}/messages:extend": _operation(
        "extendMessages", "Ask for more time", request="Extend", answer="Settled", of="group"
    ),
}
OPERATION_IDS = frozenset(operation["operationId"] for operation in PATHS.values())
