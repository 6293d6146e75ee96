"""Numbers on the command lines of load tests."""

import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from loadtest.options import positive_minutes, positive_number
from loadtest.peers.hubbub import PROJECT


def test_a_number_is_read() -> None:
    """Minutes may have a fraction."""
    assert positive_number("12") == 12
    assert positive_minutes("0.5") == 0.5


@pytest.mark.parametrize(
    ("read", "text"),
    [(positive_number, text) for text in ("-3", "0", "1.5", "many", "")]
    + [(positive_minutes, text) for text in ("-1", "0", "nan", "inf", "long", "")],
)
def test_another_value_is_refused(read: Callable[[str], float], text: str) -> None:
    """The message has the value."""
    with pytest.raises(ArgumentTypeError, match=repr(text)):
        read(text)


@pytest.mark.parametrize("option", ["--start=-3", "--people=0", "--minutes=-1"])
def test_a_search_refuses_it_before_anything_starts(option: str) -> None:
    """Like any other wrong option: one line, and 2 as exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "loadtest.search", option],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert f"argument {option.partition('=')[0]}: " in done.stderr
