"""The command line, used as by the operator of a Hubbub."""

import asyncio
import subprocess
import sys

from tests.fixtures.hubbub import ROOT, Hubbub


async def run_ops(system: Hubbub, *words: str, **variables: str) -> tuple[int, str]:
    """Exit code and output of `python -m ops WORDS`; `variables` are added to its environment."""
    return await _run(system, "ops", *words, **variables)


async def run_fleet(system: Hubbub, *words: str) -> None:
    """`python -m fleet WORDS`. Raises AssertionError with its output if it fails."""
    code, said = await _run(system, "fleet", *words)
    assert code == 0, said


async def _run(system: Hubbub, *words: str, **variables: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words,
        env={**system.environment, **variables}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()
