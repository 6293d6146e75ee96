"""The units of deploy/hosts."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "name", ["hubbub@.service", "hubbub-balancer.service", "hubbub-address.service"]
)
def test_systemd_has_nothing_to_say_about_the_units(name: str, tmp_path: Path) -> None:
    """If systemd is installed, it accepts every line."""
    text = (ROOT / "deploy" / "hosts" / name).read_text()
    unit = tmp_path / name.replace("@", "@users")
    unit.write_text(text.replace("/opt/hubbub", str(ROOT)))
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--generators=no", str(unit)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        about = [line for line in done.stderr.splitlines() if unit.name in line]
        assert (done.returncode, about) == (0, [])


def test_no_address_moves_where_nothing_checks_the_balancer(tmp_path: Path) -> None:
    """Without curl every balancer would be considered dead."""
    environment = {"HERE": "a", "BALANCERS": "a b", "RUN": "/run"}
    for programs, code in (({"cat"}, 1), ({"cat", "curl"}, 0)):
        folder = tmp_path / str(code)
        folder.mkdir()
        for program in programs:
            (folder / program).symlink_to("/bin/cat")
        done = subprocess.run(
            [ROOT / "deploy/hosts/address", "print", "10.0.0.100/24", "eth0"],
            env={**environment, "PATH": str(folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, "vrrp_script" in done.stdout) == (code, code == 0)


def test_root_runs_nothing_that_the_balancer_could_have_written(tmp_path: Path) -> None:
    """keepalived's configuration is in its own folder, closed to HAProxy's user."""
    run, own = tmp_path / "run", tmp_path / "own"
    run.mkdir()
    (run / "keepalived.conf").symlink_to(tmp_path / "of root")
    environment = {
        "HERE": "a", "BALANCERS": "a b", "RUN": str(run), "OWN": str(own), "KEEPALIVED": "echo",
        "PATH": os.environ["PATH"],
    }  # fmt: skip
    done = subprocess.run(
        [ROOT / "deploy/hosts/address", "10.0.0.100/24", "eth0"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"-f {own}/keepalived.conf " in done.stdout
    assert not (tmp_path / "of root").exists()
    assert own.stat().st_mode & 0o777 == 0o700


def test_root_is_told_nothing_that_others_may_write() -> None:
    """/etc/hubbub belongs to the user who runs the services."""
    units = [path.read_text().splitlines() for path in (ROOT / "deploy/hosts").glob("*.service")]
    of_root = [unit for unit in units if "User=hubbub" not in unit]
    files = [line for unit in of_root for line in unit if line.startswith("EnvironmentFile=")]
    assert files == ["EnvironmentFile=/etc/hubbub-address.env"]
