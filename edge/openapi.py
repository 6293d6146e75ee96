"""The description of the REST API: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), made from the table
of operations and the structs of the bodies. Pure, no I/O."""

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec

from common.protocol.errors import CODES, PROBLEM_TYPE, Refusal
from common.protocol.ids import UUID_PATTERN
from common.protocol.wire import Id
from edge.bodies import Query
from edge.operation import BYTES, ROLES, Bytes, Operation, Who

BINARY: Final = "application/octet-stream"
REF: Final = "#/components/schemas/{name}"
EXAMPLE_ID: Final = "019a1b2c-3d4e-7f60-8a1b-2c3d4e5f6071"
EXAMPLE_PERSON: Final = "019a1b2c-0a1b-7c2d-8e3f-405162738495"
EXAMPLES: Final[dict[str, Any]] = {
    "active": True,
    "at": "2026-01-02T03:04:05.678Z",
    "by": EXAMPLE_PERSON,
    "chatName": "Summer party",
    "clientId": "019a1b2d-1122-7334-8455-66778899aabb",
    "code": "rate_limited",
    "connection": "019a1b2d-0000-7111-8222-333344445555",
    "createdAt": "2026-01-02T03:04:05.678Z",
    "currentPassword": "correct horse",
    "detail": "Too many requests.",
    "attachments": [EXAMPLE_ID],
    "files": [EXAMPLE_ID],
    "deletedAt": "2026-01-02T03:06:07.890Z",
    "deletedBy": EXAMPLE_PERSON,
    "editedAt": "2026-01-02T03:05:06.789Z",
    "displayName": "Ann",
    "email": "ann@example.org",
    "emoji": "👍",
    "epoch": "019a0000-1111-7222-8333-444455556666",
    "expiresAt": "2026-02-01T03:04:05.678Z",
    "expiresIn": 900,
    "name": "Hubbub",
    "of": EXAMPLE_PERSON,
    "id": EXAMPLE_ID,
    "invite": "Zm9yIGV4YW1wbGUgb25seQ",
    "kind": "group",
    "lastSeenAt": "2026-01-02T03:04:05.678Z",
    "mentions": [EXAMPLE_PERSON],
    "messageId": "019a1b2d-1123-7000-8111-222233334444",
    "owner": EXAMPLE_PERSON,
    "participants": [EXAMPLE_PERSON],
    "password": "correct horse",
    "refreshToken": "Zm9yIGV4YW1wbGUgb25seQ",
    "refreshedAt": "2026-01-02T03:04:05.678Z",
    "replyTo": "019a1b2d-1000-7000-8111-222233334444",
    "seq": 2,
    "retryAfter": 1,
    "token": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl",
    "topic": "Saturday, from noon",
    "user": EXAMPLE_PERSON,
    "userId": EXAMPLE_PERSON,
    "userIds": [EXAMPLE_PERSON],
    "username": "ann",
    "users": [EXAMPLE_PERSON],
}
PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CODES)},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "field": {"type": "string"},
                    "id": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
KEY_PARAMETER: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat with the same key returns the first result.",
    "schema": {"type": "string", "format": "uuid", "pattern": UUID_PATTERN},
}
COOKIE_PARAMETER: Final = {
    "name": "X-Hubbub-Session",
    "in": "header",
    "description": "With `cookie` the refresh token travels in an HttpOnly cookie.",
    "schema": {"type": "string", "examples": ["cookie"]},
}
HEADERS: Final = {
    "unauthenticated": ("WWW-Authenticate",),
    "rate_limited": ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    "unavailable": ("Retry-After",),
    "range_not_satisfiable": ("Content-Range",),
}
BYTES_HEADERS: Final = ("Accept-Ranges", "Content-Disposition")


def describe_api(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    operations = tuple(operations)
    types = [
        t
        for o in operations
        for t in (*o.answers.values(), *o.shapes)
        if not isinstance(t, str | Bytes)
    ]
    schemas, components = msgspec.json.schema_components([*types, Id], ref_template=REF)
    names = dict(zip([*map(repr, types), repr(Id)], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _describe(operation, names)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Hubbub",
            "version": "1",
            "description": "Chats over REST. What happens in them arrives on the socket at /ws, "
            "which /asyncapi.json describes.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }
    tidied: dict[str, Any] = tidy(document)
    return tidied


def _describe(operation: Operation, names: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(operation),
        "summary": operation.summary,
        "parameters": list(_parameters(operation, names)),
        "responses": _responses(operation, names),
    }
    if operation.is_open:
        described["security"] = []
    if operation.who is not Who.SIGNED_IN:
        described["description"] = f"For {operation.who.value}."
    if operation.takes_bytes:
        described["requestBody"] = {"required": True, "content": {BINARY: {"schema": {}}}}
    if operation.shapes:
        shapes = [names[repr(shape)] for shape in operation.shapes]
        described["requestBody"] = {
            "required": not operation.body_is_optional,
            "content": {
                "application/json": {"schema": shapes[0] if shapes[1:] == [] else {"anyOf": shapes}}
            },
        }
    return described


def _operation_id(operation: Operation) -> str:
    words = re.findall(r"[a-z]+", operation.path.replace("_id}", "}").removeprefix("/api"))
    return "_".join([operation.method.lower(), *words])


def _parameters(operation: Operation, names: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name, text in operation.path_parameters.items():
        schema = text.schema or names[repr(Id)]
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if operation.query:
        yield from _query_parameters(operation.query)
    if operation.takes_key:
        yield KEY_PARAMETER
    if operation.gives_cookie:
        yield COOKIE_PARAMETER


def _query_parameters(query: type[Query]) -> Iterable[dict[str, Any]]:
    schema = msgspec.json.schema(query)["$defs"][query.__name__]
    for name, of in schema["properties"].items():
        # A parameter that may be absent is never null.
        kinds = [kind for kind in of.pop("anyOf", [{}]) if kind != {"type": "null"}]
        of = {**of, **kinds[0]}
        if of.get("default", ...) is None:
            del of["default"]
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": of.pop("description", ""),
            **({"style": "form", "explode": False} if of.get("type") == "array" else {}),
            "schema": of,
        }


def problems_of(operation: Operation) -> set[str]:
    """All codes that the call may be refused with."""
    codes = {"internal", "unavailable", *operation.refusals}
    if not operation.is_open:
        codes.add("unauthenticated")
    if operation.gives_cookie or operation.who in (Who.CHAT_OWNER, *ROLES):
        codes.add("forbidden")
    if operation.rate:
        codes.add("rate_limited")
    if operation.body:
        codes |= {"invalid_request", "unsupported_media_type", "too_large"}
    if operation.query or operation.takes_key:
        codes.add("invalid_request")
    if operation.path_parameters:
        codes |= {"not_found", *(text.refuses for text in operation.path_parameters.values())}
    return codes


def _responses(operation: Operation, names: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in operation.answers.items():
        described: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if status == HTTPStatus.NOT_MODIFIED:
            described["description"] = "What the client has is current"
        elif answer is BYTES:
            described["content"] = {"*/*": {"schema": {}}}
            described["description"] = "The bytes" if status == HTTPStatus.OK else "A range of them"
        else:
            schema = _answer_schema(answer, names)
            described["content"] = {"application/json": {"schema": schema}}
        responses[str(status)] = described | _headers(_answer_headers(operation, status))
    for status in sorted({CODES[code].status for code in problems_of(operation)}):
        codes = sorted(c for c in problems_of(operation) if CODES[c].status == status)
        responses[str(status)] = _problem_response(codes)
    responses["default"] = _problem_response([])
    return responses


def _answer_headers(operation: Operation, status: int) -> Iterable[str]:
    if operation.gives_cookie or operation.clears_cookie:
        yield "Set-Cookie"
    if HTTPStatus.NOT_MODIFIED in operation.answers:
        yield "ETag"
    if operation.answers.get(HTTPStatus.OK) is BYTES:
        yield from BYTES_HEADERS
    if status == HTTPStatus.PARTIAL_CONTENT:
        yield "Content-Range"


def _headers(names: Iterable[str]) -> dict[str, Any]:
    headers = {name: {"schema": {"type": "string"}} for name in names}
    return {"headers": headers} if headers else {}


def _answer_schema(answer: Any, names: dict[str, Any]) -> Any:
    if not isinstance(answer, str):
        return names[repr(answer)]
    return {
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string", "const": answer}},
    }


def _problem_response(codes: list[str]) -> dict[str, Any]:
    described = {
        "description": " or ".join(f"`{code}`" for code in codes) or "Any other refusal",
        "content": {
            PROBLEM_TYPE: {
                "schema": {"$ref": REF.format(name="Problem")},
                "examples": {
                    code: {"value": Refusal(code, f"{CODES[code].title}.").problem()}
                    for code in codes
                },
            }
        },
    }
    return described | _headers(name for code in codes for name in HEADERS.get(code, ()))


def tidy(node: Any) -> Any:
    """Adds examples by property name where the type has none, and patterns in the dialect of JSON
    Schema. Strips the docstrings' indentation from descriptions, which Python 3.13 does itself."""
    if isinstance(node, list):
        return [tidy(part) for part in node]
    if not isinstance(node, dict):
        return node
    tidied = {key: tidy(value) for key, value in node.items()}
    if isinstance(description := tidied.get("description"), str):
        tidied["description"] = inspect.cleandoc(description)
    if isinstance(pattern := tidied.get("pattern"), str):
        tidied["pattern"] = pattern.removesuffix(r"\Z") + "$"
        if pattern == UUID_PATTERN:
            tidied["format"] = "uuid"
            tidied["examples"] = [EXAMPLE_ID]
    if isinstance(properties := tidied.get("properties"), dict):
        for name, schema in properties.items():
            if schema.get("type") == "object" or _is_other_number(schema, name):
                continue
            if "examples" in node["properties"][name]:
                continue
            if name in EXAMPLES and "$ref" not in {**schema, **schema.get("items", {})}:
                schema["examples"] = [EXAMPLES[name]]
    return tidied


def _is_other_number(schema: dict[str, Any], name: str) -> bool:
    """A number whose name has another meaning elsewhere: `of` is a seq, or the user acted upon."""
    is_number = any(kind.get("type") == "integer" for kind in schema.get("anyOf", [schema]))
    return is_number and not isinstance(EXAMPLES.get(name), int)
