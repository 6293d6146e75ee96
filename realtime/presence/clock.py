"""A clock that can be stopped. Pure."""

from collections.abc import Callable


class StoppableClock:
    """Shows how long it has run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        return self._shown if self._since is None else self._shown + self._clock() - self._since

    def start(self) -> None:
        if self._since is None:
            self._since = self._clock()

    def stop(self) -> None:
        self._shown, self._since = self(), None
