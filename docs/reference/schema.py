"""docs/schema/: the tables and functions of each database as all migrations together leave them.

`make docs` runs this module, which starts a PostgreSQL of its own.
"""

import asyncio
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from common.database.migrations import migrate
from docs.reference.documents import ROOT
from fleet.commands.backup import databases_of
from fleet.engines.binaries import postgres_program
from fleet.settings import read_settings

TITLES: Final = {
    "TYPE": "Types",
    "TABLE": "Tables",
    "SEQUENCE": "Sequences",
    "CONSTRAINT": "Keys",
    "INDEX": "Indexes",
    "FK CONSTRAINT": "Foreign keys",
    "TRIGGER": "Triggers",
    "COMMENT": "Comments",
    "FUNCTION": "Functions",
}
HEAD: Final = """\
# The database of {role}

Tables and functions after all of `{role}/migrations/`. Written by `make docs`; do not edit.
"""


def page_of(role: str) -> Path:
    """The file that describes this service's database."""
    return ROOT / "docs" / "schema" / f"{role}.md"


async def describe_schema(role: str, url: str) -> str:
    """Markdown; applies the service's migrations to the database. Raises KeyError for a kind of
    object without a title."""
    await migrate(url, ROOT / role / "migrations")
    command = (postgres_program("pg_dump"), "--schema-only", "--no-owner", url)
    dump = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=True
    )
    return HEAD.format(role=role) + _arrange(dump.stdout)


def _arrange(dump: str) -> str:
    """The statements by kind, functions each under their name."""
    _, *parts = re.split(r"^--\n-- Name: (.*?)(?:\(.*)?; Type: (.*?); .*\n--\n", dump, flags=re.M)
    found: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for name, kind, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        written = re.sub(r"^(?:SET default_.*|--.*|\\unrestrict .*)\n", "", text, flags=re.M)
        statement = written.strip().replace("public.", "")
        is_function = kind == "FUNCTION"
        found[TITLES[kind]].append(
            f"### {name}\n\n{_block(statement)}" if is_function else statement
        )
    return "".join(
        f"\n## {title}\n\n"
        + ("\n".join(texts) if title == TITLES["FUNCTION"] else _block("\n\n".join(texts)))
        for title, texts in found.items()
        if texts
    )


def _block(statements: str) -> str:
    return f"```sql\n{statements}\n```\n"


async def write_schemas() -> None:
    """Writes the pages of all databases."""
    with TemporaryDirectory() as folder:
        async with databases_of(read_settings({"HUBBUB_DATA": folder}), may_run=False) as urls:
            for role, url in urls.items():
                page_of(role).write_text(await describe_schema(role, url))


if __name__ == "__main__":
    asyncio.run(write_schemas())
