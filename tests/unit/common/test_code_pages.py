"""Code that only a start needs."""

import subprocess
import sys

from fleet.settings import PROJECT_FOLDER

# Prints how much of files is in memory before and after.
PROGRAM = """
import ctypes, ssl
from common.process.code_pages import give_back_code

def mapped():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssFile:"))

ssl.create_default_context()
before = mapped()
give_back_code()
print(before, mapped())
ssl.create_default_context()
"""


def test_what_ran_once_leaves_memory_and_runs_again() -> None:
    """Also code whose addresses the linker has written: that page is in no file."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT_FOLDER, capture_output=True, check=True
    )
    before, after = map(int, done.stdout.split())
    assert after < before / 2
