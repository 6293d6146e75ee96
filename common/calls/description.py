"""The calls of a service as an OpenAPI 3.1 document, generated from their structs."""

from collections.abc import Mapping
from typing import Any

import msgspec

_REFERENCE = "#/components/schemas/{name}"


def describe_calls(calls: Mapping[str, tuple[type, type]]) -> bytes:
    """`calls` maps paths to the structs that each call takes and answers."""
    kinds = [kind for pair in calls.values() for kind in pair]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "Calls between Hubbub's services", "version": "1"},
            "paths": {path: {"post": _describe(*pair)} for path, pair in calls.items()},
            "components": {
                "schemas": components,
                "securitySchemes": {"service": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{"service": []}],
        }
    )


def _describe(request: type, answer: type) -> dict[str, Any]:
    return {
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {
            "200": {"description": "Done.", "content": _json(answer)},
            "default": {"description": "Refused: problem+json of RFC 9457."},
        },
    }


def _json(kind: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(name=kind.__name__)}}}
