"""How deploy/haproxy/haproxy.cfg treats variables, as read by HAProxy itself."""

import shutil
from pathlib import Path

import pytest

from fleet.engines.balancer import CONFIGURATION, REFUSALS, pools_text
from tests.fixtures.authority import Authority
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


@pytest.mark.parametrize("name", ["hubbub (copy)", "Ann's things", 'a "b"', "a,b", "a)", "$a"])
def test_paths_may_hold_what_a_condition_would_take_for_its_own(tmp_path: Path, name: str) -> None:
    """Both the folder of this project and that of the CA."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copytree(REFUSALS, folder / "refusals")
    (pools := tmp_path / "pools.cfg").write_text(pools_text([]))
    assert "rror" not in read_by_haproxy(
        CONFIGURATION,
        pools,
        HUBBUB_BALANCER_REFUSALS=str(folder / "refusals"),
        HUBBUB_BALANCER_CA=str(Authority(folder).ca),
    )
