"""How a refusal, a fault of the framework and a bug are answered: RFC 9457 problem+json."""

import logging

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


def answer_error(_: AnyRequest, error: Exception) -> Response[bytes]:
    match error:
        case Refusal(code="unavailable"):
            return problem_answer(unavailable())  # without what services tell each other in headers
        case Refusal():
            return problem_answer(error)
        case HTTPException():
            return problem_answer(_refusal_of_framework(error))
        case _:
            log("unhandled error", level=logging.ERROR, exception=True)
            return problem_answer(internal())


def _refusal_of_framework(error: HTTPException) -> Refusal:
    """Litestar's own sentences may hold what the client sent."""
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    fallback = "invalid_request" if error.status_code < 500 else "internal"
    return Refusal(codes.get(error.status_code, fallback), "The request is not valid.")
