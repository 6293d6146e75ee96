"""Shared by the tests of docker-compose.yml: one stack, and the users of the flow tests.

Only `make compose-test` collects them, since they need a Docker engine and minutes.
"""

import os
from collections.abc import Generator, Iterator

import pytest

from tests.compose.stack import NoEngine, Stack, demand_engine
from tests.flow.conftest import ann, ben, cat, documents, http, make_device, nobody

__all__ = ["ann", "ben", "cat", "documents", "http", "make_device", "nobody"]

WANTED_VARIABLE = "HUBBUB_COMPOSE_TEST"
_started: list[Stack] = []
collect_ignore_glob = [] if os.environ.get(WANTED_VARIABLE) else ["test_*.py"]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, created from nothing and removed completely."""
    try:
        demand_engine()
    except NoEngine as missing:
        pytest.exit(f"make compose-test: {missing}", returncode=1)
    stack = Stack(tmp_path_factory.mktemp("compose"))
    stack.down()
    _started.append(stack)
    try:
        stack.up()
        yield stack
    finally:
        _started.remove(stack)
        stack.down()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure is shown with the state of the containers, which are gone a minute later."""
    report = yield
    if report.failed:
        report.sections += [("containers", stack.describe()) for stack in _started]
    return report
