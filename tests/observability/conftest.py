"""A Prometheus that scrapes the session's Hubbub."""

from collections.abc import Iterator

import pytest

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.prometheus import Prometheus, running_prometheus


@pytest.fixture(scope="session")
def prometheus(system: Hubbub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Debian's package, with the alert rules of deploy/."""
    folder = tmp_path_factory.mktemp("prometheus")
    with running_prometheus(folder, system.data / "run" / "targets.json") as prometheus:
        yield prometheus
