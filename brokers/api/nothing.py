"""Addresses where management has nothing: those of the hot door, and all that do not exist."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..domain.errors import ErrorCode, NotFound, Rejected
from . import errors
from .view import AnyFormat, Renderer


@extend_schema(exclude=True)
class Nothing(APIView):
    """404 for every method, whoever asks: what does not exist needs no permission."""

    authentication_classes = []
    permission_classes = []
    renderer_classes = [Renderer]
    content_negotiation_class = AnyFormat

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address. /api/v1/openapi.json lists all there is.")

    def get_exception_handler(self) -> Any:
        return errors.handle


@extend_schema(exclude=True)
class HotRoute(Nothing):
    """405 for every method but POST, which never comes here."""

    http_method_names = ["post"]

    def post(self, request: Request, **names: str) -> Response:
        """Named so that Allow names it."""
        raise AssertionError("the hot door answers POST")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Rejected("This address takes POST.", ErrorCode.METHOD_NOT_ALLOWED)


@extend_schema(exclude=True)
class HotReading(Nothing):
    """405 for every method but GET, which never comes here."""

    http_method_names = ["get"]

    def get(self, request: Request, **names: str) -> Response:
        """Named so that Allow names it."""
        raise AssertionError("the hot door answers GET")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Rejected("This address takes GET.", ErrorCode.METHOD_NOT_ALLOWED)
