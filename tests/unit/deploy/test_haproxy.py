"""How deploy/haproxy/haproxy.cfg treats variables, as read by HAProxy itself."""

import pytest

from fleet.engines.balancer import CONFIGURATION
from tests.unit.deploy.test_certificates import read_by_haproxy


@pytest.mark.parametrize(
    ("given", "is_refused"), [("on", False), ("off", False), ("", False), ("yes", True)]
)
def test_the_proxy_protocol_is_on_or_off(given: str, is_refused: bool) -> None:
    """As on one machine: any other value is refused, not taken for one of them."""
    said = read_by_haproxy(
        CONFIGURATION, HUBBUB_BALANCER_TRUSTED="10.0.0.0/8", HUBBUB_BALANCER_PROXY=given
    )
    assert ("HUBBUB_PROXY_PROTOCOL is neither on nor off" in said) is is_refused
