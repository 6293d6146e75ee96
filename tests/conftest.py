"""What every test may use; the fixtures themselves are in tests/fixtures."""

import signal

pytest_plugins = ["tests.fixtures.servers", "tests.fixtures.system"]


def pytest_configure() -> None:
    """Systems that the tests start heed SIGHUP, also where the tests themselves run under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
