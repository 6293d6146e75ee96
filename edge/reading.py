"""Reads what a request says: its body, its query, the ids in its path and headers.

Everything that is wrong becomes the refusal that the contract names, in its order: media type,
size, then form. Knows nothing of what the fields mean.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.ids import is_id
from common.protocol.limits import (
    MAX_BODY_BYTES,
    MAX_JSON_DEPTH,
    json_depth_exceeds,
    wrong_with_text,
)

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]

MAX_SEQ: Final = 2**63 - 1
KEY_HEADER: Final = "idempotency-key"

_find_place = re.compile(r" - at `\$\.?(.*)`\Z").search
_find_missing = re.compile(r"missing required field `(.+?)`").search
_match_number = re.compile(r"^[0-9]{1,19}\Z", re.ASCII).match


async def read_body(request: AnyRequest, shape: type[T], *, empty: T | None = None) -> T:
    """The body, decoded. `empty` is the value of an empty body where one is allowed.

    Raises Refusal: unsupported_media_type, too_large, invalid_request; in this order.
    """
    data = await _read_bytes(request)
    if not data:
        if empty is not None:
            return empty
        raise Refusal("invalid_request", "A JSON body is expected.")
    _demand_json(request.headers)
    if len(data) > MAX_BODY_BYTES:
        raise Refusal("too_large", f"A body may have at most {MAX_BODY_BYTES:,} bytes.")
    return decode_body(data, shape)


async def _read_bytes(request: AnyRequest) -> bytes:
    """At most one byte more than is allowed, however long the body is and however it comes."""
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BODY_BYTES:
        message = await request.receive()
        if message["type"] != "http.request":
            raise Refusal("invalid_request", "The body did not arrive whole.")
        parts.append(message["body"])
        size += len(message["body"])
        if not message["more_body"]:
            break
    return b"".join(parts)


def _demand_json(headers: Mapping[str, str]) -> None:
    if headers.get("content-type") == "application/json" and "content-encoding" not in headers:
        return  # nearly all requests
    media, *parameters = headers.get("content-type", "").lower().split(";")
    charsets = [
        value.strip().strip('"')
        for name, _, value in (parameter.partition("=") for parameter in parameters)
        if name.strip() == "charset"
    ]
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if media.strip() != "application/json" or charsets not in ([], ["utf-8"]):
        raise Refusal("unsupported_media_type", "The body must be application/json in UTF-8.")
    if encoding != "identity":
        raise Refusal("unsupported_media_type", "The body must not be compressed.")


def decode_body(data: bytes, shape: type[T]) -> T:
    """Raises Refusal invalid_request, with the field in `errors` where it is one."""
    try:
        data.decode()  # msgspec skips unknown fields without looking at their bytes
    except UnicodeDecodeError as error:
        raise Refusal("invalid_request", "The body is not valid UTF-8.") from error
    if json_depth_exceeds(data):
        raise Refusal("invalid_request", f"The body is nested deeper than {MAX_JSON_DEPTH} levels.")
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from error
    except msgspec.DecodeError as error:
        raise Refusal("invalid_request", "The body is not valid JSON.") from error


def _explain(wrong: str) -> Refusal:
    """msgspec's sentence in the words of the contract."""
    place = _find_place(wrong)
    field = place[1] if place else ""
    if missing := _find_missing(wrong):
        return invalid(f"{field}.{missing[1]}" if field else missing[1], "is missing")
    if not field:
        return Refusal("invalid_request", "The body must be a JSON object.")
    if "matching regex" in wrong:
        return invalid(field, "must be a UUID of 36 lower-case characters")
    rule = wrong.split(" - at ")[0].replace("`", "").replace("Expected", "must be", 1)
    return invalid(field, rule.partition(", got")[0])


def check_fields(wrongs: Mapping[str, str | None]) -> None:
    """Raises Refusal invalid_request with all fields that break a rule."""
    errors = [{"field": field, "detail": wrong} for field, wrong in wrongs.items() if wrong]
    if errors:
        raise Refusal("invalid_request", "The request is not valid.", errors=errors)


def path_id(text: str) -> str:
    """An id in a path. Raises Refusal not_found for what cannot be one."""
    if not is_id(text):
        raise not_found()
    return text


def read_query(request: AnyRequest, *names: str) -> dict[str, str]:
    """Those of the named parameters that are there; all others are ignored.

    Raises Refusal invalid_request where one comes twice or is not text that can be stored.
    """
    found: dict[str, str] = {}
    query = request.scope["query_string"].decode("utf-8", "surrogateescape")
    for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        if name not in names:
            continue
        if name in found:
            raise invalid(name, "must be given once")
        if wrong := wrong_with_text(value):
            raise invalid(name, wrong)
        found[name] = value
    return found


def query_number(query: Mapping[str, str], name: str, low: int, high: int = MAX_SEQ) -> int | None:
    """A whole number from `low` to `high`. Raises Refusal invalid_request for anything else."""
    if (text := query.get(name)) is None:
        return None
    if _match_number(text) is None or not low <= int(text) <= high:
        raise invalid(name, f"must be a whole number from {low} to {high}")
    return int(text)


def query_id(query: Mapping[str, str], name: str) -> str | None:
    """Raises Refusal invalid_request for what is not an id."""
    text = query.get(name)
    if text is not None and not is_id(text):
        raise invalid(name, "must be a UUID of 36 lower-case characters")
    return text


def idempotency_key(request: AnyRequest) -> str | None:
    """The client's own key. Raises Refusal invalid_request where it is not a UUID."""
    text = request.headers.get(KEY_HEADER)
    if text is not None and not is_id(text):
        raise invalid("Idempotency-Key", "must be a UUID of 36 lower-case characters")
    return text
