"""Every command of docs/operations.md is run by a test, or says why it is not."""

import re

from fleet.settings import PROJECT_FOLDER
from tests.fixtures.procedures import IN_CONTAINERS, NOT_RUN, ON_ONE_MACHINE, printed_commands

SETTING = re.compile(r"^(HUBBUB_\w+)=\S*$")


def test_every_printed_command_is_run_by_a_test_or_says_why_not() -> None:
    """And none is listed that is no longer printed."""
    commands = [command for command in printed_commands() if not SETTING.match(command)]
    assert len(commands) > 25
    assert sorted(commands) == sorted([*ON_ONE_MACHINE, *IN_CONTAINERS, *NOT_RUN])
    assert all(reason for reason in NOT_RUN.values())


def test_every_printed_setting_is_a_variable() -> None:
    """One of docs/configuration.md, which is generated from the code."""
    known = (PROJECT_FOLDER / "docs" / "configuration.md").read_text()
    settings = [found[1] for command in printed_commands() if (found := SETTING.match(command))]
    assert len(settings) >= 7
    assert [name for name in settings if f"`{name}`" not in known] == []
