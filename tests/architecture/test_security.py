"""SECURITY.md names an existing test for each defence."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| .+ \| .+ \| (.*`.+`.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE
)


def test_each_defence_has_a_test_that_is_there() -> None:
    """Every row of the table ends with paths of tests."""
    assert len(ROWS) > 25
    for row in ROWS:
        paths = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert paths, row
        for path in paths:
            assert (
                "\ndef test_" in (text := (ROOT / path).read_text()) or "\nasync def test_" in text
            )
