"""Which push service addresses are accepted."""

import pytest

from common.protocol.push import wrong_with_endpoint

GOOD = (
    "https://fcm.googleapis.com/fcm/send/abc:def", "https://updates.push.services.mozilla.com/wpush/v2/x",
    "https://web.push.apple.com/QGuQyavXutnMH", "https://push.example.org:443/x?y=1",
)  # fmt: skip
BAD = (
    "", "x", "http://push.example.org/x", "https://push.example.org:8443/x", "https://127.0.0.1/x",
    "https://[::1]/x", "https://localhost/x", "https://2130706433/x", "https://0x7f.0.0.1/x",
    "https://a@push.example.org/x", "https://a:b@push.example.org/x", "https://push.example.org/#x",
    "ftp://push.example.org/x", "https://push.example.org:x/", "https://push.example.org/ x",
    "https://push.example.org/\n", "https://push.example.org/é", "https://push..org/", "https:///x",
    "https://push.example.org/" + "x" * 1_024,
)  # fmt: skip


@pytest.mark.parametrize("endpoint", GOOD)
def test_those_that_browsers_have(endpoint: str) -> None:
    """https, on the default port of a host name."""
    assert wrong_with_endpoint(endpoint, "on") is None


@pytest.mark.parametrize("endpoint", BAD)
def test_nothing_else(endpoint: str) -> None:
    """Nor this machine, unless the operator allows it."""
    assert wrong_with_endpoint(endpoint, "on") is not None
    assert wrong_with_endpoint(endpoint, "local") is not None


def test_this_machine_where_it_is_meant() -> None:
    """For tests; and even then no other host without TLS."""
    assert wrong_with_endpoint("http://127.0.0.1:8080/x", "local") is None
    assert wrong_with_endpoint("http://127.0.0.1:8080/x", "on") is not None
    assert wrong_with_endpoint("http://192.168.1.1/x", "local") is not None
