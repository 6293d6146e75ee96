"""How HAProxy reads deploy/haproxy/haproxy.cfg, and how long a process that ends may take."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from files.uploads import MAX_SECONDS
from fleet.engines.balancer import CONFIGURATION, REFUSALS, pools_text
from fleet.settings import PROJECT_FOLDER
from tests.fixtures.authority import Authority
from tests.unit.deploy.test_certificates import read_by_haproxy

FOLDER = PROJECT_FOLDER / "deploy"


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


def test_a_reload_in_containers_cuts_no_upload_and_a_stop_is_quick() -> None:
    """The old process has longer than an upload may take. One that stops is killed by Docker."""
    deploy = PROJECT_FOLDER / "deploy" / "haproxy"
    found = re.search(
        r"^    hard-stop-after (\d+)h$", (deploy / "containers.cfg").read_text(), re.M
    )
    assert found
    assert int(found[1]) * 3600 > MAX_SECONDS
    compose = yaml.safe_load((PROJECT_FOLDER / "docker-compose.yml").read_text())
    haproxy = compose["services"]["haproxy"]
    assert "stop_signal" not in haproxy  # the image's, SIGUSR1, lets requests finish


@pytest.mark.parametrize("given", [{}, {"HUBBUB_BALANCER_PLAIN_BIND": ":::8080 v4v6"}])
def test_plain_http_is_redirected_with_the_variables_of_an_older_release(
    tmp_path: Path, given: dict[str, str]
) -> None:
    """Its container may read the new file before it is replaced."""
    (pools := tmp_path / "pools.cfg").write_text(pools_text([]))
    # The map without a file is of a later release than the one here.
    text = (CONFIGURATION.parent / "tls.cfg").read_text().replace(",map(virt@acme)", "")
    (tls := tmp_path / "tls.cfg").write_text(text)
    assert "rror" not in read_by_haproxy(CONFIGURATION, pools, tls, **given)


@pytest.mark.parametrize("script", ["haproxy/balancer.sh", "hosts/balancer"])
def test_a_low_soft_limit_of_open_files_turns_no_client_away(tmp_path: Path, script: str) -> None:
    """HAProxy raises it as far as the hard limit allows: newer versions of Docker give containers a
    soft limit of 1,024, which would be 262 clients."""
    program = tmp_path / "haproxy"
    program.write_text('#!/bin/sh\necho "$HUBBUB_BALANCER_MAXCONN"\n')
    program.chmod(0o755)
    (tmp_path / "balancer.key").write_text("the secret of the balancer")
    text = (FOLDER / script).read_text().replace("/run/secrets", str(tmp_path))
    done = subprocess.run(
        ["sh", "-c", f"ulimit -Sn 1024; ulimit -Hn 4096\n{text}", FOLDER / script, ":443"],
        env={
            "PATH": f"{tmp_path}:{os.environ['PATH']}", "HUBBUB_DOMAIN": "", "HOSTS": "10.0.0.1",
            "SECRETS": str(tmp_path), "RUN": str(tmp_path / "run"),
        },
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) == (4096 - 500) // 2


def test_on_hosts_the_balancer_reloads_and_answers_as_in_containers(tmp_path: Path) -> None:
    """Processes of earlier reloads end, and browsers that have seen TLS come back with TLS."""
    (tmp_path / "balancer.key").write_text("the secret of the balancer")
    subprocess.run(
        [FOLDER / "hosts" / "balancer", ":443"],
        env={
            "PATH": os.environ["PATH"], "HAPROXY": "true", "HOSTS": "10.0.0.1 10.0.0.2",
            "SECRETS": str(tmp_path), "RUN": str(tmp_path),
        },
        check=True,
    )  # fmt: skip
    pools = tmp_path / "pools.cfg"
    assert "rror" not in read_by_haproxy(CONFIGURATION, pools)
    shared = re.compile(r"^backend \w+|^    (?:hard-stop-after|http-response) .*", re.M)
    there = (FOLDER / "haproxy" / "containers.cfg").read_text().partition("\nfrontend ")[0]
    assert shared.findall(pools.read_text()) == shared.findall(there)
