"""What the doctor tells to type works as it is printed, and only where it helps."""

import shlex
import sys

import pytest

from tests.unit.ops.scenes import chats, fleet, found_by, process, scene, users


@pytest.mark.parametrize(
    ("error", "port", "command"),
    [
        (
            "FATAL: the database system is in recovery mode",
            5432,
            "make logs OF=postgres-1   # wait",
        ),
        ("FATAL: sorry, too many clients already", 5432, "ss -tnp 'dport = :5432'"),
        ("there is no process of it", None, "make logs OF=postgres-1"),
        ("timeout", 5432, "kill -9 7 "),
    ],
)
def test_a_database_that_does_not_answer_is_killed_only_where_that_helps(
    error: str, port: int | None, command: str
) -> None:
    """Not while it recovers, and not for connections that something else holds."""
    engines = [process("postgres", pid=7, port=port)] if port else []
    seen = scene(state=fleet(*engines), databases=users(error=error))
    ((finding,),) = found_by(seen).values()
    assert finding.command.startswith(command)


def test_a_transaction_of_somebody_else_is_ended_by_the_command_as_it_is_printed() -> None:
    """Whatever its name holds, for the shell and for SQL; one that has just begun is nothing."""
    seen = scene(databases=chats(strangers=(("it's mine", 90.0), ("young", 1.0))))
    ((finding,),) = found_by(seen).values()
    python, *words = shlex.split(finding.command)
    assert python == sys.executable
    assert words == ["-m", "fleet", "sql", "chats", "ROLLBACK PREPARED 'it''s mine'"]
