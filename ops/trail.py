"""`python -m ops logs`: the log lines of all processes about one request, in order of time; or the
last lines of a process or a role.

A message that was sent to chats in a batch is logged under the trace of the batch's first message,
so that trace is followed too.
"""

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(r"[a-z]+(-\d+)?")
_ALWAYS: Final = ("time", "level", "role", "process", "trace", "event")
LAST_LINES: Final = 50

Line = dict[str, Any]
Read = Callable[[], Iterable[str]]
"""Gives all lines of all logs, each time that it is called."""


def print_logs(read: Read, about: str, *, place: str) -> int:
    """`about` is a trace id, a whole traceparent, a process or a role. Exit code 1 if nothing about
    it is found in `place`."""
    if trace := _TRACE.search(about.lower()):
        lines = find_trail(read, trace[0])
    elif _NAME.fullmatch(about):
        lines = find_last(read, about)
    else:
        print(
            "Say which: a trace (32 hex digits, in X-Hubbub-Trace of an answer), a process such as "
            "chats-1, or a role.",
            file=sys.stderr,
        )
        return 1
    for line in lines:
        print(as_text(line))
    if not lines:
        print(f"No log in {place} tells of {about}.", file=sys.stderr)
    return 0 if lines else 1


def find_trail(read: Read, trace: str) -> list[Line]:
    """All lines of the trace and of its batches, oldest first."""
    found = {text: line for text, line in _lines_with(read, {trace})}
    batches = {str(line.get("trace", "")) for line in found.values()} - {"", trace}
    if batches:
        found |= {text: line for text, line in _lines_with(read, batches)}
    return sorted(found.values(), key=_time)


def find_last(read: Read, name: str) -> list[Line]:
    """The last lines of a process, or of all processes of a role, oldest first."""
    lines = {
        text: line
        for text, line in _lines_with(read, {f'"{name}'})
        if name in (line.get("process"), line.get("role"))
    }
    return list(deque(sorted(lines.values(), key=_time), LAST_LINES))


def _lines_with(read: Read, words: Iterable[str]) -> Iterator[tuple[str, Line]]:
    """Only whole lines: a full disk breaks lines, and other output may be in between. A file that
    is renamed meanwhile is read twice, so callers remove duplicates."""
    for text in read():
        if any(word in text for word in words):
            with suppress(ValueError):
                # Docker prefixes the container's name and an escape sequence that clears the line.
                line = json.loads(text[text.find("{") :])
                if isinstance(line, dict) and {"time", "role", "event"} <= line.keys():
                    yield text, line


def read_files(logs: Path) -> Iterator[str]:
    """All lines in the folder, older files too."""
    for path in sorted(logs.glob("*.log*")):
        with suppress(FileNotFoundError), path.open(errors="replace") as file:
            yield from file


def _time(line: Line) -> str:
    return str(line["time"])


def as_text(line: Line) -> str:
    """A line as text."""
    fields = " ".join(
        f"{name}={value}"
        for name, value in line.items()
        if name not in _ALWAYS and name != "traces"
    )
    others = f" with {len(line['traces']) - 1} others" if "traces" in line else ""
    name = line.get("process", line["role"])
    level = "" if line.get("level", "info") == "info" else f"{line['level'].upper()} "
    return f"{line['time']}  {name:<12} {level}{line['event']}{others} {fields}".rstrip()
