"""The tables that chats derives from its log, rebuilt with the command line of one machine."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.database.migrations import migrate
from fleet.commands.backup import databases_of
from fleet.commands.rebuild import PROGRAMS
from fleet.settings import PROJECT_FOLDER, read_settings
from tests.fixtures.busy import TRIES


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the databases of a stopped Hubbub."""
    folder = tmp_path_factory.mktemp("data")

    async def make() -> None:
        async with databases_of(read_settings({"HUBBUB_DATA": str(folder)}), may_run=False) as urls:
            for role, url in urls.items():
                await migrate(url, PROJECT_FOLDER / role / "migrations")

    asyncio.run(make())
    return folder


def rebuild(data: Path, what: str) -> "subprocess.CompletedProcess[str]":
    """Tried again, on a busy machine, if the database did not answer within two seconds."""
    for _ in range(TRIES):
        done = subprocess.run(
            [sys.executable, "-m", "fleet", "rebuild", what],
            cwd=PROJECT_FOLDER, env={"HUBBUB_DATA": str(data), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "couldn't get a connection" not in done.stderr:
            break
    return done


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_rebuild_needs_no_variable_of_a_service(data: Path, what: str) -> None:
    """The operator's shell sets only HUBBUB_DATA; addresses of replicas are not needed."""
    done = rebuild(data, what)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("what", PROGRAMS)
def test_a_database_without_tables_is_a_sentence(tmp_path: Path, what: str) -> None:
    """As after a Hubbub that was stopped before it had created them."""

    async def make() -> None:
        async with databases_of(read_settings({"HUBBUB_DATA": str(tmp_path)}), may_run=False):
            pass

    asyncio.run(make())
    done = rebuild(tmp_path, what)
    assert done.returncode == 1
    assert done.stderr == f"{PROGRAMS[what]}: the database has no tables yet: start Hubbub first\n"
