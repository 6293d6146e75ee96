"""The Python client's fold is checked against the same cases as the product's own."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hubbub_client import Event, Message, fold
from hubbub_client.events import decode

FIXTURES = Path(__file__).parents[1] / "fixtures"
CASES: list[dict[str, Any]] = json.loads((FIXTURES / "fold_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_history_and_later_events_make_later_history(case: dict[str, Any]) -> None:
    """Earlier messages folded with later events are the messages that the case specifies."""
    history = {one["seq"]: msgspec.convert(one, Message) for one in case["history"]}
    decoded = [decode(event) for event in case["events"]]
    after = fold(history, [event for event in decoded if isinstance(event, Event)])
    shown = json.loads(msgspec.json.encode([after[seq] for seq in sorted(after)]))
    assert shown == case["after"]
