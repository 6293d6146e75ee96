"""Turns the declared calls into Litestar handlers: reads what a call takes, in the contract's order
of checks, and answers with what its handler returns."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET, Struct

from common.protocol.instance import Role
from edge.admission import RATE, WHO
from edge.bodies import Confirmation
from edge.http.answer import Answer, encode_json, json_answer
from edge.http.balancer import Balancer
from edge.http.query import QueryReader
from edge.http.request import AnyRequest, RequestKey, read_body, read_key
from edge.operation import ID_IN_PATH, ROLES, Operation, operations_of
from edge.turns import Turns

# Keys in Litestar's `opt` of a handler.
ENCODED: Final = "encoded"  # the path parameters that may contain %
RESPOND: Final = "respond"  # what answers instead of the handler, before Litestar reads arguments


DemandRole = Callable[[str, tuple[Role, ...]], Awaitable[None]]
"""Raises Refusal unless the user has one of the roles."""


def create_endpoints(
    routes: object, balancer: Balancer, demand_role: DemandRole, turns: Turns | None = None
) -> Sequence[HTTPRouteHandler]:
    """The calls that the class of `routes` declares, answered by its methods. Without `turns`
    no user waits for theirs."""
    return [
        _create_endpoint(operation, routes, balancer, demand_role, turns)
        for operation in operations_of(type(routes))
    ]


def _create_endpoint(
    operation: Operation,
    routes: object,
    balancer: Balancer,
    demand_role: DemandRole,
    turns: Turns | None,
) -> HTTPRouteHandler:
    handle, status = operation.handler.__get__(routes), operation.status
    if turns is not None and operation.in_turns:
        handle = turns.bound(handle, lambda answer: answer.full_bytes)
    read_arguments = _create_reader(operation, balancer, demand_role)
    sentences = {
        of: encode_json(Confirmation(message=answer))
        for of, answer in operation.answers.items()
        if isinstance(answer, str)
    }

    async def respond(request: AnyRequest) -> Response[bytes]:
        answered: Response[bytes] | Struct | Mapping[str, str] | int | None = await handle(
            **await read_arguments(request)
        )
        match answered:
            case Struct():
                return json_answer(answered, status)
            case Response():
                return answered
            case None:
                return Answer(sentences[status], status)
            case int():
                return Answer(sentences[answered], answered)
            case _:
                return Answer(sentences[status], status, answered)

    return HTTPRouteHandler(
        operation.path.replace("}", ":str}"),
        http_method=operation.method,  # type: ignore[arg-type]  # one of Litestar's names
        status_code=status,
        opt={
            WHO: operation.who,
            RATE: operation.rate,
            RESPOND: respond,
            ENCODED: {
                name for name, text in operation.path_parameters.items() if text is not ID_IN_PATH
            },
        },
    )(_has_responded)


def _create_reader(
    operation: Operation, balancer: Balancer, demand_role: DemandRole
) -> Callable[[AnyRequest], Awaitable[dict[str, Any]]]:
    """Reads the arguments of the handler from a request. Raises Refusal, in the contract's order of
    checks."""
    body_shape, body_is_optional = operation.body, operation.body_is_optional
    query_reader = QueryReader(operation.query) if operation.query else None
    takes_key = operation.takes_key
    takes_caller = "caller" in operation.parameters
    takes_request = "request" in operation.parameters
    roles = ROLES.get(operation.who)
    texts, ids = (
        [
            (name, text.read)
            for name, text in operation.path_parameters.items()
            if text.refuses == code
        ]
        for code in ("invalid_request", "not_found")
    )

    async def read_arguments(request: AnyRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        body = None
        if body_shape is not None:
            body = await read_body(request, body_shape, optional=body_is_optional)
            arguments["body"] = body
        if query_reader is not None:
            arguments["query"] = query_reader.read(request.scope["query_string"])
        if takes_key:
            own = read_key(request, body.own_key() if body else UNSET)
            arguments["key"] = (
                RequestKey(own, True) if own else RequestKey(balancer.request_key(request), False)
            )
        for name, read in texts:
            arguments[name] = read(request.scope["path_params"][name])
        if roles is not None:
            await demand_role(request.scope["user"].user, roles)
        for name, read in ids:
            arguments[name] = read(request.scope["path_params"][name])
        if takes_caller:
            arguments["caller"] = request.scope["user"]
        if takes_request:
            arguments["request"] = request
        return arguments

    return read_arguments


async def _has_responded() -> None:
    """Litestar never calls this: resolving arguments and checking what a handler returns would take
    it as long as everything done here (docs/decisions/gateway.md)."""
