"""What the views have in common: JSON in and out, who may call, how large, and pages.

A view gets its object through `catalog.access`, calls one function of catalog or engine, and describes the result.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..domain import limits
from ..domain.errors import ErrorCode, Rejected
from ..protocols.http import messages
from . import errors, identity


class Parser(BaseParser):
    """Reads a JSON object exactly as the hot door does."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, Any]:
        """Returns the object; an empty body is an empty object. Raises Rejected INVALID_JSON."""
        raw = stream.read()
        return messages.parse_json(raw) if raw.strip() else {}


class Renderer(BaseRenderer):
    """Writes JSON exactly as the hot door does."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else messages.dump(data)


class AnyFormat(BaseContentNegotiation):
    """Everybody gets JSON, whatever they say they accept: an error in HTML helps no program."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Returns the parser for the request's type, None when there is none for it."""
        given = (request.content_type or "application/json").partition(";")[0].strip().lower()
        return next(iter(parsers)) if given == "application/json" else None

    def select_renderer(self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: Any = None) -> Any:
        """Returns the only renderer and its type."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiView(APIView):
    """A resource; each HTTP method is one operation."""

    authentication_classes = [identity.KeyAuthentication, identity.ConsoleAuthentication]
    permission_classes: list[Any] = []  # Any: `initial` asks for an actor; permission is catalog's
    parser_classes = [Parser]
    renderer_classes = [Renderer]
    content_negotiation_class = AnyFormat
    metadata_class = None
    http_method_names = ["get", "head", "post", "patch", "delete"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses what is too large before it is read, then whoever is nobody."""
        check_size(request._request)
        super().initial(request, *args, **kwargs)
        identity.actor_of(request)

    def get_exception_handler(self) -> Callable[..., Response | None]:
        """Returns the one teller of errors."""
        return errors.handle


class Text(serializers.CharField):
    """A string and nothing that could be turned into one; blank and outer blanks are kept."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_blank": True, "trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("must be a string")
        return super().to_internal_value(data)


class Integer(serializers.IntegerField):
    """A JSON number without a fraction (8.0 has none); no string, no boolean."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("must be a whole number")
        return super().to_internal_value(data)


class Boolean(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("must be true or false")
        return data


class Form(serializers.Serializer[Any]):
    """What a request may say. A member nobody knows is refused: it is a typing error that would be lost in silence."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            raise serializers.ValidationError(
                {sorted(unknown)[0]: f"is not known here; known are {', '.join(sorted(self.fields))}"}
            )
        return super().to_internal_value(data)


class PageQuery(Form):
    """How lists are asked for."""

    cursor = serializers.CharField(required=False, help_text="`next` of the page before")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=limits.PAGE_MAX, default=limits.PAGE_DEFAULT, help_text="rows a page"
    )


def read(form: type[Form], request: Request) -> dict[str, Any]:
    """Returns the members of the body. Raises ValidationError, Rejected INVALID_JSON."""
    checked = form(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def query(form: type[Form], request: Request) -> dict[str, Any]:
    """Returns the fields of the query string. Raises ValidationError; Rejected for a field given twice."""
    for name, values in request.query_params.lists():
        if len(values) > 1:
            raise Rejected(f"{name} is given {len(values)} times; give it once.")
    checked = form(data=request.query_params.dict())
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def page(shape: type[serializers.Serializer[Any]], items: Sequence[Any], *, next: str | None) -> Response:
    """Returns one page of a list that is complete as far as it goes; `next` is null at its end."""
    return Response({"items": shape(items, many=True).data, "next": next, "complete": True})


def created(request: Request, body: Mapping[str, Any], *, name: str) -> Response:
    """Returns 201 with the new thing and where it is: its `name` below the address that made it."""
    return Response(body, status=201, headers={"Location": f"{request.path}/{quote(name, safe='')}"})


def check_size(request: HttpRequest) -> None:
    """Raises Rejected REQUEST_TOO_LARGE or LENGTH_REQUIRED by what the headers announce."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower() and "Content-Length" not in request.headers:
        raise Rejected("Send Content-Length with the body.", ErrorCode.LENGTH_REQUIRED)
    length = request.headers.get("Content-Length") or "0"
    if not length.isascii() or not length.isdigit() or int(length) > limits.SMALL_REQUEST_BYTES:
        raise Rejected(
            f"The request body is larger than {limits.SMALL_REQUEST_BYTES} bytes.", ErrorCode.REQUEST_TOO_LARGE
        )
