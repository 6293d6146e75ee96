"""Which variables are taken for misspelled ones."""

import pytest

from fleet.misspelled import misspelled

KNOWN = ("HUBBUB_PORT", "HUBBUB_REPLICAS", "HUBBUB_SIGNUP", "HUBBUB_RATE_LIMITS")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HUBBUB_SINGUP", "HUBBUB_SIGNUP"),
        ("HUBBUB_REPLICA", "HUBBUB_REPLICAS"),
        ("HUBBUB_RATELIMITS", "HUBBUB_RATE_LIMITS"),
    ],
)
def test_a_name_that_is_almost_right_is_named(name: str, meant: str) -> None:
    """With the one that was probably meant; those that are right are not."""
    assert list(misspelled([name, *KNOWN], KNOWN)) == [
        f"{name} is not read by anything. Did you mean {meant}?"
    ]


@pytest.mark.parametrize("name", ["HUBBUB_WHERE", "HUBBUB_EDGE_REPLICAS", "PORTS", "HUBBUB_", ""])
def test_what_is_like_no_variable_is_left_alone(name: str) -> None:
    """It may be another program's: the client libraries' examples and the containers have such
    names."""
    assert list(misspelled([name], KNOWN)) == []
