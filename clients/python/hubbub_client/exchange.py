"""One request and its answer over HTTP, as JSON or as an exception with a name. Must not know
routes, tokens or repeats."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final

import aiohttp
import msgspec

from hubbub_client.errors import HubbubError, NoAnswer, Refused, refusal

CALL_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
UPLOAD_TIMEOUT: Final = aiohttp.ClientTimeout(total=600)

_decode = msgspec.json.decode


class Tries:
    """How often a request was sent: aiohttp itself repeats one whose connection ends."""

    count = 0


def open_http() -> aiohttp.ClientSession:
    """Counts the tries of each request."""

    async def count(_: aiohttp.ClientSession, context: Any, __: object) -> None:
        if isinstance(context.trace_request_ctx, Tries):
            context.trace_request_ctx.count += 1

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(count)
    return aiohttp.ClientSession(timeout=CALL_TIMEOUT, trace_configs=[trace])


async def exchange(
    http: aiohttp.ClientSession, method: str, url: str, tries: Tries | None = None, **options: Any
) -> dict[str, Any]:
    """The decoded answer of one request. Raises Refused or NoAnswer."""
    async with await request(http, method, url, trace_request_ctx=tries, **options) as answer:
        with reached(f"{method} {url}"):
            body = await answer.read()
    try:
        return _decode(body, type=dict[str, Any])
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, or nested too deeply
        if "Content-Disposition" in answer.headers:
            raise HubbubError(f"{url} answers with bytes: use rest.download.") from error
        raise NoAnswer(f"{method} {url}: {error}") from error


async def request(
    http: aiohttp.ClientSession, method: str, url: str, **options: Any
) -> aiohttp.ClientResponse:
    """An answer of which the body is still to be read. Raises Refused or NoAnswer."""
    if http.closed:
        raise NoAnswer(f"{method} {url}: The client is closed.")
    with reached(f"{method} {url}"):
        answer = await http.request(method, url, **options)
        if answer.status < 400:
            return answer
        async with answer:
            raise await _refusal(answer)


@contextlib.contextmanager
def reached(call: str) -> Iterator[None]:
    """Raises NoAnswer if the connection breaks."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NoAnswer(f"{call}: {error}") from error


async def _refusal(answer: aiohttp.ClientResponse) -> Refused:
    try:
        problem = _decode(await answer.read(), type=dict[str, Any])
    except (ValueError, RecursionError):  # not from Hubbub, but from a proxy
        problem = {}
    return refusal(
        answer.status,
        problem.get("code", ""),
        problem.get("detail", answer.reason or ""),
        problem.get("errors"),
        named_seconds(answer.headers.get("Retry-After", "")),
    )


def named_seconds(header: str) -> float:
    """The time that a Retry-After header names; 0 if there is none, or a date."""
    return float(header) if header.isascii() and header.isdigit() else 0.0
