"""docs/hubbub.postman_collection.json, from the OpenAPI document and the story.

In Postman's format 2.1; runs from top to bottom, with new names in each run.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from docs.reference.rest import JSON_TYPE, operations_of
from docs.reference.samples import Json, resolve
from docs.reference.story import STORY, Step

BYTES_TYPE: Final = "application/octet-stream"
FORMAT: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
ADDRESS: Final = "http://127.0.0.1:8000"
PROSE: Final = frozenset({"title", "description", "examples", "discriminator", "default"})
NAME_EVERYBODY: Final = """\
const run = Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
for (const name of ["ann", "ben", "cat"]) {
  pm.collectionVariables.set(name, `${name}-${run}`);
}
for (const name of ["annKey", "messageKey", "editKey", "fileKey"]) {
  pm.collectionVariables.set(name, pm.variables.replaceIn("{{$guid}}"));
}
pm.collectionVariables.set("thumb", encodeURIComponent("👍"));"""


def make_collection(api: Json) -> Json:
    """Raises KeyError for a step whose call or status is not in the document."""
    calls = {
        operation["operationId"]: (method, path, operation)
        for method, path, operation in operations_of(api)
    }
    folders: list[Json] = [
        {"name": title, "item": [_item(step, *calls[step.operation], api) for step in steps]}
        for title, steps in STORY
    ]
    folders[0]["item"][0]["event"].append(_event("prerequest", NAME_EVERYBODY))
    return {
        "info": {
            "name": "Hubbub",
            "description": "Every call of the API, in an order that runs from top to bottom. "
            "Set baseUrl to where Hubbub is.",
            "schema": FORMAT,
        },
        "item": folders,
        "variable": [{"key": "baseUrl", "value": ADDRESS}],
    }


def _item(step: Step, method: str, path: str, operation: Json, api: Json) -> Json:
    response = operation["responses"][str(step.status)]
    (content,) = response["content"].values()
    shape = plain_schema(content["schema"], api["components"]["schemas"])
    is_json = JSON_TYPE in response["content"] or step.status >= 400
    return {
        "name": step.title,
        "request": {
            "method": method,
            "url": _url(step, path),
            "description": operation["summary"],
            "auth": _auth(step),
            "header": list(_headers(step)),
            **_body(step),
        },
        "event": [
            _event("test", "\n".join(_tests(step, shape if is_json else None))),
            *_waiting(step),
        ],
    }


def _waiting(step: Step) -> Iterator[Json]:
    """Postman makes the call when the script's timers have expired."""
    if step.after_ms:
        yield _event("prerequest", f"setTimeout(() => {{}}, {step.after_ms});")


def _url(step: Step, path: str) -> Json:
    for name, variable in step.where.items():
        path = path.replace(f"{{{name}}}", f"{{{{{variable}}}}}")
    query = "&".join(f"{key}={value}" for key, value in step.query.items())
    url = {
        "raw": f"{{{{baseUrl}}}}{path}{'?' + query if query else ''}",
        "host": ["{{baseUrl}}"],
        "path": path.removeprefix("/").split("/"),
    }
    listed = [{"key": key, "value": value} for key, value in step.query.items()]
    return {**url, "query": listed} if listed else url


def _auth(step: Step) -> Json:
    if step.by is None:
        return {"type": "noauth"}
    bearer = {"key": "token", "value": f"{{{{{step.by}}}}}", "type": "string"}
    return {"type": "bearer", "bearer": [bearer]}


def _headers(step: Step) -> Iterator[Json]:
    if step.body is not None:
        yield {"key": "Content-Type", "value": JSON_TYPE}
    if step.bytes is not None:
        yield {"key": "Content-Type", "value": BYTES_TYPE}
    if step.key is not None:
        yield {"key": "Idempotency-Key", "value": f"{{{{{step.key}}}}}"}


def _body(step: Step) -> Json:
    if step.bytes is not None:
        return {"body": {"mode": "raw", "raw": step.bytes}}
    if step.body is None:
        return {}
    options = {"raw": {"language": "json"}}
    return {"body": {"mode": "raw", "raw": json.dumps(step.body, indent=2), "options": options}}


def _tests(step: Step, shape: Json | None) -> Iterator[str]:
    """`shape` is None if the answer is not JSON: then `answer` is its text."""
    yield f'pm.test("is {step.status}", () => pm.response.to.have.status({step.status}));'
    if shape is None:
        yield "const answer = pm.response.text();"
    else:
        yield "const answer = pm.response.json();"
        yield f"const shape = {json.dumps(shape)};"
        yield 'pm.test("looks as described", () => pm.expect(answer).to.have.jsonSchema(shape));'
    expect = step.expect
    if step.says:
        expect = (f"answer.message === {json.dumps(step.says)}", *expect)
    for expression in expect:
        title = json.dumps(expression)
        yield f"pm.test({title}, () => pm.expect({expression}).to.equal(true));"
    for variable, place in step.keep.items():
        yield f'pm.collectionVariables.set("{variable}", answer.{place});'


def _event(listen: str, script: str) -> Json:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": script.split("\n")}}


def plain_schema(node: Any, schemas: Mapping[str, Json]) -> Any:
    """The schema with references resolved and without prose."""
    if isinstance(node, list):
        return [plain_schema(part, schemas) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return plain_schema(resolve(node, schemas), schemas)
    return {
        key: _properties(value, schemas) if key == "properties" else plain_schema(value, schemas)
        for key, value in node.items()
        if key not in PROSE
    }


def _properties(properties: Json, schemas: Mapping[str, Json]) -> Json:
    """Properties, whose names may equal those of prose fields."""
    return {name: plain_schema(schema, schemas) for name, schema in properties.items()}


def operations_without_step(api: Json, steps: Iterable[Step]) -> set[str]:
    """The calls that no step makes."""
    made = {step.operation for step in steps}
    return {operation["operationId"] for _, _, operation in operations_of(api)} - made
