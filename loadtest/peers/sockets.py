"""The load programs in C and their commands: sockets, publisher, posts."""

import json
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from typing import Any

from loadtest.peers.build import BUILD, say
from loadtest.peers.machine import CLIENT_CORE, Found
from loadtest.peers.process import Process, SilenceEnds

ALIVE_SECONDS = 10.0


class Sockets:
    """wsload: a connection for each line of the plan, all ready when this returns."""

    def __init__(
        self,
        ports: Sequence[int],
        plan: Sequence[str],
        options: Iterable[object] = (),
        *,
        shm: str | None = None,
        core: int | None = CLIENT_CORE,
        patience: float = 60,
    ) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".plan", delete=False) as file:
            file.write("\n".join(plan) + "\n")
        argv = [BUILD / "wsload", "--port", ",".join(map(str, ports)), "--plan", file.name]
        window = ["--shm", shm] if shm else []
        self.process = Process([*argv, *options, *window], core, talks=True)
        try:
            self.ready = self._answer("ready", patience)
        except BaseException:
            self.process.stop()
            raise
        finally:
            os.unlink(file.name)
        if failed := self.ready["failed"]:
            say(f"  {failed} of {len(plan)} sockets failed: {self.ready['first_failure']}")

    def _answer(self, event: str, patience: float = 30) -> Found:
        with SilenceEnds(patience, self.process):
            for line in self.process.output:
                found: Found = json.loads(line)
                if found["event"] == event:
                    return found
        raise RuntimeError(f"wsload gave no {event}: {self.process.errors()}")

    def tell(self, command: str) -> None:
        self.process.tell(command)

    def report(self) -> Found:
        """What was counted since the last reset."""
        self.tell("report")
        return self._answer("report")

    def wait_until_alive(self, count: int) -> None:
        """Raises RuntimeError when so many are not what is left in time."""
        end = time.monotonic() + ALIVE_SECONDS
        while (alive := self.report()["alive"]) != count:
            if time.monotonic() > end:
                raise RuntimeError(f"{alive} sockets are open, not {count}")
            time.sleep(0.02)

    def come_back(self, ports: Sequence[int], patience: float) -> Found:
        """All that are closed dial at once and again until each is ready; how that went."""
        self.tell("dial " + ",".join(map(str, ports)))
        return self._answer("back", patience)

    def drain(self, patience: float = 10) -> Found:
        """Waits until nothing more arrives; returns the last report."""
        end, before = time.monotonic() + patience, -1
        while (seen := self.report())["total"] != before and time.monotonic() < end:
            before = seen["total"]
            time.sleep(0.15)
        return seen

    def stop(self) -> None:
        self.process.stop()


def start_publisher(valkey: int, envelope: str, size: int, *options: object) -> Process:
    """redispub: events of `size` bytes straight to the bus."""
    argv = [BUILD / "redispub", "--port", valkey, "--envelope", envelope, "--size", size]
    return Process([*argv, *options], CLIENT_CORE, talks=True)


class Posts:
    """httpsend: POSTs to a list of (path, token), warm for a while, then counted."""

    def __init__(
        self,
        ports: Sequence[int],
        targets: Sequence[tuple[str, str]],
        *options: object,
        core: int | None = None,
    ) -> None:
        self._file = tempfile.NamedTemporaryFile("w", suffix=".targets")  # noqa: SIM115 - closed by stop
        self._file.writelines(f"{path}\t{token}\n" for path, token in targets)
        self._file.flush()
        argv = [BUILD / "httpsend", "--port", ",".join(map(str, ports))]
        self.process = Process([*argv, "--targets", self._file.name, *options], core, talks=True)

    def read(self) -> Any:
        """The next thing that it tells: that counting starts, then the figures."""
        line = self.process.output.readline()
        if not line:
            raise RuntimeError(f"httpsend ended: {self.process.errors()}")
        return json.loads(line)

    def stop(self) -> None:
        self.process.stop()
        self._file.close()
