"""What the tests of docker-compose.yml share: one stack, and the people of the flow tests.

Only `make compose-test` collects them, for they need a Docker engine and minutes.
"""

import os
from collections.abc import Iterator

import pytest

from tests.compose.stack import NoEngine, Stack, demand_engine
from tests.flow.conftest import ann, ben, cat, documents, http, make_device, nobody

__all__ = ["ann", "ben", "cat", "documents", "http", "make_device", "nobody"]

WANTED_VARIABLE = "HUBBUB_COMPOSE_TEST"
collect_ignore_glob = [] if os.environ.get(WANTED_VARIABLE) else ["test_*.py"]


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, from nothing to nothing."""
    try:
        demand_engine()
    except NoEngine as missing:
        pytest.exit(f"make compose-test: {missing}", returncode=1)
    stack = Stack(tmp_path_factory.mktemp("compose"))
    stack.down()
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
