"""The table of docs/reliability.md that `make nightly` writes."""

import pytest

from tests.nightly import BEGIN, END, PAGE, PARTS, Row, read_rows, summarize, write_rows

EMPTY = f"# Page\n\n{BEGIN}\n{END}\n\nWhat follows.\n"
FAULTS, SOAK = PARTS[0], next(part for part in PARTS if part.name == "soak")


def test_rows_are_written_and_read_again() -> None:
    """The row of one part stays when another one runs."""
    row = Row("soak", "`make soak`", "passed", "2026-11-26 02:00", "abc1234", "7", "9 min")
    page = write_rows(write_rows(EMPTY, {"soak": row}), {"soak": row})
    assert read_rows(page)["soak"] == row
    assert page.endswith(f"{END}\n\nWhat follows.\n")


def test_what_has_never_run_says_so() -> None:
    """Each part has a row from the first day."""
    rows = read_rows(write_rows(EMPTY, {}))
    assert [row.date for row in rows.values()] == ["never"] * len(PARTS)


def test_a_failure_is_written_in_capitals() -> None:
    """With pytest's summary."""
    output = "…\n=== short test summary info ===\n==== 1 failed, 44 passed in 1140.2s ====\n"
    assert summarize(FAULTS, output, 1) == "**FAILED**: 1 failed, 44 passed in 1140.2s"


def test_a_success_has_the_sentence_that_sums_it_up() -> None:
    """For a soak: what stayed flat."""
    output = "In the whole run: 10 posts.\nFlat: memory, descriptors, tasks.\n"
    assert summarize(SOAK, output, 0) == "passed: Flat: memory, descriptors, tasks"


def test_a_page_without_marks_is_refused() -> None:
    """Nothing is overwritten."""
    with pytest.raises(ValueError, match="lost"):
        read_rows("# Page")


def test_the_page_has_a_row_for_each_part() -> None:
    """Checks the committed page."""
    assert list(read_rows(PAGE.read_text())) == [part.name for part in PARTS]
