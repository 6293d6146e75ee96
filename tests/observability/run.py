"""The command line, as the operator of a Hubbub uses it."""

import asyncio
import subprocess
import sys

from tests.fixtures.hubbub import ROOT, Hubbub


async def run_ops(system: Hubbub, *words: str, **variables: str) -> tuple[int, str]:
    """Exit code and what `python -m fleet WORDS` says; `variables` add to its environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops", *words,
        env={**system.environment, **variables}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
