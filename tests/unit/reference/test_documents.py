"""The generated documents in docs/ are current and complete."""

import inspect
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from common.protocol.close_codes import CloseCode
from common.protocol.errors import CODES
from common.valkey.topics import Topics
from docs.reference.documents import ROOT, make_documents
from docs.reference.postman import make_collection, operations_without_step
from docs.reference.samples import limits_of, sample
from docs.reference.story import STORY
from edge.asyncapi import describe_socket
from edge.bodies import Wrongs
from edge.openapi import describe_api
from edge.operations import OPERATIONS


@pytest.mark.parametrize("path", make_documents(), ids=lambda path: path.name)
def test_a_made_document_is_fresh(path: Path) -> None:
    """`make docs` would change nothing."""
    assert path.exists()
    assert path.read_text() == make_documents()[path], "run make docs"


def test_every_name_on_valkey_is_explained() -> None:
    """Each channel and key is in the table of docs/internals.md, by its prefix."""
    page = (ROOT / "docs" / "internals.md").read_text()
    (table,) = re.findall(r"^## Topics on Valkey\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    explained = set(re.findall(r"^\| `(?:\{p\w\})?(\w+)", table, re.MULTILINE))
    topics = Topics()
    made = [name for name in vars(topics).values() if name]
    for word, make in inspect.getmembers(topics, inspect.ismethod):
        if not word.startswith("_"):
            made.append(make(*("x" for _ in inspect.signature(make).parameters)))
    names = {re.sub(r"^\{p\d+\}", "", name).split(":")[0] for name in made}
    assert len(names) > 8
    assert names - explained == set()


def test_descriptions_are_the_same_with_every_python() -> None:
    """No docstring line in them is indented: Python 3.13 strips that, 3.11 does not."""
    for document in (describe_api(OPERATIONS), describe_socket()):
        for schema in document["components"]["schemas"].values():
            assert "\n " not in schema.get("description", "")


def test_every_end_of_a_socket_is_explained() -> None:
    """Each close code is in the table of docs/socket.md."""
    page = (ROOT / "docs" / "socket.md").read_text()
    (table,) = re.findall(r"^## Ends\n(.*?)^\*Reconnect", page, re.MULTILINE | re.DOTALL)
    explained = {int(code) for code in re.findall(r"\b\d{4}\b", table)}
    assert explained >= {code.value for code in CloseCode}


def test_every_refusal_is_explained() -> None:
    """Each code is in the table of docs/api.md with its status."""
    page = (ROOT / "docs" / "api.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| (.*?) \|", page, re.MULTILINE)
    explained = {(code, int(status)) for status, codes in rows
                 for code in re.findall(r"`(\w+)`", codes)}  # fmt: skip
    assert explained == {(code, entry.status) for code, entry in CODES.items()}


def test_every_call_with_a_key_says_for_how_long() -> None:
    """Each is in the table of docs/api.md: by its path, or by the end of it after `…`."""
    page = (ROOT / "docs" / "api.md").read_text()
    (table,) = re.findall(r"^## Repeats\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    named: set[tuple[str, str]] = set()
    for row in re.findall(r"^\| (.*?) \|", table, re.MULTILINE):
        method = ""
        for spelled, path in re.findall(r"`(?:([A-Z]+) )?([/…][^`]*)`", row):
            method = spelled or method
            named.add((method, path))
    missing = [
        f"{method.upper()} {path}"
        for path, methods in describe_api(OPERATIONS)["paths"].items()
        for method, call in methods.items()
        if "Idempotency-Key" in [one["name"] for one in call.get("parameters", ())]
        if not any(
            made == method.upper()
            and (told == path or (told[0] == "…" and path.endswith(told[1:])))
            for made, told in named
        )
    ]
    assert missing == []


def test_one_is_not_many() -> None:
    """`At least 1 character`."""
    assert limits_of({"minLength": 1}) == "At least 1 character."
    assert limits_of({"maxItems": 20}) == "At most 20 of them."


def test_a_send_has_the_same_limits_on_the_socket() -> None:
    """Those of `POST …/message`, according to both descriptions."""
    (frame, call) = (
        document["components"]["schemas"][name]["properties"]
        for document, name in (
            (describe_socket(), "Send"),
            (describe_api(OPERATIONS), "MessageBody"),
        )
    )
    limits = ("maxLength", "minLength", "maxItems", "minItems", "pattern")
    assert frame.keys() - {"type", "chat"} == call.keys()
    for field, schema in call.items():
        told = [(limit, of.get(limit)) for of in (schema, frame[field]) for limit in limits]
        assert told[: len(limits)] == told[len(limits) :], field


@pytest.mark.parametrize(
    "document", [describe_api(OPERATIONS), describe_socket()], ids=["openapi", "asyncapi"]
)
def test_every_example_fits(document: dict[str, Any]) -> None:
    """Each example in a description is valid according to its schema."""
    nodes: list[Any] = [document["components"]["schemas"]]
    while nodes:
        node = nodes.pop()
        nodes += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        if isinstance(node, dict) and isinstance(examples := node.get("examples"), list):
            validator = Draft202012Validator({**node, "components": document["components"]})
            assert all(map(validator.is_valid, examples)), node


@pytest.mark.parametrize(
    "document", [describe_api(OPERATIONS), describe_socket()], ids=["openapi", "asyncapi"]
)
def test_every_printed_example_fits(document: dict[str, Any]) -> None:
    """Each is valid; no deleted message has text, none answers itself, no direct chat is owned."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        printed = sample(schema, schemas)
        validator = Draft202012Validator({**schema, "components": document["components"]})
        assert validator.is_valid(printed), name
        nodes = [printed]
        while nodes:
            node = nodes.pop()
            if isinstance(node, list):
                nodes += node
            elif isinstance(node, dict):
                nodes += node.values()
                assert not (node.keys() & {"deletedAt", "deleted"} and node.get("message")), name
                assert "replyTo" not in node or node["replyTo"] != node.get("messageId"), name
                assert node.get("owner") is None or node.get("kind") != "direct", name


def test_every_printed_request_is_accepted() -> None:
    """The example of each request body passes the checks of its call."""
    described = describe_api(OPERATIONS)
    schemas = described["components"]["schemas"]
    for operation in OPERATIONS:
        for shape in operation.shapes:
            printed = sample(schemas[shape.__name__], schemas)
            wrongs: Wrongs = msgspec.convert(printed, shape).wrong_fields()
            assert not any(wrongs.values()), (operation.path, wrongs)


def test_what_is_found_is_described_as_history_is() -> None:
    """Both are current messages, including their edit times and reactions."""
    schemas = describe_api(OPERATIONS)["components"]["schemas"]
    (history, found) = (
        schemas[name]["properties"]["messages"] for name in ("MessagesAnswer", "SearchAnswer")
    )
    assert found == history


def test_the_collection_makes_every_call() -> None:
    """It makes every call of the description."""
    steps = [step for _, steps in STORY for step in steps]
    assert operations_without_step(describe_api(OPERATIONS), steps) == set()


def test_the_collection_uses_only_variables_that_it_sets_before() -> None:
    """It runs from top to bottom without input from its user."""
    collection = make_collection(describe_api(OPERATIONS))
    known = {variable["key"] for variable in collection["variable"]}
    for folder in collection["item"]:
        for item in folder["item"]:
            scripts = {e["listen"]: "\n".join(e["script"]["exec"]) for e in item["event"]}
            if "prerequest" in scripts:
                known |= set(re.findall(r'"(\w+)"', scripts["prerequest"]))
            used = set(re.findall(r"\{\{(\w+)\}\}", str(item["request"])))
            used |= set(re.findall(r'Variables\.get\("(\w+)"\)', scripts["test"]))
            assert used <= known, item["name"]
            known |= set(re.findall(r'Variables\.set\("(\w+)"', scripts["test"]))
