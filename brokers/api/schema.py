"""The OpenAPI 3.1 document of the whole HTTP API: management from its views, the hot routes from `hot_schema`."""

import threading
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..domain import limits
from ..domain.errors import ErrorCode
from ..protocols.http import problems
from . import errors, form_words, hot_schema
from .idempotency import HEADER
from .view import AnyFormat, ApiView, Renderer

Json = dict[str, Any]  # Any: JSON values

_SECURITY: Json = {
    "accessKey": {"type": "http", "scheme": "basic", "description": "An AccessKey: its id and its secret."},
    "signature": {
        "type": "http",
        "scheme": "MQ1-HMAC-SHA256",
        "description": "An AccessKey that signs each request; see docs/http-signature.md.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The console's session (`__Host-session` with MQ_PRODUCTION); a change also needs X-CSRFToken.",
    },
}
_PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457. Members beside these depend on the code: action, resource and reason with ACCESS_DENIED,"
    " errors with INVALID_REQUEST, server_time with SIGNATURE_EXPIRED, retry_after_seconds with what may work later.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong and what to do"},
        "code": {"type": "string", "enum": [code.value for code in ErrorCode], "description": "stable"},
        "request_id": {"type": "string"},
    },
    "additionalProperties": True,
}
_IDEMPOTENCY: Json = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Repeats with the same key within a day get the first answer instead of doing it again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": limits.IDEMPOTENCY_KEY_CHARS},
}
_REFERENCE = "#/components/schemas/"
_SOMETIMES = {"body", "body_base64", "sharding_key"}
_SCANS = {"searchMessages", "listDeadLetters"}
_INTRODUCTION = (
    "Names in paths are percent-encoded. A verb that is not an HTTP method follows a colon. Times are RFC 3339 in UTC."
    " Offsets and counts are numbers; numbers of dead letters and operations are names and therefore strings."
    " Lists answer `items`, `next` (the cursor of the next page, null at the end) and `complete`."
    " Unknown members and query fields are refused, and so is a text with U+0000 in it."
)


@extend_schema(exclude=True)
class Schema(APIView):
    """The document, to whoever asks: it says what there is, and nothing of what is in it."""

    authentication_classes = []
    permission_classes = []
    renderer_classes = [Renderer]
    content_negotiation_class = AnyFormat
    http_method_names = ["get", "head"]

    def get(self, request: Request) -> Response:
        return Response(document())

    def get_exception_handler(self) -> Any:  # Any: as `view.ApiView`
        return errors.handle


def document() -> Json:
    """Returns the document; made once a process, by one thread: the generator cannot stand two."""
    with _making:
        return _document()


@cache
def _document() -> Json:
    from . import urls  # made from the views, which this module stands beside

    generator = SchemaGenerator(patterns=urls.managed)  # type: ignore[no-untyped-call]  # the library has no types
    made: Json = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # as above
    return {name: made[name] for name in sorted(made, key=_ORDER.index)}


_making = threading.Lock()
_ORDER = ["openapi", "info", "servers", "security", "tags", "paths", "components"]


def complete(*, result: Json, **_context: Any) -> Json:  # Any: what else spectacular gives a hook
    """Returns the document with what no single view knows: pages, problems, credentials, the hot routes."""
    result["info"]["description"] = _INTRODUCTION
    result["servers"] = [{"url": "/api/v1"}]
    result["security"] = [{name: []} for name in _SECURITY]
    components = result.setdefault("components", {})
    components["securitySchemes"] = _SECURITY
    schemas = {_component(name): _shape(name, schema) for name, schema in components.get("schemas", {}).items()}
    components["schemas"] = dict(sorted({**_cleaned(schemas), "Problem": _PROBLEM, **hot_schema.SCHEMAS}.items()))
    paths: Json = _cleaned(result["paths"])
    for path, operations in paths.items():
        for method, operation in operations.items():
            operation["tags"] = [_tag(path)]
            operation.pop("description" if operation.get("description") == ApiView.__doc__ else "", None)
            _finish(method, operation)
    for path, operation in hot_schema.PATHS.items():
        paths.setdefault(path, {})["post" if "requestBody" in operation else "get"] = operation
    for operations in paths.values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                answer["description"] = answer.get("description") or "Done"
            operation["responses"]["default"] = _problem_answer()
            operation.pop("security", None)
    result["paths"] = dict(sorted(paths.items()))
    return result


def _tag(path: str) -> str:
    """Returns the kind of thing a path is about: its last word that is no name."""
    words = [word.partition(":")[0] for word in path.split("/") if word and not word.startswith("{")]
    return "operations" if "operations" in words else words[-1]


def _component(name: str) -> str:
    """Returns what clients know a shape or form by: `Topic`, `TopicForm`, `TopicChange`."""
    return name.removesuffix("Shape").removeprefix("Patched")


def _shape(name: str, schema: Json) -> Json:
    """Returns a component as it is: answers have all members but those of a body, requests none but the known."""
    schema = {member: value for member, value in schema.items() if member != "description"}
    properties = schema["properties"]
    if not name.endswith("Shape"):
        known = _component(name)
        for member, more in form_words.MEMBERS.get(known, {}).items():
            properties[member] |= more
        either = form_words.ALTERNATIVES.get(known)
        return {**schema, "additionalProperties": False, **({"oneOf": either} if either else {})}
    for value in properties.values():
        for word in ("readOnly", "minLength"):
            value.pop(word, None)
    return {**schema, "required": [member for member in schema["properties"] if member not in _SOMETIMES]}


def _cleaned(value: Any) -> Any:  # Any: JSON values
    """Returns `value` with the components' names as `_component` has them, and without the generator's own marks."""
    if isinstance(value, dict):
        return {
            name: f"{_REFERENCE}{_component(inner.removeprefix(_REFERENCE))}" if name == "$ref" else _cleaned(inner)
            for name, inner in value.items()
            if name != "x-spec-enum-id"
        }
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value


def _finish(method: str, operation: Json) -> None:
    if method == "post":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY)
    answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    if answer.get("schema", {}).get("type") != "array":
        return
    members: Json = {
        "items": answer["schema"],
        "next": {"type": ["string", "null"], "description": "the cursor of the next page; null at the end"},
        "complete": {"type": "boolean", "description": "whether all that matches is here or behind `next`"},
    }
    if operation["operationId"] in _SCANS:
        members["completeness"] = {"type": "string", "enum": ["complete", "truncated", "unknown"]}
        members["scanned"] = {"type": "integer", "description": "rows looked at"}
    answer["schema"] = {"type": "object", "required": list(members), "properties": members}


def _problem_answer() -> Json:
    return {
        "description": "What went wrong, and what to do",
        "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
        "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
