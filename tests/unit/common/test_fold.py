"""The fold, held to the cases that the page's fold is held to as well."""

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
    """History before, folded with the events since, is history now, and is left as it was."""
    before = {message["seq"]: message for message in case["history"]}
    untouched = copy.deepcopy(before)
    after = fold(before, case["events"])
    assert list(after.values()) == case["after"]
    assert before == untouched


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_fold_may_be_made_in_steps(case: dict[str, Any]) -> None:
    """It makes no difference where the events are cut in two."""
    before = {message["seq"]: message for message in case["history"]}
    for cut in range(len(case["events"]) + 1):
        half = fold(before, case["events"][:cut])
        assert list(fold(half, case["events"][cut:]).values()) == case["after"]
