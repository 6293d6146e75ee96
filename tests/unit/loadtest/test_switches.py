"""The parts that the benchmark switches off exist in the product and can be switched on again."""

import os
import signal
import subprocess
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import iscoroutinefunction
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from loadtest.peers.costing import SWITCHES, WITHOUT_TELLING, WRITE_OUTBOX
from loadtest.peers.hubbub import PROJECT

LOGS_THRICE = f"""
import os, signal
from common.process.logs import log, set_up_logs
set_up_logs("edge", "edge-1")
for state, word in ((0, "usual"), ({WITHOUT_TELLING}, "silent"), (0, "usual again")):
    os.kill(os.getpid(), signal.SIGRTMIN + state)
    log(word, level=20, exception=False, figure=1)
"""


def load_switches(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Loads it without its signal handlers, which would replace those of the tests."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    spec = spec_from_file_location("switches", Path(SWITCHES["PYTHONPATH"]) / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_that_is_switched_off_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a renamed function would keep running while the benchmark reports it as off."""
    switches = load_switches(monkeypatch)
    for module, path, instead in [one for state in switches.OFF for one in state]:
        found: Any = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        assert isinstance(found, FunctionType)
        assert not found.__code__.co_freevars
        assert iscoroutinefunction(found) == iscoroutinefunction(instead)


def test_the_outbox_is_written_as_the_benchmark_expects() -> None:
    """Its statement is in the function that appends to the log."""
    assert (
        WRITE_OUTBOX in (PROJECT / "chats" / "migrations" / "0006_message_events.sql").read_text()
    )


def test_logs_are_silent_while_switched_off() -> None:
    """And write again afterwards."""
    done = subprocess.run(
        [sys.executable, "-c", LOGS_THRICE],
        env={**os.environ, **SWITCHES},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ["silent" in done.stdout, "usual again" in done.stdout] == [False, True]
    assert done.stdout.count("\n") == 2
