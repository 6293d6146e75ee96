"""Switches parts of a running service off and on, so that the benchmark can see what they cost.

Python imports it at its start where this folder is on PYTHONPATH; the product knows nothing of it.
A signal from `SIGRTMIN` on puts the process into one of the states of `OFF`. Functions get the code
of one that does nothing, so that modules that have imported them are affected too. Arguments are
still built, and plain additions (realtime's counters) and `labels()` stay: their share is not seen.
"""

import signal
import sys
from types import CodeType, FrameType, FunctionType
from typing import Any, cast


def _nothing(*_: Any, **__: Any) -> None:
    pass


async def _nothing_later(*_: Any, **__: Any) -> None:
    pass


async def _no_chats(*_: Any, **__: Any) -> list[str]:
    return []


# States by number: what does nothing in them, as module, function and what takes its place.
OFF = (
    (),
    (
        ("common.process.logs", "log", _nothing),
        ("common.process.times", "Times.note", _nothing),
        ("common.process.tally", "Tally.note", _nothing),
        ("prometheus_client.metrics", "Counter.inc", _nothing),
        ("prometheus_client.metrics", "Gauge.inc", _nothing),
        ("prometheus_client.metrics", "Gauge.dec", _nothing),
        ("prometheus_client.metrics", "Gauge.set", _nothing),
        ("prometheus_client.metrics", "Histogram.observe", _nothing),
    ),
    (
        ("chats.log.outbox", "Sweep.run", _nothing_later),
        ("chats.log.outbox", "Sweep.measure", _nothing_later),
    ),
    (
        ("chats.search.feeder", "SearchFeeder.note", _nothing),
        ("chats.search.feeder", "SearchFeeder._feed", _no_chats),
    ),
)


def _find(module: str, path: str) -> FunctionType | None:
    """None where this service has not imported the module."""
    found: Any = sys.modules.get(module)
    for name in path.split(".") if found else ():
        found = getattr(found, name)
    return cast("FunctionType | None", found)


class Switch:
    """The handler of the signals; remembers what it has switched off."""

    def __init__(self) -> None:
        self._usual: dict[FunctionType, CodeType] = {}

    def __call__(self, number: int, _: FrameType | None) -> None:
        for function, code in self._usual.items():
            function.__code__ = code
        for module, path, instead in OFF[number - signal.SIGRTMIN]:
            if (found := _find(module, path)) is not None:
                self._usual.setdefault(found, found.__code__)
                found.__code__ = instead.__code__


switch = Switch()
for state in range(len(OFF)):
    signal.signal(signal.SIGRTMIN + state, switch)
