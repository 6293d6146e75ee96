"""Callers: credentials per service, and the table of who may call what."""

import re
import subprocess
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from common.calls.callers import (
    CALLED,
    CALLERS,
    RELEASE_BEFORE,
    Caller,
    KnownCallers,
    callers_lines,
    read_callers,
)
from common.calls.service import Call
from common.protocol.users import Empty
from tests.fixtures.declared_calls import declared_calls

ROOT = Path(__file__).parents[3]
SECRETS = {name: f"the secret of {name}" for name in CALLERS}


def shown(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode(): value.encode("latin-1") for name, value in headers.items()}


def known_to(callee: str, shared: str | None = None) -> KnownCallers:
    return KnownCallers(read_callers(callers_lines(SECRETS, callee)), shared)


def test_each_service_is_known_by_its_own_secret() -> None:
    """And not by what it presents to another service, or what another service presents."""
    for callee in CALLED:
        for name in set(CALLERS) - {callee}:
            assert (
                known_to(callee).identify(shown(Caller(name, SECRETS[name]).headers(callee)))
                == name
            )
        for other in ("realtime", "nobody"):
            assert (
                known_to(callee).identify(shown(Caller(other, SECRETS["edge"]).headers(callee)))
                is None
            )
    edge = Caller("edge", SECRETS["edge"])
    assert known_to("chats").identify(shown(edge.headers("users"))) is None
    assert known_to("chats").identify({}) is None


def test_what_a_service_knows_of_its_callers_is_no_credential() -> None:
    """Neither a secret nor a presented credential can be read in the file."""
    text = callers_lines(SECRETS, "chats")
    for name, secret in SECRETS.items():
        assert secret not in text
        assert Caller(name, secret).headers("chats")["X-Hubbub-Caller"].split()[1] not in text


def test_the_credential_of_the_release_before_counts_while_it_is_there() -> None:
    """A credential of this release is also valid for a service of that one; a caller that names
    itself is checked by its own credential only."""
    both = Caller("edge", SECRETS["edge"], "the shared one").headers("chats")
    assert both["Authorization"] == "Bearer the shared one"
    old = shown({"Authorization": "Bearer the shared one"})
    assert known_to("chats").identify(old) is None
    assert known_to("chats", "another one").identify(old) is None
    assert known_to("chats", "the shared one").identify(old) == RELEASE_BEFORE
    assert known_to("chats", "the shared one").identify(shown(both)) == "edge"
    wrong = Caller("edge", "another secret", "the shared one").headers("chats")
    assert known_to("chats", "the shared one").identify(shown(wrong)) is None


def test_a_file_of_callers_that_cannot_be_right_is_refused() -> None:
    """Empty, an unknown service, a malformed hash; two hashes of one service are valid."""
    for text in ("", "nobody " + "a" * 64, "edge abc", "edge " + "x" * 64, "a" * 64):
        with pytest.raises(ValueError, match=r"names no caller|line 1 is not|hexadecimal"):
            read_callers(text)
    two = "edge " + "a" * 64 + "\n\nedge " + "b" * 64 + "\n"
    assert len(read_callers(two)["edge"]) == 2


def test_a_call_must_say_who_may_make_it() -> None:
    """An empty text, or one that names no services, is an error at the start."""
    for by in ("", "edge and realtime"):
        with pytest.raises(ValueError, match="does not name services"):
            Call("x", by, "reads", Empty, Empty, MagicMock())


def test_containers_and_the_fleet_make_the_same_files(tmp_path: Path) -> None:
    """deploy/make-secrets computes the same as common/calls/callers.py; a new secret of one service
    renews them."""
    for gone in ("", "edge.key"):
        (tmp_path / gone).unlink() if gone else None
        subprocess.run([ROOT / "deploy/make-secrets", tmp_path], check=True, capture_output=True)
        names = [name for name in CALLERS if name != "fleet"]
        secrets = {name: (tmp_path / f"{name}.key").read_text().strip() for name in names}
        for callee in CALLED:
            assert (tmp_path / f"{callee}.callers").read_text() == callers_lines(secrets, callee)


@pytest.mark.parametrize("service", CALLED)
def test_the_table_of_internals_says_who_may_call_what(service: str) -> None:
    """docs/internals.md has a row for each call, with exactly the services that may make it."""
    text = (ROOT / "docs" / "internals.md").read_text()
    table = text.partition(f"| call of {service} | called by |")[2].partition("\n\n")[0]
    documented: dict[str, set[str]] = {}
    for row in table.splitlines()[2:]:
        names, by = row.split("|")[1:3]
        for name in re.findall(r"`([a-z_]+)`", names):
            documented.setdefault(name, set()).update(by.strip().split(", "))
    assert documented == {call.name: set(call.callers) for call in declared_calls(service)}
