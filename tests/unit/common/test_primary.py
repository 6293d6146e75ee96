"""Which server is tried first, and what a failover may have lost."""

import pytest

from common.database.hosts import Hosts, session_target
from common.database.primary import Primary, ServerFacts, Survives, Verdict

URL = "postgresql://me:se%2Ccret@one:5433,two/it?sslmode=require"


def test_the_server_that_took_writes_comes_first() -> None:
    """So that new connections do not wait for one whose machine is down."""
    hosts = Hosts(URL)
    assert hosts.are_several
    assert "host=one,two port=5433,5432" in hosts.conninfo()
    hosts.prefer("two", 5432)
    assert "host=two,one port=5432,5433" in hosts.conninfo()
    hosts.put_last("two", 5432)
    hosts.prefer("three", 5432)  # not one of them
    assert "host=one,two port=5433,5432" in hosts.conninfo()
    for kept in ("user=me", "password=se,cret", "dbname=it", "sslmode=require"):
        assert kept in hosts.conninfo()


def test_the_url_of_one_server_stays_as_it_is() -> None:
    """A URL with one server is passed to libpq unchanged."""
    for url in ("postgresql://me@one/it", "postgresql:///it?host=/run/postgresql", "users"):
        hosts = Hosts(url)
        assert not hosts.are_several
        assert hosts.conninfo() == url


def test_only_a_server_that_takes_writes_will_do() -> None:
    """Unless the URL says otherwise, standbys are refused."""
    assert session_target(URL) == "read-write"
    assert session_target(f"{URL}&target_session_attrs=primary") == "primary"


def facts(
    timeline: int,
    *,
    position: int = 100,
    began: int | None = None,
    survives: Survives = "machine",
    system: int = 1,
) -> ServerFacts:
    return ServerFacts(system, timeline, began, position, survives)


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (facts(2), "same"),
        (facts(1), "older"),
        (facts(3, began=100), "kept"),
        (facts(3, began=None), "lost"),  # it has restarted since, so it is unknown
        (facts(3, began=40), "lost"),  # it did without a standby for a while, at 50
        (facts(3, system=2), "first"),  # a different database
    ],
)
def test_what_another_server_is(seen: ServerFacts, verdict: Verdict) -> None:
    """Compared with one whose commits have waited for a standby since position 50."""
    primary = Primary()
    assert primary.judge(seen) == "first"
    primary.note(facts(2, position=50, survives="process"))
    primary.note(facts(2, position=100))
    assert primary.judge(seen) == verdict


@pytest.mark.parametrize("survives", ["nothing", "process"])
def test_where_no_standby_had_to_have_them_answers_may_be_lost(survives: Survives) -> None:
    """What was answered after the last check is unknown."""
    primary = Primary()
    primary.note(facts(2, survives=survives))
    assert primary.judge(facts(3, began=1_000)) == "lost"
    primary.note(facts(3, began=1_000))
    assert primary.judge(facts(4, began=1_000)) == "kept"
