"""Exceptions for the refusals of calls: the codes of docs/api.md, *Refusals*, as types.

HubbubError
├── Refused                 the server said no; `code` and `detail` say why
│   ├── InvalidRequest      a field is missing or out of its limits
│   ├── UnknownUser
│   ├── Unauthenticated     the session has ended: log in again; unsent changes are kept
│   ├── InvalidCredentials
│   ├── Forbidden           SignupClosed
│   ├── NotFound            there is none, or you are not in it
│   ├── Conflict            UsernameTaken, EmailTaken, LastOwner
│   ├── TooLarge
│   └── Transient           the same call may succeed later, after `retry_after` seconds
│       ├── RateLimited
│       └── Unavailable
├── NoAnswer                the connection broke; the outcome is unknown
└── Stopped                 the server ended the socket and asked this client not to come back
"""

from typing import Any, Final

MAX_TOLD: Final = 3  # invalid fields or ids in an exception's text


class HubbubError(Exception):
    """The base class of all exceptions of this package."""

    retry_after = 0.0  # seconds, if the server names them


class Refused(HubbubError):
    """A refusal. `errors` lists the invalid fields or ids, if the server names them. For a message
    refused over the socket, `status` is 0, `errors` is empty, and `detail` names the field."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: list[dict[str, Any]] | None = None,
        retry_after: float = 0.0,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors or []
        super().__init__(f"{code}: {detail}{self._told()}")
        self.retry_after = retry_after

    def _told(self) -> str:
        """What is wrong with the first of the fields or ids."""
        told = [
            f"{error.get('field') or error.get('id')}: {error['detail']}"
            for error in self.errors[:MAX_TOLD]
        ]
        more = ["…"] if len(self.errors) > MAX_TOLD else []
        return f" ({'; '.join(told + more)})" if told else ""


class InvalidRequest(Refused):
    pass


class UnknownUser(Refused):
    pass


class Unauthenticated(Refused):
    pass


class InvalidCredentials(Refused):
    pass


class Forbidden(Refused):
    pass


class SignupClosed(Forbidden):
    pass


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class UsernameTaken(Conflict):
    pass


class EmailTaken(Conflict):
    pass


class LastOwner(Conflict):
    pass


class TooLarge(Refused):
    pass


class Transient(Refused):
    pass


class RateLimited(Transient):
    pass


class Unavailable(Transient):
    pass


class NoAnswer(HubbubError):
    """The connection broke before the answer. A repeat with the same key settles the outcome."""


class Stopped(HubbubError):
    """The server ended the socket with a code after which clients must not reconnect."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.reason = reason


_BY_CODE: dict[str, type[Refused]] = {
    "invalid_request": InvalidRequest,
    "unknown_user": UnknownUser,
    "unauthenticated": Unauthenticated,
    "invalid_credentials": InvalidCredentials,
    "forbidden": Forbidden,
    "signup_closed": SignupClosed,
    "not_found": NotFound,
    "username_taken": UsernameTaken,
    "email_taken": EmailTaken,
    "last_owner": LastOwner,
    "too_large": TooLarge,
    "rate_limited": RateLimited,
    "unavailable": Unavailable,
}
# What these statuses mean also from a proxy in between, whatever the body says. 408: the network
# stalled in the middle of the request.
_CODES = {429: "rate_limited"} | dict.fromkeys((408, 502, 503, 504), "unavailable")


def refusal(
    status: int, code: Any, detail: str, errors: Any = None, retry_after: float = 0.0
) -> Refused:
    """The exception for a refusal. Codes that this package does not know are plain Refused. The
    body of a proxy may have a `code` and `errors` of another kind."""
    code = _CODES.get(status, code if isinstance(code, str) else "")
    listed = errors if isinstance(errors, list) else []
    named = [error for error in listed if isinstance(error, dict) and "detail" in error]
    return _BY_CODE.get(code, Refused)(status, code, detail, named, retry_after)
