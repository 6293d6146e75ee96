"""Key presses while a screen is shown."""

import asyncio
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

END: Final = frozenset("qQ\x03\x04\x1b")  # and Ctrl-C, Ctrl-D, Escape


@contextmanager
def end_key() -> Iterator[asyncio.Event]:
    """An event that is set when a quit key is pressed; restores the terminal afterwards."""
    pressed = asyncio.Event()
    if not sys.stdin.isatty():
        yield pressed
        return
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()

    def read() -> None:
        if END & set(sys.stdin.read(1)):
            pressed.set()

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield pressed
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
