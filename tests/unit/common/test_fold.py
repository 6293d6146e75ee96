"""The fold, tested with the same cases as the page's fold."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from common.protocol.fold import fold

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "fold_cases.json").read_text()
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_fold(case: dict[str, Any]) -> None:
    """Earlier history, folded with the events since, is the current history, and is not
    modified."""
    before = {message["seq"]: message for message in case["history"]}
    untouched = copy.deepcopy(before)
    after = fold(before, case["events"])
    assert list(after.values()) == case["after"]
    assert before == untouched


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_fold_may_be_made_in_steps(case: dict[str, Any]) -> None:
    """The result does not depend on where the events are split."""
    before = {message["seq"]: message for message in case["history"]}
    for cut in range(len(case["events"]) + 1):
        half = fold(before, case["events"][:cut])
        assert list(fold(half, case["events"][cut:]).values()) == case["after"]
