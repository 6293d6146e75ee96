"""A declared call as an ASGI application: does what Litestar's router would do around it, without
what no call here needs. Requests, responses and handlers stay Litestar's
(docs/decisions/gateway.md).
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send

from edge.http.endpoint import RESPOND
from edge.http.refusals import answer_error
from edge.http.request import AnyRequest, BareRequest

Admit = Callable[[AnyRequest], Awaitable[None]]
Serve: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[Response[bytes]]]
"""Gives the answer, and sends nothing."""


def serve_call(handler: HTTPRouteHandler, admit: Admit) -> Serve:
    """The scope already has the path parameters."""
    respond: Callable[[AnyRequest], Awaitable[Response[bytes]]] = handler.opt[RESPOND]

    async def serve(scope: Scope, receive: Receive, send: Send) -> Response[bytes]:
        scope["route_handler"] = handler
        request = BareRequest(scope, receive, send)
        try:
            await admit(request)
            return await respond(request)
        except Exception as error:
            return answer_error(request, error)

    return serve


async def send_response(
    response: Response[bytes], scope: Scope, receive: Receive, send: Send
) -> None:
    """What `serve` returned."""
    request = BareRequest(scope, receive, send)
    await response.to_asgi_response(None, request)(scope, receive, send)


def serves_of(handlers: list[HTTPRouteHandler], admit: Admit) -> dict[str, Serve]:
    """The declared calls among a path's handlers, by method."""
    return {
        str(method): serve_call(handler, admit)
        for handler in handlers
        if RESPOND in handler.opt
        for method in handler.http_methods
    }
