"""`python -m ops logs TRACE`: what every process wrote about one request, in the order of time.

A message that went to chats together with others went under the trace of the first of them, so
that trace is followed too.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_TRACE = re.compile(r"[0-9a-f]{32}")
_ALWAYS = ("time", "level", "role", "process", "trace", "event")

Line = dict[str, Any]


def print_trail(logs: Path, trace: str) -> int:
    """`trace` is a trace id or a whole traceparent. Exit code 1 where nothing is known of it."""
    found = _TRACE.search(trace.lower())
    if found is None:
        print("A trace is 32 hex digits: X-Hubbub-Trace of an answer has it.", file=sys.stderr)
        return 1
    lines = find_trail(logs, found[0])
    for line in lines:
        print(as_text(line))
    if not lines:
        print(f"No log in {logs} tells of {found[0]}.", file=sys.stderr)
    return 0 if lines else 1


def find_trail(logs: Path, trace: str) -> list[Line]:
    """All lines of the trace and of the batches it went in, oldest first."""
    lines = list(_lines_with(logs, {trace}))
    batches = {line["trace"] for line in lines if line["trace"] not in ("", trace)}
    if batches:
        known = {json.dumps(line) for line in lines}
        lines += [line for line in _lines_with(logs, batches) if json.dumps(line) not in known]
    return sorted(lines, key=lambda line: str(line["time"]))


def _lines_with(logs: Path, traces: Iterable[str]) -> Iterator[Line]:
    for path in sorted(logs.glob("*.log*")):
        with suppress(FileNotFoundError), path.open(errors="replace") as file:
            for text in file:
                if any(trace in text for trace in traces):
                    with suppress(json.JSONDecodeError):  # a full disk tears lines
                        yield json.loads(text)


def as_text(line: Line) -> str:
    """A line for people."""
    fields = " ".join(
        f"{name}={value}"
        for name, value in line.items()
        if name not in _ALWAYS and name != "traces"
    )
    others = f" with {len(line['traces']) - 1} others" if "traces" in line else ""
    name = line.get("process", line["role"])
    return f"{line['time']}  {name:<12} {line['event']}{others} {fields}".rstrip()
