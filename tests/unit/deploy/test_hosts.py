"""The units of deploy/hosts."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# As 10.0.0.3:6380 says when its host is back; the other server there can take over from 10.0.0.1,
# which has two primaries.
NODES = """\
one 10.0.0.1:6379@16379 master - 0 0 1 connected 0-5460
two 10.0.0.1:6380@16380 master - 0 0 4 connected 10923-16383
three 10.0.0.2:6379@16379 master - 0 0 2 connected 5461-10922
four 10.0.0.2:6380@16380 slave one 0 0 1 connected
five 10.0.0.3:6379@16379 slave two 0 0 4 connected
six 10.0.0.3:6380@16380 myself,slave three 0 0 2 connected
"""
OTHER_NODES = NODES.replace("myself,", "").replace("slave two", "myself,slave two")
IN_STEP = "master_link_status:up"


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


def test_the_ports_to_open_are_those_that_are_used() -> None:
    """Those in the scripts, and in the steps for Valkey, whose cluster bus is 10,000 above."""
    scripts = "".join(path.read_text() for path in (ROOT / "deploy/hosts").iterdir())
    page = (ROOT / "docs/hosts.md").read_text()
    ports = {int(port) for port in re.findall(r"\$(?:HERE|host):(\d{4,})", scripts)}
    services = {int(port) for port in re.findall(r"\) echo (\d{4}) ;;", scripts)}
    valkeys = {int(port) for port in re.findall(r"hubbub@valkey-(\d+)", page)}
    used = ports | services | {n + 100 for n in services} | valkeys | {n + 10_000 for n in valkeys}
    _, *rows = page.partition("| port | what listens |")[2].partition("| VRRP")[0].splitlines()
    assert len(services) == 5
    assert used == {
        port
        for row in rows[1:]
        for low, high in re.findall(r"(\d+)(?: to (\d+))?", row.split("|")[1])
        for port in range(int(low), int(high or low) + 1)
    }


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


def test_postgresql_starts_only_where_a_standby_can_take_over(tmp_path: Path) -> None:
    """Without curl the check before a promotion would find etcd silent, whenever it is needed."""
    for name in ("postgres", "postgres-replica"):
        (tmp_path / f"{name}.password").touch()
    environment = {"HERE": "a", "HOSTS": "a b", "POSTGRES": "/usr/bin"}
    environment |= {"SECRETS": str(tmp_path), "DATA": str(tmp_path)}
    for without, said in (("curl", ""), ("", f"{tmp_path}/patroni.yml\n")):
        folder = tmp_path / f"without {without}"
        folder.mkdir()
        for program in {"cat", "dirname", "env"}:
            (folder / program).symlink_to(f"/usr/bin/{program}")
        for program in {"patroni", "curl"} - {without}:
            (folder / program).symlink_to("/bin/echo")
        done = subprocess.run(
            [ROOT / "deploy/hosts/postgres"],
            env={**environment, "PATH": str(folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.stdout, "no curl" in done.stderr) == (said, without == "curl")


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


@pytest.mark.parametrize(
    ("nodes", "link", "takes_over"),
    [
        pytest.param(OTHER_NODES, IN_STEP, True, id="its primary's host has two, its own none"),
        pytest.param(NODES, IN_STEP, False, id="its primary's host has one"),
        pytest.param(
            OTHER_NODES.replace("three 10.0.0.2", "three 10.0.0.3"), IN_STEP, False,
            id="its own host has one",
        ),
        pytest.param(OTHER_NODES, "master_link_status:down", False, id="not in step"),
        pytest.param(
            OTHER_NODES.replace("slave three", "slave,fail? three"), IN_STEP, False,
            id="a replica may be gone",
        ),
        pytest.param(
            OTHER_NODES.replace("master - 0 0 2", "master,fail - 0 0 2"), IN_STEP, False,
            id="a primary is gone",
        ),
        pytest.param(
            OTHER_NODES + "lost :0@0 master,fail,noaddr - 0 0 1 disconnected\n", IN_STEP, True,
            id="a server is gone that was replaced",
        ),
        pytest.param(
            OTHER_NODES.partition("six")[0], IN_STEP, False,
            id="a server is still to be added",
        ),
        pytest.param("", "", False, id="the server does not answer yet"),
    ],
)  # fmt: skip
def test_a_replica_takes_over_only_to_spread_the_primaries(
    nodes: str, link: str, takes_over: bool, tmp_path: Path
) -> None:
    """It is asked to only while the cluster is whole and it has what its primary has."""
    (tmp_path / "valkey-admin.password").touch()
    (tmp_path / "nodes").write_text(nodes)
    for name, script in {
        "valkey-cli": f"""case "$*" in
            *"cluster nodes") cat {tmp_path}/nodes ;;
            *"info replication") printf '{link}\\r\\n' ;;
            *"cluster failover") echo OK ;;
            esac""",
        "sleep": f"mkdir {tmp_path}/slept 2>/dev/null",  # fails the second time and ends the loop
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [ROOT / "deploy/hosts/spread", "6380", str(os.getpid())],
        env={
            "HERE": "10.0.0.3",
            "SECRETS": str(tmp_path),
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.endswith("taking over: OK\n") == takes_over, done
    assert done.stderr == ""
