"""The OpenAPI document: complete, valid, and the same as what is served."""

from typing import Any

from django.urls import URLPattern
from jsonschema import Draft202012Validator

from brokers.api import hot_schema, schema, urls
from brokers.api.view import ApiView
from tests.integration.three_people import People, call


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, ops in schema.document()["paths"].items() for method, op in ops.items()]


def view_of(pattern: URLPattern) -> type[ApiView]:
    found: type[ApiView] = pattern.callback.view_class  # type: ignore[attr-defined]  # Django's views have it
    return found


def test_the_document_is_served_to_anybody(people: People) -> None:
    response = call("GET", "/openapi.json")
    assert response.status_code == 200
    assert response.json()["openapi"].startswith("3.1")
    assert response.json() == schema.document()


def test_every_operation_is_in_it_with_a_name_and_its_problems() -> None:
    names = [op["operationId"] for _, _, op in operations()]
    assert len(names) == len(set(names))
    managed = sum(1 for p in urls.managed for m in ("get", "post", "patch", "delete") if hasattr(view_of(p), m))
    assert len(names) == managed + len(hot_schema.PATHS)
    for path, method, operation in operations():
        assert operation["summary"], (path, method)
        problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}
        assert {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"} == {
            word[1:-1] for part in path.split("/") for word in [part.partition(":")[0]] if word.startswith("{")
        }


def test_every_management_post_honours_the_idempotency_key() -> None:
    for pattern in urls.managed:
        post = getattr(view_of(pattern), "post", None)
        assert post is None or post.is_idempotent, pattern
    for path, method, operation in operations():
        headers = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
        is_hot = operation["operationId"] in hot_schema.OPERATION_IDS
        assert ("Idempotency-Key" in headers) == (method == "post" and not is_hot), path


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere() -> None:
    schemas = schema.document()["components"]["schemas"]
    for content in schemas.values():
        Draft202012Validator.check_schema(content)
    assert references(schema.document()) <= {f"#/components/schemas/{name}" for name in schemas}


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        inner = set().union(*(references(v) for v in value.values())) if value else set()
        return inner | ({value["$ref"]} if "$ref" in value else set())
    return set().union(*(references(v) for v in value)) if isinstance(value, list) and value else set()
