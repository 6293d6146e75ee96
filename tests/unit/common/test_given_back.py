"""Memory that only the start needs."""

import subprocess
import sys

from fleet.settings import PROJECT_FOLDER

# Prints how much memory is file-backed before and after, and how much is not.
PROGRAM = """
import ssl
from common.process.given_back import give_back_code, give_back_free_memory

def resident(kind):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(kind))

ssl.create_default_context()
before = resident("RssFile:")
give_back_code()
print(before, resident("RssFile:"))
ssl.create_default_context()
blocks = [bytes(range(256)) * 400 for _ in range(100)]  # below what is given back by itself
kept = bytes(100_000)
blocks.clear()
before = resident("RssAnon:")
give_back_free_memory()
print(before, resident("RssAnon:"))
"""


def test_what_ran_once_leaves_memory_and_runs_again() -> None:
    """Also code whose addresses the linker has written: that page is in no file. Free blocks below
    one in use are returned, too."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT_FOLDER, capture_output=True, check=True
    )
    files_before, files_after, before, after = map(int, done.stdout.split())
    assert files_after < files_before / 2
    assert after < before - 5_000
