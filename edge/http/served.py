"""A declared call as an application of its own: what Litestar's router would do around it, without
what no call here has. Requests, responses and handlers stay Litestar's
(docs/decisions/gateway.md).
"""

from collections.abc import Awaitable, Callable

from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from edge.http.answer import Answer
from edge.http.endpoint import RESPOND
from edge.http.refusals import answer_error
from edge.http.request import AnyRequest

Admit = Callable[[AnyRequest], Awaitable[None]]


def serve_call(handler: HTTPRouteHandler, admit: Admit) -> ASGIApp:
    """The scope has the parameters of the path already."""
    respond: Callable[[AnyRequest], Awaitable[Response[bytes]]] = handler.opt[RESPOND]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route_handler"] = handler
        request: AnyRequest = Request(scope, receive, send)
        try:
            await admit(request)
            response = await respond(request)
        except Exception as error:
            response = answer_error(request, error)
        if isinstance(response, Answer):
            await response.send_itself(scope, receive, send)
        else:
            await response.to_asgi_response(None, request)(scope, receive, send)

    return serve


def serves_of(handlers: list[HTTPRouteHandler], admit: Admit) -> dict[str, ASGIApp]:
    """The declared calls among a path's handlers, by method."""
    return {
        str(method): serve_call(handler, admit)
        for handler in handlers
        if RESPOND in handler.opt
        for method in handler.http_methods
    }
