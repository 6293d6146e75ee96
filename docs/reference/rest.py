"""The calls of docs/api.md, from the OpenAPI document."""

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from typing import Any, Final

from docs.reference.samples import Json, code_block, fields, kind_of, limits_of, sample, table

METHODS: Final = ("get", "post", "put", "patch", "delete")
JSON_TYPE: Final = "application/json"


def operations_of(api: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and description of every call."""
    for path, methods in api["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def describe_calls(api: Json, sentences: Mapping[tuple[str, int], str]) -> str:
    """Markdown. `sentences` are the fixed values of `message`, by operation and status."""
    return "\n".join(
        _describe(method, path, operation, api["components"]["schemas"], sentences)
        for method, path, operation in operations_of(api)
    )


def _describe(
    method: str,
    path: str,
    operation: Json,
    schemas: Mapping[str, Json],
    sentences: Mapping[tuple[str, int], str],
) -> str:
    parts = [f"## {operation['summary']}", f"`{method} {path}`"]
    if "description" in operation:
        parts.append(operation["description"])
    if operation["parameters"]:
        rows = [
            (f"`{p['name']}`", p["in"], kind_of(p["schema"], schemas), _detail(p))
            for p in operation["parameters"]
        ]
        parts.append(table(("parameter", "in", "value", ""), *rows))
    if JSON_TYPE in (body := operation.get("requestBody", {"content": ()}))["content"]:
        parts.extend(_bodies(body, schemas))
    refusals = []
    for status, response in operation["responses"].items():
        if not status.startswith(("2", "3")):
            if status != "default":
                refusals.append(f"{status} {response['description'].replace(' or ', ', ')}")
            continue
        if JSON_TYPE not in response.get("content", {}):
            parts.append(f"**{status}** {response['description']}")
            continue
        example = sample(response["content"][JSON_TYPE]["schema"], schemas)
        said = sentences.get((operation["operationId"], int(status)))
        parts.append(f"**{status}**")
        parts.append(code_block({**example, "message": said} if said else example))
    parts.append(f"Refused with {'; '.join(refusals)}.")
    return "\n\n".join(parts) + "\n"


def _bodies(body: Json, schemas: Mapping[str, Json]) -> Iterator[str]:
    schema = body["content"][JSON_TYPE]["schema"]
    for shape in schema.get("anyOf", [schema]):
        rows = [
            (f"`{f.name}`", f.kind, f"{'' if f.required else 'Optional. '}{f.detail}".strip())
            for f in fields(shape, schemas)
        ]
        yield table(("field", "value", ""), *rows)
        if "description" in (resolved := schemas[shape["$ref"].rpartition("/")[2]]):
            yield cleandoc(resolved["description"])
        yield code_block(sample(shape, schemas))


def _detail(parameter: dict[str, Any]) -> str:
    said = [parameter.get("description", ""), limits_of(parameter["schema"])]
    if parameter["in"] == "query" and parameter.get("required"):
        said.insert(0, "Required.")
    return " ".join(filter(None, said))
