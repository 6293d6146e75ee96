"""What the two client libraries wait for, limit and keep."""

import re
from pathlib import Path
from typing import Final

CLIENTS = Path(__file__).parents[2] / "clients"
IN_PYTHON: Final = re.compile(r"^([A-Z][A-Z_]+): Final = ([\d_.]+)\b", re.MULTILINE)
IN_JAVASCRIPT: Final = re.compile(r"^(?:export )?const ([A-Z][A-Z_]+) = ([\d_]+);", re.MULTILINE)
# The lock of a store file, the command line, a code that browsers make up themselves, and a time
# that aiohttp takes for one.
ONLY_PYTHON: Final = {
    "INTERRUPTED", "LEFT_MS", "LOCK_AGAIN_MS", "LOCK_MS", "MAX_CHATS", "NO_CODE", "SEND_MS",
    "SHORT_MS",
}  # fmt: skip
# What somebody who looks at a page may expect, and what has another form in Python.
ONLY_JAVASCRIPT: Final = {
    "DOUBTED_PONG_TIMEOUT_MS", "LEAST_PAUSE_MS", "MAX_BACKOFF_WATCHED_MS", "MORE_PAUSE_MS",
    "QUIET_ENOUGH_TO_ASK_MS", "STALLED_MS", "STUCK_MS", "TIMEOUT_MS",
}  # fmt: skip


def constants(folder: Path, pattern: str, constant: re.Pattern[str]) -> dict[str, set[float]]:
    """The values by name; seconds as milliseconds."""
    found: dict[str, set[float]] = {}
    for path in folder.glob(pattern):
        for name, number in constant.findall(path.read_text()):
            stem = name.removesuffix("_SECONDS")
            is_in_seconds = stem != name
            value = float(number) * (1000 if is_in_seconds else 1)
            found.setdefault(f"{stem}_MS" if is_in_seconds else name, set()).add(value)
    return found


def test_both_libraries_have_the_same_constants() -> None:
    """Under the same names: a program that changes the language finds the same client."""
    python = constants(CLIENTS / "python" / "hubbub_client", "*.py", IN_PYTHON)
    javascript = constants(CLIENTS / "javascript" / "lib", "*.js", IN_JAVASCRIPT)
    shared = python.keys() & javascript.keys()
    assert python.keys() - shared == ONLY_PYTHON
    assert javascript.keys() - shared == ONLY_JAVASCRIPT
    assert {name: python[name] for name in shared} == {name: javascript[name] for name in shared}
