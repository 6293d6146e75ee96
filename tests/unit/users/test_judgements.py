"""Decisions without I/O: refresh tokens and votes."""

import pytest

from common.protocol.users import PrepareMemberships
from users.memberships import judge_change
from users.sessions import Shown, judge_refresh_token
from users.store.memberships import Facts
from users.store.sessions import RefreshRow


def shown(*, token: int, held: int, current: int, is_alive: bool = True) -> RefreshRow:
    return RefreshRow("s", "u", "Ann", "ann@example.org", token, current, held, is_alive)


@pytest.mark.parametrize(
    ("token", "held", "current", "expected"),
    [
        (0, 0, 0, Shown.GOOD),
        (0, 0, 1, Shown.GOOD),  # the answer was lost
        (0, 0, 3, Shown.GOOD),  # and again
        (2, 0, 3, Shown.GOOD),  # one of them arrived late
        (0, 1, 1, Shown.USED),
        (1, 1, 1, Shown.GOOD),
        (1, 1, 2, Shown.GOOD),
        (1, 2, 2, Shown.USED),
    ],
)
def test_refresh_token_is_used_up_once_a_newer_one_was_held(
    token: int, held: int, current: int, expected: Shown
) -> None:
    """A generation works until its client has proved to have a later one."""
    assert judge_refresh_token(shown(token=token, held=held, current=current)) is expected


def test_dead_session_has_no_good_token() -> None:
    """Nor a reused one: the session has ended already."""
    assert judge_refresh_token(None) is Shown.DEAD
    for token in (0, 1):
        row = shown(token=token, held=1, current=1, is_alive=False)
        assert judge_refresh_token(row) is Shown.DEAD


def vote(facts: Facts, full_users: list[str], add: list[str]) -> str:
    request = PrepareMemberships(
        transaction="t", user="u", session="s", chat="c", add=add, remove=[], remove_all=False
    )
    refusal = judge_change(request, facts, full_users)
    return refusal.code if refusal else "yes"


def test_vote_is_yes_only_where_nothing_is_wrong() -> None:
    """A dead session takes precedence over unknown users, and they over a limit."""
    assert vote(Facts(True, [], ["a"]), [], ["a"]) == "yes"
    assert vote(Facts(True, [], ["a"]), ["a"], ["a"]) == "invalid_request"
    assert vote(Facts(True, ["b"], ["a"]), ["a"], ["a", "b"]) == "unknown_user"
    assert vote(Facts(False, ["b"], ["a"]), ["a"], ["a", "b"]) == "unauthenticated"
