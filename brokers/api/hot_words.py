"""The words that OpenAPI schemas of the hot routes are made of."""

from typing import Any

from ..domain import limits

Json = dict[str, Any]  # Any: JSON values


def ref(name: str) -> Json:
    """Returns a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_(required: list[str], **properties: Json) -> Json:
    """Returns what a request says: these members and no others."""
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def answer(required: list[str], **properties: Json) -> Json:
    """Returns what an answer says; it may come to say more."""
    return {"type": "object", "required": required, "properties": properties}


TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}
RECEIPTS: Json = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": limits.RECEIPT_COUNT,
    "description": "as the receive call returned them",
}
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
CONTENT: Json = {
    "body": {"type": ["string", "null"], "description": "text; or give body_base64"},
    "body_base64": {
        "type": ["string", "null"],
        "pattern": _BASE64,
        "contentEncoding": "base64",
        "description": "bytes",
    },
    "tag": {"type": ["string", "null"], "minLength": 1, "maxLength": limits.TAG_CHARS},
    "keys": {
        "type": ["array", "null"],
        "items": {"type": "string", "minLength": 1, "maxLength": limits.KEY_CHARS},
        "maxItems": limits.KEY_COUNT,
        "description": "messages are found by them",
    },
    "properties": {
        "type": ["object", "null"],
        "additionalProperties": TEXT,
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
# One of the two, the other left out or null.
ONE_BODY: list[Json] = [
    {"required": [given], "properties": {given: {"type": "string"}, other: {"type": "null"}}}
    for given, other in (("body", "body_base64"), ("body_base64", "body"))
]
# The same in an answer, which leaves out what there is not.
SAID: Json = {
    **CONTENT,
    "body": {**TEXT, "description": "when it is UTF-8; else body_base64"},
    "body_base64": {**CONTENT["body_base64"], "type": "string"},
    "keys": {**CONTENT["keys"], "type": "array"},
    "properties": {**CONTENT["properties"], "type": "object"},
}


def operation(
    name: str, summary: str, *, request: str, answer: str, of: str, status: str = "200", needs_body: bool = True
) -> Json:
    """Returns a POST of a hot route; `of` names what its path ends with. No body is `{}` unless one is needed."""
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["messages"],
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in ("instance", of)
        ],
        "requestBody": {"required": needs_body, "content": {"application/json": {"schema": ref(request)}}},
        "responses": {
            status: {
                "description": "",
                "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": ref(answer)}},
            }
        },
    }
