"""Edge's checks of the system: each check finds the one fault it is about."""

from typing import Any

import pytest

from edge.checks import Seen, judge
from edge.figures import Figures

ROLES = ("users", "chats", "realtime")


def figures(**of_one_replica: float) -> Figures:
    """Metrics of two replicas; all those of the first are zero."""
    return Figures(2, ({}, of_one_replica))


def seen(**changes: Any) -> Seen:
    of_roles = {role: changes.pop(role, figures()) for role in ROLES}
    sound = Seen(of_roles, {"users": True, "chats": True}, True, 2, 0, False)
    return sound._replace(**changes)


WRONG: dict[str, tuple[Seen, str]] = {
    "processes": (seen(chats=Figures(2, ({},))), "1 of 2 of chats"),
    "databases": (seen(databases={"users": False, "chats": True}), "users"),
    "Valkey": (seen(valkey=False), "up to 2 s late"),
    "in doubt": (seen(users=figures(hubbub_users_oldest_prepared_seconds=11)), "11 s"),
    "outbox": (seen(chats=figures(hubbub_chats_outbox_age_seconds=11)), "11 s"),
    "canaries": (seen(realtime=figures(hubbub_realtime_canary_silent_seconds=16)), "16 s"),
    "circuits": (seen(circuit_is_open=True), "1 circuit is open"),
    "caches": (seen(cache_nodes_out=1), "1 of 2"),
    "live delivery": (seen(realtime=figures(hubbub_realtime_polling=2)), "A node hears"),
    "search index": (
        seen(chats=figures(
            hubbub_chats_search_behind_seconds=31, hubbub_chats_search_behind_chats=3
        )),
        "3 chats",
    ),
}  # fmt: skip


def test_nothing_is_wrong_with_what_is_sound() -> None:
    """Every check passes and says so; their names are unique."""
    checks = judge(seen())
    assert {check.check for check in checks} == WRONG.keys()
    assert all(check.ok and check.detail.endswith(".") for check in checks)


@pytest.mark.parametrize("name", WRONG)
def test_one_thing_is_wrong(name: str) -> None:
    """Only the check for it reports it."""
    given, words = WRONG[name]
    wrong = [check for check in judge(given) if not check.ok]
    assert [check.check for check in wrong] == [name]
    assert words in wrong[0].detail


def test_where_no_process_of_a_role_is_known() -> None:
    """That is a fault too, and the role's metrics are unknown."""
    nobody = Figures(0, ())
    assert [check.check for check in judge(seen(realtime=nobody)) if not check.ok] == ["processes"]
    assert nobody.total("hubbub_realtime_sockets") is None
