"""One process of each role is enough while there are no users."""

from fleet.scaling.resting import AFTER_SECONDS, ONE, Resting
from fleet.scaling.scaler import Replicas
from fleet.settings import read_settings

TWO = Replicas(2, 4)


def test_a_system_rests_once_all_have_been_at_rest_for_a_while() -> None:
    """A single process with users restarts the waiting time, and ends a rest at once."""
    resting = Resting({"edge"})
    assert not resting.judge(True, 0.0)
    assert not resting.judge(True, AFTER_SECONDS - 1)
    assert not resting.judge(False, AFTER_SECONDS - 0.5)
    assert (resting.judge(True, AFTER_SECONDS), resting.has_begun) == (False, False)
    assert (resting.judge(True, 2 * AFTER_SECONDS), resting.has_begun) == (True, True)
    assert not resting.judge(True, 3 * AFTER_SECONDS)
    assert (resting.judge(False, 3 * AFTER_SECONDS), resting.has_begun) == (True, False)


def test_only_roles_rest_that_the_operator_left_open() -> None:
    """A configured number holds at rest as well."""
    settings = read_settings({"HUBBUB_REPLICAS": "edge=2, realtime=1-4"})
    resting = Resting(settings.open_roles)
    assert resting.roles == {"users", "chats", "files"}
    usual = dict.fromkeys(("edge", "users"), TWO)
    assert resting.bounds(usual) == usual
    resting.judge(True, 0.0)
    resting.judge(True, AFTER_SECONDS)
    assert resting.bounds(usual) == {"edge": TWO, "users": ONE}
    assert read_settings({"HUBBUB_SIZE": "small"}).open_roles == set()
