"""Example values and table rows of fields, generated from JSON schemas. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

# Optional fields that contradict other ones of the same object.
LEFT_OUT: Final = frozenset({"deleted", "deletedAt", "deletedBy", "userIds"})


class Field(NamedTuple):
    """One field of an object, as a row of a table."""

    name: str
    kind: str
    required: bool
    detail: str


def resolve(schema: Json, schemas: Mapping[str, Json]) -> Json:
    """The target of a reference. Raises KeyError if it has none."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def sample(schema: Json, schemas: Mapping[str, Json]) -> Any:
    """A valid value, taken from the given examples if there are any."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return sample(resolve(schema, schemas), schemas)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], schemas)
    if schema.get("type") == "array":
        return [sample(schema["items"], schemas)]
    if schema.get("type") == "object":
        if isinstance(values := schema.get("additionalProperties"), dict):
            key = sample(schema["propertyNames"], schemas)
            return {key: sample(values, schemas)}
        properties = schema.get("properties", {})
        return {
            name: sample(of, schemas) for name, of in properties.items() if name not in LEFT_OUT
        }
    return {"string": "text", "integer": 1, "boolean": False}[schema["type"]]


def fields(schema: Json, schemas: Mapping[str, Json]) -> Iterator[Field]:
    """The fields of an object, in its order."""
    schema = resolve(schema, schemas)
    for name, of in schema.get("properties", {}).items():
        of = resolve(of, schemas)
        yield Field(name, kind_of(of, schemas), name in schema.get("required", ()), limits_of(of))


def kind_of(schema: Json, schemas: Mapping[str, Json]) -> str:
    """The kind of value: `id`, `string`, `ids`, `list of Person`."""
    schema = resolve(schema, schemas)
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "uuid":
        return "id"
    if schema.get("type") == "array":
        inner = kind_of(schema["items"], schemas)
        return "ids" if inner == "id" else f"list of {inner}"
    if "anyOf" in schema:
        return "one of " + ", ".join(kind_of(part, schemas) for part in schema["anyOf"])
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"{kind_of(schema['propertyNames'], schemas)} to {kind_of(values, schemas)}"
    named: str = schema.get("title") or schema["type"]
    return named


def limits_of(schema: Json) -> str:
    """The schema's other constraints, in words."""
    said = [schema["description"]] if "description" in schema else []
    for low, high, unit in (
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "of them"),
        ("minProperties", "maxProperties", "of them"),
        ("minimum", "maximum", ""),
    ):
        if low in schema and high in schema:
            said.append(f"{schema[low]:,} to {schema[high]:,} {unit}".rstrip() + ".")
        elif high in schema:
            said.append(f"At most {_counted(schema[high], unit)}.")
        elif low in schema:
            said.append(f"At least {_counted(schema[low], unit)}.")
    if "pattern" in schema and schema.get("format") != "uuid":
        said.append(f"`{schema['pattern']}`")
    if isinstance(default := schema.get("default"), bool):
        said.append(f"Default {json.dumps(default)}.")
    elif isinstance(default, int):
        said.append(f"Default {default:,}.")
    return " ".join(said)


def _counted(number: int, unit: str) -> str:
    """`1 character`, `20 characters`."""
    return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}".rstrip()


def code_block(value: Any) -> str:
    """Fenced JSON that any Markdown renderer displays."""
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


def table(*rows: tuple[str, ...]) -> str:
    """The first row is the head."""
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |"
                     for line in lines)  # fmt: skip
