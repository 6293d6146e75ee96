"""Every refusal that a client can get, as a table: code, HTTP status, title.

    Refusal
    └── code: one of CODES
        400 invalid_request, unknown_user        401 unauthenticated, invalid_credentials
        403 forbidden, signup_closed             404 not_found    405 method_not_allowed
        409 username_taken, email_taken, last_owner
        413 too_large    415 unsupported_media_type        416 range_not_satisfiable
        426 upgrade_required                     429 rate_limited 431 headers_too_large
        500 internal     503 unavailable

Services raise Refusal; common.calls.service and edge turn it into RFC 9457 problem+json, realtime
into an `error` frame. A body holds nothing that is particular to one request.
"""

from typing import Any, Final, NamedTuple


class Code(NamedTuple):
    status: int
    title: str


CODES: Final[dict[str, Code]] = {
    "invalid_request": Code(400, "Invalid request"),
    "unknown_user": Code(400, "Unknown user"),
    "unauthenticated": Code(401, "Not authenticated"),
    "invalid_credentials": Code(401, "Invalid credentials"),
    "forbidden": Code(403, "Forbidden"),
    "signup_closed": Code(403, "Sign-up closed"),
    "not_found": Code(404, "Not found"),
    "method_not_allowed": Code(405, "Method not allowed"),
    "username_taken": Code(409, "Username taken"),
    "email_taken": Code(409, "E-mail taken"),
    "last_owner": Code(409, "Last owner"),
    "too_large": Code(413, "Too large"),
    "unsupported_media_type": Code(415, "Unsupported media type"),
    "range_not_satisfiable": Code(416, "Range not satisfiable"),
    "upgrade_required": Code(426, "Upgrade required"),
    "rate_limited": Code(429, "Rate limited"),
    "headers_too_large": Code(431, "Headers too large"),
    "internal": Code(500, "Internal error"),
    "unavailable": Code(503, "Unavailable"),
}

PROBLEM_TYPE: Final = "application/problem+json"


class Refusal(Exception):
    """A request that is refused for a reason its sender may know.

    `errors` lists what is wrong: `{"field": …}` or `{"id": …}`, each with a `detail`.
    `retry_after` is in seconds; `status` is another one than the table's. Raises KeyError for a
    code that is not in the table.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.status = status or CODES[code].status
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after
        self.headers = headers or {}

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 body."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": CODES[self.code].title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = self.errors
        return body

    def http_headers(self) -> dict[str, str]:
        """Headers that go with the status: WWW-Authenticate and Retry-After, if applicable."""
        headers = dict(self.headers)
        if self.code == "unauthenticated":
            headers["WWW-Authenticate"] = "Bearer"
        if self.code in ("unavailable", "rate_limited"):
            headers["Retry-After"] = str(self.retry_after or 1)
        return headers


def not_found() -> Refusal:
    """The same answer for what does not exist and what the caller may not know of."""
    return Refusal("not_found", "There is nothing here that you may see.")


def unavailable() -> Refusal:
    """A dependency is down; a repeat with the same key settles the outcome of the request."""
    return Refusal("unavailable", "The service is unavailable. Try again soon.", retry_after=1)


def internal() -> Refusal:
    """The answer to a bug, which tells nothing about it."""
    return Refusal("internal", "Something went wrong here.")


def invalid(field: str, detail: str) -> Refusal:
    """One field that breaks a rule."""
    return Refusal(
        "invalid_request",
        "The request is not valid.",
        errors=[{"field": field, "detail": detail}],
    )
