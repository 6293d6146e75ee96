"""The steps of "Three hosts" in docs/hosts.md, as printed there.

The first line of a block says where it is typed; `TLS` precedes it if the step is only for TLS.
"""

import re
import textwrap
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = Path(__file__).parents[2] / "docs" / "hosts.md"
_BLOCK: Final = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    where: str
    commands: str


def section() -> str:
    text = PAGE.read_text()
    return text[text.index("## Three hosts") : text.index("## PostgreSQL on several machines")]


def printed_steps() -> list[Step]:
    found = []
    for block in _BLOCK.finditer(section()):
        first, _, commands = textwrap.dedent(block[2]).partition("\n")
        found.append(Step(first.removeprefix("# "), commands))
    return found


def inline(beginning: str) -> str:
    """What a sentence of the section has in backticks."""
    (found,) = re.findall(f"`({re.escape(beginning)}[^`]*)`", " ".join(section().split()))
    return str(found)
