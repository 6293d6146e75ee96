"""The test cases for words, which the page's finder must pass too."""

import json
from pathlib import Path

from chats.search.words import line_of

CASES = Path(__file__).parents[2] / "fixtures" / "word_cases.json"


def test_the_index_folds_words_as_the_page_marks_them() -> None:
    """Every case that the browser checks gives the same words here."""
    for case in json.loads(CASES.read_text()):
        assert line_of(case["text"]).split() == case["words"], case["text"]
