"""The declaration of a public REST call, next to its handler: path, permission, body, answers,
rate.

Routing, admission, the OpenAPI document, the reference, the Postman collection and the table of
permissions are derived from it. Knows neither HTTP nor what the calls do.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import Enum
from functools import partial
from typing import Any, Final, NamedTuple, get_args, get_type_hints

from common.protocol.errors import not_found
from common.protocol.ids import is_id
from common.protocol.instance import Role
from common.protocol.wire import Id
from edge.limits import Limits

TAKEN: Final = ("caller", "body", "query", "key", "request")

Handler = Callable[..., Awaitable[Any]]
Rate = Callable[[Limits, str], Awaitable[None]]
"""A method of Limits that takes the caller's token, or raises Refusal rate_limited."""


class Who(Enum):
    """Who may make a call.

    edge itself distinguishes EVERYBODY from the rest, and asks users for a role. WAS_SIGNED_IN:
    users decides whether a session that has ended may still make the call. chats checks who
    participates in a chat and who owns it, in the statement that acts; users checks roles once
    more.
    """

    EVERYBODY = "everybody, without a token"
    SIGNED_IN = "everybody who is signed in"
    WAS_SIGNED_IN = "everybody who is signed in; a repeat also once the session has ended"
    PARTICIPANTS = "the chat's participants"
    CHAT_OWNER = "the chat's owner"
    ADMINS = "the instance's owners and admins"
    OWNERS = "the instance's owners"
    SENDER = "the message's sender"
    SENDER_OR_OWNER = "the message's sender and the chat's owner"
    REACTED = "the participant who reacted"
    UPLOADER = "the participant who uploaded the file"


class Bytes(Enum):
    """In `answers`: the body is not JSON."""

    BYTES = "bytes"


BYTES: Final = Bytes.BYTES


class PathText(NamedTuple):
    """How a path parameter that is not an id is read: `x: Annotated[str, PathText(...)]`.

    `read` takes the text as it is in the path, percent-encoded, and raises Refusal with the code
    `refuses`: `invalid_request` is checked with the body, `not_found` after it.
    """

    read: Callable[[str], Any]
    schema: dict[str, Any]
    refuses: str = "not_found"


def read_id(text: str) -> str:
    """Raises Refusal not_found for text that cannot be an id."""
    if not is_id(text):
        raise not_found()
    return text


ROLES: Final[Mapping[Who, tuple[Role, ...]]] = {
    Who.ADMINS: ("owner", "admin"),
    Who.OWNERS: ("owner",),
}
ID_IN_PATH: Final = PathText(read_id, {})


class Operation(NamedTuple):
    """A call. `answers` are the bodies by status, the usual one first: structs, the fixed sentence
    of a Confirmation, or BYTES. `refusals` are the codes beyond those that follow from the rest;
    `shapes` are those of a body that may have several. `takes_bytes`: the body is not JSON.
    `in_turns`: its answer may be large, so a few of a user's calls are answered at a time.
    `served_by_files`: the balancer routes it to that role; the handler is only a declaration.
    `clears_cookie`: always, without asking for it as `gives_cookie` demands."""

    method: str
    path: str
    summary: str
    answers: dict[int, Any]
    handler: Handler
    who: Who
    rate: Rate | None
    refusals: tuple[str, ...]
    gives_cookie: bool
    clears_cookie: bool
    shapes: tuple[type, ...]
    takes_bytes: bool
    in_turns: bool
    served_by_files: bool
    parameters: frozenset[str]
    body: type[Any] | None
    body_is_optional: bool
    query: type[Any] | None
    path_parameters: Mapping[str, PathText]

    @property
    def is_open(self) -> bool:
        return self.who is Who.EVERYBODY

    @property
    def takes_key(self) -> bool:
        return "key" in self.parameters

    @property
    def status(self) -> int:
        """The usual status of success."""
        first: int = next(iter(self.answers))
        return first


def operation(
    method: str,
    path: str,
    summary: str,
    answers: dict[int, Any],
    *,
    who: Who = Who.SIGNED_IN,
    rate: Rate | None = None,
    refusals: tuple[str, ...] = (),
    gives_cookie: bool = False,
    clears_cookie: bool = False,
    shapes: tuple[type, ...] = (),
    takes_bytes: bool = False,
    in_turns: bool = False,
    served_by_files: bool = False,
) -> Callable[[Handler], Operation]:
    """Decorates the method of a class of routes that answers the call.

    The names of its parameters say what it takes: `caller` (the Claims of the signed-in user),
    `body` (a RequestBody; `| None` where it may be absent), `query` (a Query), `key` (the
    RequestKey), `request`, and each parameter of the path. It returns the body of the usual answer
    or a Response; if the usual answer is a sentence, it returns None, headers for it, or the status
    of another sentence. Raises TypeError for a handler that does not fit.
    """

    def declare(handler: Handler) -> Operation:
        hints = get_type_hints(handler, include_extras=True)
        names = [name for name in inspect.signature(handler).parameters if name != "self"]
        in_path = re.findall(r"\{(\w+)\}", path)
        if not set(in_path) <= set(names) <= {*TAKEN, *in_path}:
            raise TypeError(f"{method} {path} is not what its handler takes: {names}")
        if "caller" in names and who is Who.EVERYBODY:
            raise TypeError(f"{method} {path} is open: it has no caller")
        if hints.get("return") is type(None) and not isinstance(next(iter(answers.values())), str):
            raise TypeError(f"{method} {path} answers with more than a sentence")
        body, body_is_optional = _without_none(hints.get("body"))
        return Operation(
            method, path, summary, answers, handler, who, rate, refusals, gives_cookie,
            clears_cookie, shapes or ((body,) if body else ()), takes_bytes, in_turns,
            served_by_files, frozenset(names), body, body_is_optional,
            hints.get("query"), {name: _path_text(hints[name]) for name in in_path},
        )  # fmt: skip

    return declare


get = partial(operation, "GET")
post = partial(operation, "POST")
put = partial(operation, "PUT")
patch = partial(operation, "PATCH")
delete = partial(operation, "DELETE")


def _path_text(hint: Any) -> PathText:
    if hint == Id:
        return ID_IN_PATH
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, PathText):
            return extra
    raise TypeError(f"{hint} is neither an Id nor has it a PathText")


def _without_none(hint: Any) -> tuple[Any, bool]:
    parts = get_args(hint)
    if type(None) not in parts:
        return hint, False
    (rest,) = (part for part in parts if part is not type(None))
    return rest, True


def operations_of(*routes: type) -> Iterable[Operation]:
    """The calls that the classes declare, in their order."""
    for owner in routes:
        for value in vars(owner).values():
            if isinstance(value, Operation):
                yield value
