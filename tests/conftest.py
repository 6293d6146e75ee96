"""What every test may use; the fixtures themselves are in tests/fixtures."""

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures.servers", "tests.fixtures.cluster", "tests.fixtures.system"]


def pytest_configure() -> None:
    """Systems that the tests start heed SIGHUP and SIGINT, also where the tests themselves run
    under nohup or in the background of a shell. How long an example takes, or takes to be made, is
    no property: a busy machine makes any of them slow."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.register_profile("hubbub", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("hubbub")
