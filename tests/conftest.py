"""Fixtures and settings for all tests; the fixtures themselves are in tests/fixtures."""

import signal
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

HERE: Final = Path(__file__).parent
# They run first, so that at the end no worker waits for another's long file.
LONG_FILES: Final = {
    f"{name}.py": place
    for place, name in enumerate(
        (
            "simulation/test_seeds", "contract/edge/test_who_may_what",
            "contract/realtime/test_ends", "contract/realtime/test_presence_losses",
            "unit/fleet/test_backup", "contract/fleet/test_external_backup",
            "contract/edge/test_cache", "contract/edge/test_broken_uploads",
            "contract/edge/test_hostile_requests", "simulation/test_power",
            "contract/edge/test_push", "contract/edge/test_deletion",
            "contract/realtime/test_cut_off", "contract/common/test_cluster",
            "contract/chats/test_own", "contract/realtime/test_hostile_clients",
            "contract/edge/test_outages", "contract/users/test_instance",
            "contract/chats/test_fold", "contract/common/test_pool", "properties/test_two_phase",
            "contract/users/test_resolver", "contract/edge/test_rates",
            "contract/edge/test_uploads", "contract/realtime/test_presence",
            "contract/common/test_failover", "contract/chats/test_two_databases",
            "contract/users/test_service", "contract/realtime/test_losses",
            "unit/fleet/test_servers",
        )
    )
}  # fmt: skip

pytest_plugins = ["tests.fixtures.servers", "tests.fixtures.cluster", "tests.fixtures.system"]


def pytest_configure() -> None:
    """Systems started by the tests react to SIGHUP and SIGINT, even if the tests themselves run
    under nohup or in the background of a shell. The duration of an example is not a property: a
    busy machine makes any of them slow."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("hubbub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("hubbub")


@pytest.hookimpl(trylast=True)  # after the order was randomized
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.path
        name = str(path.relative_to(HERE)) if path.is_relative_to(HERE) else ""
        return LONG_FILES.get(name, len(LONG_FILES))

    items.sort(key=place)
