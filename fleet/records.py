"""What the fleet writes about its processes for other programs: `fleet.json`, and Prometheus's
targets."""

import logging
from contextlib import suppress
from pathlib import Path

from common.process.logs import log
from fleet.data.logs import say
from fleet.data.state import FILE_NAME, FleetState, write_state
from fleet.targets import write_targets


class Records:
    """`data` and `run` are the folders of the two files."""

    def __init__(self, data: Path, run: Path) -> None:
        self._data, self._run = data, run
        self._has_failed = False

    @property
    def are_current(self) -> bool:
        """False if they could not be written, or `fleet.json` was deleted."""
        return not self._has_failed and (self._data / FILE_NAME).exists()

    def write(self, state: FleetState) -> None:
        """If it fails several times, reports the first; the fleet goes on."""
        try:
            write_state(self._data, state)
            write_targets(self._run, state)
            self._has_failed = False
        except OSError as error:
            if not self._has_failed:
                say(f"The list of processes cannot be written: {error}. Everything else goes on.")
                log("state not written", level=logging.ERROR, error=str(error))
            self._has_failed = True

    def close(self) -> None:
        """After the end of everything: a list that could not be written, as on a full disk, would
        name processes as after a kill."""
        if self._has_failed:
            with suppress(OSError):
                (self._data / FILE_NAME).unlink()
