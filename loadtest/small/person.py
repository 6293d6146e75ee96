"""What locust runs here: people who do everything, files and pictures among it."""

import secrets
import struct
import zlib
from typing import Final

from locust import task

from loadtest import locustfile
from loadtest.users import person

__all__ = ["BusyPerson", "locustfile"]

FILE_BYTES: Final = 200_000
PICTURE_SIDE: Final = 1_600


class BusyPerson(person.Person):
    """Searches more, and shares larger files and pictures, which the server makes previews of."""

    @task(20)
    def search_more(self) -> None:
        self.search()

    @task(6)
    def share_large_file(self) -> None:
        self._do(lambda began: self._share(began, "notes.bin", secrets.token_bytes(FILE_BYTES)))

    @task(4)
    def share_picture(self) -> None:
        self._do(lambda began: self._share(began, "picture.png", _picture()))

    @task(10)
    def open_more_files(self) -> None:
        self.open_file()


def _picture() -> bytes:
    """A PNG of noise, which takes as much to decode as a photograph."""
    line = b"\0" + secrets.token_bytes(PICTURE_SIDE)
    lines = zlib.compress(line * PICTURE_SIDE, 1)
    head = struct.pack("!IIBBBBB", PICTURE_SIDE, PICTURE_SIDE, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))
        for name, data in parts
    )
