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
        born_at=_INSTANT,
        stored_at=_INSTANT,
        attempt={"type": "integer", "minimum": 1},
        receipt={"type": "string", "description": "shows that this delivery is yours: for ack, nack, extend"},
        invisible_until=_INSTANT,
        correlation_id={"type": "string", "description": "of a request: which one to answer"},
        reply_to={"type": "string", "description": "of a request: the address a reply needs"},
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


def _look() -> Json:
    operation = _operation("getRequest", "See how a request stands", request="", answer="RequestStanding", of="request")
    del operation["requestBody"]
    operation["parameters"] += [
        {
            "name": "wait_seconds",
            "in": "query",
            "description": "how long to wait for a reply, or for the end",
            "schema": {"type": "number", "minimum": 0, "maximum": limits.WAIT_SECONDS, "default": 0},
        },
        {
            "name": "after",
            "in": "query",
            "description": "leave out so many replies that were seen before",
            "schema": {"type": "integer", "minimum": 0, "maximum": limits.REPLY_COUNT, "default": 0},
        },
    ]
    return operation


_CONTENT_OF_REQUEST: Json = {
    **_CONTENT,
    "message_id": {"type": ["string", "null"], "minLength": 1, "maxLength": limits.MESSAGE_ID_CHARS},
}
_REPLY_CONTENT: Json = {name: _CONTENT[name] for name in ("body", "body_base64", "tag", "keys", "properties")}
SCHEMAS |= {
    "Request": {
        **_object(
            [],
            **_CONTENT_OF_REQUEST,
            timeout_seconds={
                "type": ["number", "null"],
                "exclusiveMinimum": 0,
                "maximum": limits.REQUEST_SECONDS,
                "default": limits.REQUEST_DEFAULT_SECONDS,
                "description": "how long replies are waited for",
            },
            max_replies={
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": limits.REPLY_COUNT,
                "default": 1,
                "description": "each group that reads the topic answers once",
            },
            **{
                "async": {
                    "type": ["boolean", "null"],
                    "default": False,
                    "description": "answer 202 at once; look for the replies later",
                }
            },
        ),
        "oneOf": [{"required": ["body"]}, {"required": ["body_base64"]}],
    },
    "ReplyGiven": {
        **_object(
            ["reply_to"],
            reply_to={"type": "string", "description": "as the request was received with it"},
            **_REPLY_CONTENT,
        ),
        "oneOf": [{"required": ["reply_to", "body"]}, {"required": ["reply_to", "body_base64"]}],
    },
    "ReplyTaken": _answer(["correlation_id"], correlation_id=_TEXT),
    "Reply": _answer(
        ["group", "client_id", "tag", "keys", "properties", "replied_at"],
        group={"type": "string", "description": "the group that answered"},
        client_id=_TEXT,
        **{**_REPLY_CONTENT, "body": {**_TEXT, "description": "when it is UTF-8; else body_base64"}},
        replied_at=_INSTANT,
        is_compressed={"type": "boolean", "description": "true: a client compressed it in a way not opened here"},
    ),
    "Replies": _answer(
        ["correlation_id", "message_id", "replies", "complete"],
        correlation_id=_TEXT,
        message_id=_TEXT,
        replies={"type": "array", "items": _ref("Reply"), "description": "in the order they came"},
        complete={"type": "boolean", "description": "false: fewer than max_replies came in time"},
    ),
    "RequestStanding": _answer(
        ["correlation_id", "message_id", "state", "asked_at", "deadline", "replies", "complete"],
        correlation_id=_TEXT,
        message_id=_TEXT,
        state={"type": "string", "enum": ["OPEN", "ANSWERED", "TIMED_OUT", "ABANDONED"]},
        asked_at=_INSTANT,
        deadline=_INSTANT,
        replies={"type": "array", "items": _ref("Reply")},
        complete={"type": "boolean"},
    ),
    "RequestAsked": _answer(["correlation_id", "message_id"], correlation_id=_TEXT, message_id=_TEXT),
}

_TOPIC = "/instances/{instance}/topics/{topic}"
_REQUEST = "/instances/{instance}/requests/{request}"
_GROUP = "/instances/{instance}/groups/{group}"
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
    f"{_TOPIC}/messages:request": _operation(
        "request", "Send a message and wait for replies", request="Request", answer="Replies", of="topic"
    ),
    f"{_REQUEST}:reply": _operation(
        "reply", "Answer a request that was received", request="ReplyGiven", answer="ReplyTaken", of="request"
    ),
    _REQUEST: _look(),
}
PATHS[f"{_TOPIC}/messages:request"]["responses"]["202"] = {
    "description": "with async: where to look for the replies",
    "content": {"application/json": {"schema": _ref("RequestAsked")}},
}
