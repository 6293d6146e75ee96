"""Rules for fields."""

from unicodedata import normalize

from common.protocol.fields import (
    MAX_PASSWORD_CHARACTERS,
    MAX_PASSWORD_SPELLING,
    wrong_with_password,
)
from tests.fixtures.busy import cpu_seconds
from users.passwords import normalise

LONGEST = "\u1f82" * MAX_PASSWORD_CHARACTERS


def test_a_password_may_be_spelled_in_four_times_its_characters() -> None:
    """No character has a longer canonical decomposition, so no password is refused that NFC makes
    short enough."""
    decompositions = (normalize("NFD", chr(code)) for code in range(0x110000))
    assert MAX_PASSWORD_CHARACTERS * max(map(len, decompositions)) == MAX_PASSWORD_SPELLING
    spelled = normalize("NFD", LONGEST)
    assert len(spelled) == MAX_PASSWORD_SPELLING
    assert wrong_with_password(spelled) is None
    assert normalise(spelled) == LONGEST
    assert wrong_with_password(normalize("NFD", LONGEST + "x")) is not None


def test_no_password_takes_more_than_linear_time() -> None:
    """One with eight times as many marks would take 64 times as long if NFC sorted them."""
    few, many = ("a" + "\u0301" * number + "\u0323" * number for number in (1_000, 8_000))
    assert cpu_seconds(lambda: _judge(many)) < 24 * cpu_seconds(lambda: _judge(few))


def _judge(password: str) -> None:
    for _ in range(10):
        assert wrong_with_password(password) is not None
        normalise(password)
