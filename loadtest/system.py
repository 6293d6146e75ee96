"""A temporary Hubbub: in a folder that is removed with it, on a free port, stopped at the end.

`python -m loadtest.system COMMAND…` runs a command against one; `{origin}` becomes its address.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from fleet.data.state import FleetState, read_state
from fleet.processes.children import spawn
from fleet.processes.ports import ReservedPort
from fleet.settings import PROJECT_FOLDER

START_SECONDS: Final = 120.0  # the first start creates a database, perhaps on a busy machine
STOP_SECONDS: Final = 40.0


class System(NamedTuple):
    """`data` is its folder, with `fleet.json`."""

    origin: str
    data: Path

    def state(self) -> FleetState:
        """Raises RuntimeError if nothing runs on the folder."""
        if (state := read_state(self.data)) is None:
            raise RuntimeError(f"nothing runs on {self.data}")
        return state


@contextmanager
def running_system(variables: Mapping[str, str], prefix: Sequence[str] = ()) -> Iterator[System]:
    """Complete from the start; `variables` are the only Hubbub variables in its environment,
    `prefix` precedes its command. Raises RuntimeError with its output if it does not start."""
    signal.signal(signal.SIGTERM, _leave)
    environment = {name: v for name, v in os.environ.items() if not name.startswith("HUBBUB_")}
    port = ReservedPort()
    with tempfile.TemporaryDirectory(prefix="hubbub-load-") as folder:
        data = Path(folder)
        own = {"HUBBUB_PORT": str(port.number), "HUBBUB_DATA": folder}
        said = data / "output.log"
        with said.open("wb") as output:
            fleet = spawn(
                [*prefix, sys.executable, "-m", "fleet"],
                env={**environment, **variables, **own},
                cwd=PROJECT_FOLDER,
                output=output,
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (b"ready at" in said.read_bytes() and _is_whole(read_state(data))):
                if fleet.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"it did not start: {said.read_text()}")
                time.sleep(0.1)
            yield System(f"http://{port.address}", data)
        finally:
            fleet.terminate()
            try:
                fleet.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                fleet.kill()
                fleet.wait()
            port.close()


def _is_whole(state: FleetState | None) -> bool:
    return state is not None and all(
        sum(p.role == role and p.state == "ready" for p in state.processes) >= wanted.replicas
        for role, wanted in state.wanted.items()
    )


def _leave(*_: Any) -> None:
    """Removes the folder on SIGTERM too."""
    sys.exit(128 + signal.SIGTERM)


def main() -> int:
    with running_system({}) as system:
        command = [part.replace("{origin}", system.origin) for part in sys.argv[1:]]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - the caller's own


if __name__ == "__main__":
    sys.exit(main())
