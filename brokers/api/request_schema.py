"""Requests and replies in OpenAPI; `protocols.http.requests` reads them."""

from ..domain import limits
from .hot_words import CONTENT, INSTANT, ONE_BODY, SAID, TEXT, Json, answer, object_, operation, ref


def _look() -> Json:
    described = operation("getRequest", "See how a request stands", request="", answer="RequestStanding", of="request")
    del described["requestBody"]
    described["parameters"] += [
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
    return described


_CONTENT_OF_REQUEST: Json = {
    **CONTENT,
    "message_id": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": limits.MESSAGE_ID_CHARS,
        "pattern": "^[A-Za-z0-9]+$",
    },
}
_REPLY_MEMBERS = ("body", "body_base64", "tag", "keys", "properties")
_REPLY_CONTENT: Json = {name: CONTENT[name] for name in _REPLY_MEMBERS}
SCHEMAS: Json = {
    "Request": {
        **object_(
            [],
            **_CONTENT_OF_REQUEST,
            timeout_seconds={
                "type": ["number", "null"],
                "minimum": 0.001,
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
        "oneOf": ONE_BODY,
    },
    "ReplyGiven": {
        **object_(
            ["reply_to"],
            reply_to={"type": "string", "description": "as the request was received with it"},
            **_REPLY_CONTENT,
        ),
        "oneOf": ONE_BODY,
    },
    "ReplyTaken": answer(["correlation_id"], correlation_id=TEXT),
    "Reply": answer(
        ["group", "client_id", "tag", "keys", "properties", "replied_at"],
        group={"type": "string", "description": "the group that answered"},
        client_id=TEXT,
        **{name: SAID[name] for name in _REPLY_MEMBERS},
        replied_at=INSTANT,
        is_compressed={"type": "boolean", "description": "true: a client compressed it in a way not opened here"},
    ),
    "Replies": answer(
        ["correlation_id", "message_id", "replies", "complete"],
        correlation_id=TEXT,
        message_id=TEXT,
        replies={"type": "array", "items": ref("Reply"), "description": "in the order they came"},
        complete={"type": "boolean", "description": "false: fewer than max_replies came in time"},
    ),
    "RequestStanding": answer(
        ["correlation_id", "message_id", "state", "asked_at", "deadline", "replies", "complete"],
        correlation_id=TEXT,
        message_id=TEXT,
        state={"type": "string", "enum": ["OPEN", "ANSWERED", "TIMED_OUT", "ABANDONED"]},
        asked_at=INSTANT,
        deadline=INSTANT,
        replies={"type": "array", "items": ref("Reply")},
        complete={"type": "boolean"},
    ),
    "RequestAsked": answer(["correlation_id", "message_id"], correlation_id=TEXT, message_id=TEXT),
}

_REQUEST = "/instances/{instance}/requests/{request}"
_ASK = "/instances/{instance}/topics/{topic}/messages:request"
PATHS: Json = {
    _ASK: operation("request", "Send a message and wait for replies", request="Request", answer="Replies", of="topic"),
    f"{_REQUEST}:reply": operation(
        "reply", "Answer a request that was received", request="ReplyGiven", answer="ReplyTaken", of="request"
    ),
    _REQUEST: _look(),
}
PATHS[_ASK]["responses"]["202"] = {
    "description": "with async: where to look for the replies",
    "content": {"application/json": {"schema": ref("RequestAsked")}},
}
