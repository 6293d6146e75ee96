"""Reads the body and the key of a request.

Every error becomes the refusal that the contract names, in its order: media type, size, then form.
Does not know what the fields mean.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from litestar import Request
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import UNSET, UnsetType

from common.protocol.errors import Refusal, invalid
from common.protocol.fields import check_fields
from common.protocol.ids import WRONG_ID, is_id
from common.protocol.limits import (
    MAX_BODY_BYTES,
    MAX_JSON_DEPTH,
    is_nested_too_deep,
)
from common.protocol.wrong import Wrong, explain
from edge.bodies import RequestBody
from edge.http.headers import find_header

B = TypeVar("B", bound=RequestBody)
AnyRequest = Request[Any, Any, Any]

KEY_HEADER: Final = b"idempotency-key"
REMAINDER_SECONDS: Final = 10.0  # for what the balancer could not buffer of a body


async def read_body(request: AnyRequest, shape: type[B], *, optional: bool = False) -> B | None:
    """The body, decoded and validated; None if it is empty and may be.

    Raises Refusal: unsupported_media_type, too_large, invalid_request; in this order.
    """
    data = await _read_bytes(request)
    if not data:
        if optional:
            return None
        raise Refusal("invalid_request", "A JSON body is expected.")
    _demand_json(request.scope)
    if len(data) > MAX_BODY_BYTES:
        raise Refusal("too_large", f"A body may have at most {MAX_BODY_BYTES:,} bytes.")
    body = decode_body(data, shape)
    check_fields(body.wrong_fields())
    return body


async def _read_bytes(request: AnyRequest) -> bytes:
    """At most a part more than allowed, however long the body is and however it arrives."""
    body, is_more = await _receive_part(request)
    if not is_more:
        return body  # nearly all requests
    parts, size = [body], len(body)
    try:
        async with asyncio.timeout(REMAINDER_SECONDS):
            while is_more and size <= MAX_BODY_BYTES:
                body, is_more = await _receive_part(request)
                parts.append(body)
                size += len(body)
    except TimeoutError:
        raise Refusal(
            "invalid_request",
            "The request did not arrive in time.",
            status=HTTPStatus.REQUEST_TIMEOUT,
            headers={"Connection": "close"},
        ) from None
    return b"".join(parts)


async def _receive_part(request: AnyRequest) -> tuple[bytes, bool]:
    """Returns the next part of the body, and whether there are more."""
    message = await request.receive()
    if message["type"] != "http.request":
        raise Refusal("invalid_request", "The body did not arrive whole.")
    return message["body"], message["more_body"]


def _demand_json(scope: HTTPScope) -> None:
    kind, coding = find_header(scope, b"content-type"), find_header(scope, b"content-encoding")
    if kind == "application/json" and coding is None:
        return  # nearly all requests
    media, *parameters = (kind or "").lower().split(";")
    charsets = [
        value.strip().strip('"')
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip() == "charset"
    ]
    encoding = "identity" if coding is None else coding.strip().lower()
    if media.strip() != "application/json" or charsets not in ([], ["utf-8"]):
        raise Refusal("unsupported_media_type", "The body must be application/json in UTF-8.")
    if encoding != "identity":
        raise Refusal("unsupported_media_type", "The body must not be compressed.")


def decode_body(data: bytes, shape: type[B]) -> B:
    """Raises Refusal invalid_request, with the field in `errors` if one is at fault."""
    try:
        data.decode()  # msgspec skips unknown fields without looking at their bytes
    except UnicodeDecodeError as error:
        raise Refusal("invalid_request", "The body is not valid UTF-8.") from error
    if is_nested_too_deep(data):
        raise Refusal("invalid_request", f"The body is nested deeper than {MAX_JSON_DEPTH} levels.")
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise _refuse_shape(explain(str(error))) from error
    except msgspec.DecodeError as error:
        raise Refusal("invalid_request", "The body is not valid JSON.") from error


def _refuse_shape(wrong: Wrong) -> Refusal:
    if not wrong.field:
        return Refusal("invalid_request", "The body must be a JSON object.")
    return invalid(*wrong)


class BareRequest(Request[Any, Any, Any]):
    """What Litestar keeps with a request (its URL, cookies, the state of its scope) is created on
    first access, which few calls need."""

    __slots__ = ()

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        """Called for attributes that do not exist yet, and for those that never will."""
        try:
            object.__getattribute__(self, "_connection_state")
        except AttributeError:
            super().__init__(self.scope, self.receive, self.send)
            return getattr(self, name)
        raise AttributeError(name)


class RequestKey(NamedTuple):
    """Identifies repeats of a request. `is_given`: by the client, so answers may show it; else the
    balancer made it for its own replays."""

    id: str
    is_given: bool


def read_key(request: AnyRequest, in_body: str | UnsetType) -> str | None:
    """The client's own key, from the header or the body.

    Raises Refusal invalid_request if it is not a UUID, or if both are present and differ.
    """
    key = find_header(request.scope, KEY_HEADER)
    if key is not None and not is_id(key):
        raise invalid("Idempotency-Key", WRONG_ID)
    if in_body is UNSET:
        return key
    if key is not None and key != in_body:
        raise invalid("clientId", "must be the same as the Idempotency-Key")
    return in_body
