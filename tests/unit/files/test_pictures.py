"""Previews: created in a separate, sandboxed process."""

import asyncio
import io
import struct
import subprocess
import sys
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from files.previews import PROGRAM, UNREADABLE, Picture, Previews

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp",
           "AVIF": "image/avif"}  # fmt: skip


async def make(data: bytes, kind: str = "image/png", **options: Any) -> Picture:
    async def feed() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 65_536):
            yield data[start : start + 65_536]

    return await Previews().make(kind, feed, by="ann", **options)


@pytest.fixture(autouse=True)
def may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is nice to all others, and a busy machine has no time for it."""
    monkeypatch.setattr("files.previews.MAX_SECONDS", 120.0)


def picture(
    size: tuple[int, int], name: str = "PNG", mode: str = "RGB", **options: object
) -> bytes:
    """Red, with a blue upper left corner."""
    found = Image.new(mode, size, "red" if mode.startswith("RGB") else 0)
    if mode == "RGB":
        found.paste("blue", (0, 0, size[0] // 2, size[1] // 2))
    out = io.BytesIO()
    found.save(out, name, **options)
    return out.getvalue()


def opened(webp: bytes | None) -> Image.Image:
    assert webp is not None
    found = Image.open(io.BytesIO(webp))
    assert found.format == "WEBP"
    return found


@pytest.mark.parametrize("name", FORMATS)
async def test_every_kind_of_picture(name: str) -> None:
    """A preview keeps the aspect ratio, and no side is longer than 1,024."""
    made = await make(picture((2_048, 512), name), FORMATS[name])
    assert made[:2] == (2_048, 512)
    assert opened(made.webp).size == (1_024, 256)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "RGBA"])
async def test_every_mode(mode: str) -> None:
    """Black and white, palettes, 16 bits."""
    assert opened((await make(picture((40, 30), mode=mode))).webp).size == (40, 30)


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (0, 0)), (3, (1, 1)), (6, (1, 0)), (8, (0, 1))]
)
async def test_a_picture_is_turned(orientation: int, corner: tuple[int, int]) -> None:
    """As the camera was held: the preview is rotated and has no EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "where it was taken"
    made = await make(picture((200, 100), "JPEG", exif=exif), "image/jpeg")
    found = opened(made.webp)
    assert (made.width, made.height) == found.size
    assert found.size == ((200, 100) if orientation < 5 else (100, 200))
    at = (5 + corner[0] * (found.width - 10), 5 + corner[1] * (found.height - 10))
    pixel = found.convert("RGB").getpixel(at)
    assert isinstance(pixel, tuple)
    red, _, blue = pixel
    assert blue > red
    assert not found.getexif()
    assert b"where it was taken" not in (made.webp or b"")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0nothing",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, 3, 1, 9) + bytes(4),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI4s", 0x0112, 2, 2, b"6") + bytes(4),
    ],
    ids=["malformed", "9", "a text"],
)
async def test_what_says_nothing_of_the_camera_turns_nothing(name: str, exif: bytes) -> None:
    """The size is that of the displayed preview."""
    made = await make(picture((200, 100), name, exif=exif), FORMATS[name])
    assert (made.width, made.height) == opened(made.webp).size == (200, 100)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kB that claims this size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


async def test_a_bomb_is_not_decoded() -> None:
    """Above fifty million pixels there is a size and no preview."""
    assert await make(bomb(30_000, 30_000)) == Picture(30_000, 30_000, None)
    assert (await make(bomb(50_000, 1_001))).webp is None


@pytest.mark.parametrize("size", [(2**31, 1), (1, 2**32 - 1)])
async def test_a_picture_longer_than_chats_can_store_has_no_size(size: tuple[int, int]) -> None:
    """It is stored as a file without a preview."""
    assert await make(bomb(*size)) == UNREADABLE
    assert await make(bomb(2**31 - 1, 1)) == Picture(2**31 - 1, 1, None)


async def test_a_broken_picture_has_no_preview() -> None:
    """The size of a truncated picture is known; without a header nothing is."""
    whole = picture((300, 300), "JPEG")
    assert await make(whole[: len(whole) // 2], "image/jpeg") == Picture(300, 300, None)
    assert await make(b"\xff\xd8\xff\xe0nothing", "image/jpeg") == UNREADABLE


async def test_a_picture_that_says_to_be_another_one_is_not_decoded() -> None:
    """Only the decoder of the detected kind is used."""
    assert await make(picture((10, 10), "BMP"), "image/png") == UNREADABLE


async def test_a_square_is_cut_from_the_middle() -> None:
    """For avatars."""
    made = await make(picture((600, 200)), side=256, shape="square")
    assert opened(made.webp).size == (256, 256)


TRIES = {
    "a socket": "import socket; socket.socket()",
    "a file": "open('/etc/hostname')",
    "a file to write": "open('/tmp/hubbub-picture', 'w')",
    "a process": "import os; os.fork()",
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "a signal": "import os; os.kill(os.getppid(), 0)",
    "a gigabyte": "bytearray(2**30)",
}


@pytest.mark.parametrize("case", TRIES)
def test_the_process_can_do_nothing_else(case: str) -> None:
    """A compromised decoder can reach no files, network or other processes."""
    program = (
        f"import sys; sys.path.insert(0, {str(PROGRAM.parent)!r}); import os, socket, picture\n"
        f"picture.give_up_rights()\n"
        f"try:\n    {TRIES[case]}\nexcept (OSError, MemoryError) as e:\n"
        f"    sys.stdout.write(type(e).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=Path.cwd())
    assert done.stdout in (b"PermissionError", b"MemoryError"), done.stderr


async def test_a_process_that_says_nothing_more_and_stays_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a compromised process might: others wait no longer than ten seconds for it."""
    program = tmp_path / "stays.py"
    program.write_text(
        "import os, time\nfor number in range(3): os.close(number)\ntime.sleep(60)\n"
    )
    monkeypatch.setattr("files.previews.PROGRAM", program)
    monkeypatch.setattr("files.previews.MAX_SECONDS", 1.0)
    async with asyncio.timeout(20):
        assert await make(picture((10, 10))) == UNREADABLE


SLOW_OR_NOT = """
import sys, time
if sys.stdin.buffer.read() == b"slow":
    time.sleep(60)
sys.stdout.write('{"width":1,"height":1}\\nwebp')
"""


@pytest.mark.parametrize("at_once", [1, 2])
async def test_many_pictures_of_one_person_hold_up_nobody_else(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes the maximum time; another user waits for one of them at most."""
    program = tmp_path / "slow.py"
    program.write_text(SLOW_OR_NOT)
    monkeypatch.setattr("files.previews.PROGRAM", program)
    monkeypatch.setattr("files.previews.MAX_SECONDS", 2.0)
    previews, has_begun = Previews(at_once), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        has_begun.set()
        yield b"slow"

    async def quick() -> AsyncIterator[bytes]:
        yield b"quick"

    makes = [previews.make("image/png", slow, by="mallory") for _ in range(20)]
    waiting = [asyncio.create_task(making) for making in makes]
    await has_begun.wait()
    monkeypatch.setattr("files.previews.MAX_SECONDS", 60.0)  # on a busy machine any takes long
    async with asyncio.timeout(30):  # each of the others takes a minute
        assert (await previews.make("image/png", quick, by="ann")).webp == b"webp"
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
