"""How long PostgreSQL on three hosts accepts no writes when the host of its primary is lost, and
what takes each second of that.

    python -m tests.hosts.silence --samples 6 --loss killed --loss "cut one way" --loop-wait 2

Needs root. Sets up the databases on three hosts as docs/hosts.md prints it, writes from each host,
and loses the host of the primary again and again; before each loss both standbys are synchronous,
or with `--soon` the one that was away has only just begun to stream. Reads the rows at the end:
an answered row that is missing counts as lost.
"""

import argparse
import base64
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from fleet.processes.children import spawn
from tests.hosts.engines import until
from tests.hosts.hosts import Host
from tests.hosts.world import OPT, World

HUNG: Final = {"Patroni hangs": "-f 'patroni .*[p]atroni.yml'", "PostgreSQL hangs": "postgres"}
"""Which processes pkill stops; the other ones of the host keep running."""
LOSSES: Final = ("killed", "cut both ways", "cut one way")
LOCK: Final = "/service/hubbub/leader"
DATABASE: Final = "hubbub_users"
_READY: Final = re.compile(
    r"^(\S+ \S+) UTC .* database system is ready to accept connections$", re.MULTILINE
)


class Sample(NamedTuple):
    """Seconds from the loss until the lock was free, was taken, its holder was promoted and
    confirmed the first commit to a plain connection, and to Hubbub's pool on each live host; `lock`
    is the lock's remaining time to live."""

    loss: str
    lock: int
    free: float
    taken: float
    promoted: float
    plain: float
    pool: float
    silence: float


class Answer(NamedTuple):
    at: float
    name: str
    number: int


class Etcd:
    """Queried from outside, on the first host that answers."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = list(hosts)

    def ask(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        for host in self._hosts:
            request = urllib.request.Request(
                f"http://{host.address}:2379/v3/{path}", data=msgspec.json.encode(said)
            )
            try:
                with urllib.request.urlopen(request, timeout=1) as answer:  # noqa: S310
                    return dict(msgspec.json.decode(answer.read()))
            except OSError:
                continue
        return {}

    def lock(self) -> tuple[str, str]:
        """The holder and its lease."""
        key = base64.b64encode(LOCK.encode()).decode()
        found = self.ask("kv/range", {"key": key, "serializable": True}).get("kvs")
        if not found:
            return "", ""
        return base64.b64decode(found[0]["value"]).decode(), found[0]["lease"]

    def seconds_left(self, lease: str) -> int:
        return int(self.ask("lease/timetolive", {"ID": lease}).get("TTL", -1))


class Writers:
    """One on each host."""

    def __init__(self, world: World, password: str) -> None:
        self._world = world
        self.processes: list[subprocess.Popen[bytes]] = []
        hosts = world.hosts
        places = ",".join(host.address for host in hosts)
        self._password = password
        self._url = f"postgresql://{DATABASE}:{password}@{places}/{DATABASE}"
        self._runs = 0
        for host in hosts:
            self.start(host)

    def start(self, host: Host) -> None:
        self._runs += 1
        name = f"{host.number}.{self._runs}"
        command = f"cd {OPT} && exec .venv/bin/python -m tests.hosts.writer {name} {self._url}"
        with self._file(host).open("ab") as output:
            self.processes.append(
                spawn(
                    [*host.prefix, "sh", "-c", command],
                    env={"PATH": "/usr/bin:/bin"}, cwd=host.folder, output=output,
                )
            )  # fmt: skip

    def answered(self, host: Host, kind: str, since: float = 0.0, server: str = "") -> list[Answer]:
        """The answers to the writers on that host; of plain ones only those that write to that
        server."""
        found = []
        for line in self._file(host).read_text().splitlines():
            words = line.split()
            if len(words) == 3 and words[1].startswith(kind) and words[1].endswith(server):
                found.append(Answer(float(words[0]), words[1], int(words[2])))
        return [one for one in found if one.at >= since]

    def longest_silence(self, host: Host) -> float:
        """Of Hubbub's pool there, in the last half minute."""
        times = [one.at for one in self.answered(host, "pool", time.time() - 30)]
        return max(after - before for before, after in pairwise(times))

    def lost(self, primary: Host) -> int:
        """The number of answered rows that are missing."""
        told = {
            (name, str(number))
            for host in self._world.hosts
            for _, name, number in self.answered(host, "p")
        }
        said = primary.run(
            f"PGPASSWORD={self._password} psql -h {primary.address}"  # noqa: S608
            f" -U {DATABASE} -d {DATABASE} -Atc 'SELECT name, number FROM answered'"
        )
        rows = {tuple(line.split("|")) for line in said.splitlines()}
        return len(told - rows)

    def _file(self, host: Host) -> Path:
        return host.folder / "writer.log"


def configure(host: Host, **settings: int) -> None:
    said = msgspec.json.encode(settings).decode()
    host.run(
        "curl -fsS -X PATCH -u postgres:$(cat /etc/hubbub/secrets/postgres.password)"
        f" -d '{said}' http://{host.address}:8008/config"
    )


def until_both_stream(world: World) -> None:
    """They need not be synchronous yet."""

    def stream() -> bool:
        try:
            cluster = world.databases.cluster()
        except StopIteration:
            return False
        return [one["state"] for one in cluster if one["role"] != "leader"] == ["streaming"] * 2

    until(stream, "two standbys")


def lose(world: World, writers: Writers, loss: str, *, soon: bool, phase: float) -> Sample:
    if soon:
        until_both_stream(world)
    else:
        world.databases.until_well()
        time.sleep(phase)
    primary = world.databases.primary
    others = [host for host in world.hosts if host is not primary]
    etcd = Etcd(others)
    left = etcd.seconds_left(etcd.lock()[1])
    began = time.time()
    match loss:
        case "killed":
            primary.kill()
        case "cut both ways":
            primary.cut()
        case "cut one way":
            primary.cut_sending()
        case _:
            primary.run(f"pkill -STOP {HUNG[loss]}")
    free = 0.0
    while True:
        holder, _ = etcd.lock()
        now = time.time() - began
        if holder != primary.address and not free:
            free = now
        if holder and holder != primary.address:
            break
        assert now < 120, "nobody takes the lock"
        time.sleep(0.05)
    world.databases.until_primary(but=primary)
    until(
        lambda: all(writers.answered(host, "plain", began, holder) for host in others),
        "an answer to plain connections on each host that lives",
    )
    plain = min(writers.answered(host, "plain", began, holder)[0].at for host in others) - began
    promoted = _promoted(next(host for host in others if host.address == holder), began)
    since = began + promoted  # before that, an old primary that hears its standbys confirms some
    until(
        lambda: all(writers.answered(host, "pool", since) for host in others),
        "an answer on each host that lives",
    )
    pool = max(writers.answered(host, "pool", since)[0].at for host in others) - began
    silence = max(map(writers.longest_silence, others))
    time.sleep(3)
    match loss:
        case "killed":
            primary.run("systemctl boot")
            writers.start(primary)
        case "cut both ways":
            primary.join()
        case "cut one way":
            primary.join_sending()
        case _:
            primary.run(f"pkill -CONT {HUNG[loss]}")
    return Sample(loss, left, free, now, promoted, plain, pool, silence)


def _promoted(host: Host, began: float) -> float:
    """When its PostgreSQL last reported to be ready, relative to `began`."""
    (log,) = (host.folder / "log" / "hubbub").glob("hubbub@postgres*.log")
    times = [
        datetime.strptime(f"{found}+0000", "%Y-%m-%d %H:%M:%S.%f%z").timestamp() - began
        for found in _READY.findall(log.read_text(errors="replace"))
    ]
    return max((at for at in times if at > 0), default=-1.0)


def main(words: Sequence[str]) -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.hosts.silence")
    reader.add_argument("--samples", type=int, default=6, help="of each loss")
    reader.add_argument("--loss", action="append", choices=[*LOSSES, *HUNG])
    reader.add_argument("--loop-wait", type=int)
    reader.add_argument("--retry-timeout", type=int)
    reader.add_argument("--soon", action="store_true")
    told = reader.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and everything is removed
    with tempfile.TemporaryDirectory(prefix="silence-", ignore_cleanup_errors=True) as folder:
        world = World(Path(folder), tls=False, only_databases=True)
        try:
            _measure(world, Path(folder), told)
        finally:
            world.close()


def _measure(world: World, folder: Path, told: argparse.Namespace) -> None:
    primary = world.databases.primary
    named = {"loop_wait": told.loop_wait, "retry_timeout": told.retry_timeout}
    if settings := {name: value for name, value in named.items() if value}:
        configure(primary, **settings)
    password = (folder / "secrets" / "users-database.password").read_text().strip()
    primary.run(
        f"PGPASSWORD={password} psql -h {primary.address} -U {DATABASE} -d {DATABASE}"
        " -c 'CREATE TABLE answered (name text, number int)'"
    )
    writers = Writers(world, password)
    time.sleep(5)
    pace = random.Random()
    print(" | ".join(Sample._fields), flush=True)
    for _ in range(told.samples):
        for loss in told.loss or LOSSES:
            phase = pace.uniform(0, told.loop_wait or 10)
            sample = lose(world, writers, loss, soon=told.soon, phase=phase)
            words = [f"{one:.1f}" if isinstance(one, float) else str(one) for one in sample]
            print(" | ".join(words), flush=True)
    world.databases.until_well()
    print(f"lost: {writers.lost(world.databases.primary)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
