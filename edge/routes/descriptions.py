"""The machine-readable descriptions of the calls and of the socket."""

from collections.abc import Mapping
from typing import Final

from litestar import Response

from edge.bodies import AnswerBody
from edge.http.request import AnyRequest
from edge.operation import BYTES, Who, get
from edge.routes.pages import serve_file
from edge.site import File


class Document(AnswerBody):
    """A JSON document."""


ANSWERS: Final = {200: Document, 304: BYTES}


class DescriptionRoutes:
    """Served like the page's files: from memory, with an ETag and `headers`."""

    def __init__(self, openapi: File, asyncapi: File, headers: Mapping[str, str]) -> None:
        self._openapi = openapi
        self._asyncapi = asyncapi
        self._headers = headers

    @get("/openapi.json", "This description", ANSWERS, who=Who.EVERYBODY)
    async def describe_calls(self, request: AnyRequest) -> Response[bytes]:
        return serve_file(self._openapi, request, self._headers)

    @get("/asyncapi.json", "The description of the socket", ANSWERS, who=Who.EVERYBODY)
    async def describe_socket(self, request: AnyRequest) -> Response[bytes]:
        return serve_file(self._asyncapi, request, self._headers)
