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
CONTENT: Json = {
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


def operation(name: str, summary: str, *, request: str, answer: str, of: str, status: str = "200") -> Json:
    """Returns a POST of a hot route; `of` names what its path ends with."""
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["messages"],
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in ("instance", of)
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref(request)}}},
        "responses": {
            status: {
                "description": "",
                "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": ref(answer)}},
            }
        },
    }
