"""The fold in docs/socket.md, tested with the same cases as our own."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from docs.reference.documents import ROOT

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "fold_cases.json").read_text()
)


@pytest.fixture(scope="module")
def fold() -> Any:
    """The function of the page."""
    page = (ROOT / "docs" / "socket.md").read_text()
    (code,) = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "socket.md", "exec"), names)  # noqa: S102 - our own page
    return names["fold"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_fold_of_the_page(fold: Any, case: dict[str, Any]) -> None:
    """Earlier history, folded with the events since, equals history now."""
    messages = {message["seq"]: message for message in copy.deepcopy(case["history"])}
    for event in copy.deepcopy(case["events"]):
        fold(messages, event)
    assert list(messages.values()) == case["after"]
