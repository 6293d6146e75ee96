"""Gives back memory that only startup needs: pages of code, and free pages.

A page of a program or library that has run once stays in the process's memory, with its neighbours,
as long as the machine has enough. It can be read again from the page cache.
"""

import ctypes
import re
from contextlib import suppress
from typing import Final

MADV_DONTNEED: Final = 4
# Backed by a file, private, and never written to by the program.
MAPPING: Final = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ [1-9]\d* +/")


def give_back_code() -> None:
    """Code that is used again comes back with a page fault of microseconds. Mappings with a page
    that the linker has written to stay: no file holds that page."""
    libc = ctypes.CDLL(None)
    found: re.Match[bytes] | None = None
    # Some sandboxes hide the file, which must not keep a service from starting. Read as a whole its
    # lines would take a MB.
    with suppress(OSError), open("/proc/self/smaps", "rb") as lines:
        for line in lines:
            if line.startswith(b"Anonymous:"):
                if found and line.split()[1] == b"0":
                    start, end = (int(number, 16) for number in found.groups())
                    size = ctypes.c_size_t(end - start)
                    libc.madvise(ctypes.c_void_p(start), size, MADV_DONTNEED)
                found = None
            elif b"-" in line:
                found = MAPPING.match(line) or found


def give_back_free_memory() -> None:
    """Free memory that the allocator holds. Not for a forked process: the allocator would write to
    pages that it shares, which costs more than it gives back."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # musl has none
        trim(0)
