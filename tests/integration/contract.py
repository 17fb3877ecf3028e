"""Checks every answer a test gets against the OpenAPI document, so that the document cannot drift from the views."""

import re
from typing import Any

from jsonschema import Draft202012Validator

from brokers.api import schema

ROOT = "/api/v1"


def check(method: str, path: str, response: Any) -> None:
    """Fails when the status or the body of an answer to `path` (below the root) is not what the document says."""
    operation = _operation(method, path.partition("?")[0])
    if operation is None:
        is_known = path == "/openapi.json" or response.status_code in {400, 401, 404, 405, 413}
        assert is_known, f"{method} {path} is not in the document"
        return
    status = str(response.status_code)
    described = operation["responses"].get(status)
    if described is None:
        assert response.status_code >= 400, f"{method} {path} answered {status}, which the document does not know"
        described = operation["responses"]["default"]
    content = described.get("content")
    if content is None:
        assert not response.content
        return
    media_type = response.headers["Content-Type"].partition(";")[0]
    assert media_type in content
    if "json" not in media_type or response.streaming:
        return  # a file
    answer = content[media_type]
    document = {**schema.document(), "$ref": "#/_here", "_here": answer["schema"]}
    Draft202012Validator(document).validate(response.json())


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in schema.document()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in operations:
            return dict(operations[method.lower()])
    return None
