"""How a refusal, a fault of the framework and a bug are answered: RFC 9457 problem+json."""

import logging
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from common.process.logs import log
from common.protocol.errors import PROBLEM_TYPE, Refusal, internal, unavailable
from edge.http.answer import Answer
from edge.http.request import AnyRequest


def problem_answer(refusal: Refusal) -> Answer:
    return Answer(
        msgspec.json.encode(refusal.problem()), refusal.status, refusal.http_headers(), PROBLEM_TYPE
    )


def answer_refusal(_: AnyRequest, refusal: Refusal) -> Response[bytes]:
    if refusal.code == "unavailable":
        refusal = unavailable()  # without what services tell each other in headers
    return problem_answer(refusal)


def answer_framework(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses; its own sentences may hold what the client sent."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    fallback = "invalid_request" if error.status_code < 500 else "internal"
    code = codes.get(error.status_code, fallback)
    return problem_answer(Refusal(code, "The request is not valid."))


def answer_bug(_: AnyRequest, error: Exception) -> Response[bytes]:
    log("unhandled error", level=logging.ERROR, exception=True)
    return problem_answer(internal())


EXCEPTION_HANDLERS: dict[Any, Any] = {
    Refusal: answer_refusal,
    HTTPException: answer_framework,
    Exception: answer_bug,
}


def answer_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    """As Litestar would choose among them."""
    match error:
        case Refusal():
            return answer_refusal(request, error)
        case HTTPException():
            return answer_framework(request, error)
        case _:
            return answer_bug(request, error)
