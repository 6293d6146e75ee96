"""Scales pictures down in separate processes: one each, killed when it takes too long.

A crash costs that file its preview and nothing else.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from common.process.logs import log
from files.kinds import PICTURES
from files.metrics import PREVIEW_SECONDS, PREVIEWS

PROGRAM: Final = Path(__file__).parent / "picture.py"
SIDE: Final = 1_024
MAX_SECONDS: Final = 10.0
MAX_WEBP_BYTES: Final = 2**19
_FORMATS: Final = dict(zip(PICTURES, ("PNG", "JPEG", "GIF", "WEBP", "AVIF"), strict=True))

Shape = Literal["fit", "square"]


_Side = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]  # chats stores 32 bits


class _Size(msgspec.Struct):
    width: _Side
    height: _Side


class Picture(NamedTuple):
    """As it is shown, after rotation; None for what cannot be read."""

    width: int | None
    height: int | None
    webp: bytes | None


UNREADABLE: Final = Picture(None, None, None)
Feed = Callable[[], AsyncIterator[bytes]]


class Previews:
    """One per process."""

    def __init__(self, at_once: int = 2) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._of_person: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def make(
        self, kind: str, feed: Feed, side: int = SIDE, shape: Shape = "fit", *, by: str
    ) -> Picture:
        """`kind` is one of PICTURES; `feed` gives the bytes. Pictures `by` one person are processed
        one at a time: a user who sends many slow ones delays others by only one of them. Raises
        what `feed` raises."""
        turn = self._of_person.setdefault(by, asyncio.Lock())
        async with turn, self._turns:
            with PREVIEW_SECONDS.time():
                picture = await self._run(_FORMATS[kind], feed, side, shape)
        PREVIEWS.labels("made" if picture.webp else "failed").inc()
        return picture

    async def _run(self, name: str, feed: Feed, side: int, shape: Shape) -> Picture:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", str(PROGRAM), name, str(side), shape,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},  # it must not see our secrets
        )  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        try:
            async with asyncio.timeout(MAX_SECONDS):
                async with asyncio.TaskGroup() as tasks:
                    said = tasks.create_task(_read(process.stdout, MAX_WEBP_BYTES + 100))
                    wrong = tasks.create_task(_read(process.stderr, 4_096))
                    tasks.create_task(_write(process.stdin, feed))
                await process.wait()  # it may still run after closing all three
        except TimeoutError:
            log("picture took too long", of=name)
            return UNREADABLE
        except ExceptionGroup as errors:  # only from `feed`
            raise errors.exceptions[0] from None
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        if process.returncode == 1 and wrong.result().startswith(b"no filter"):
            log("no previews", error=wrong.result().decode(errors="replace").strip())
        return _picture_of(said.result(), is_whole=process.returncode == 0)


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """Reads to the end; of longer output only the beginning."""
    data = bytearray()
    while part := await stream.read(65_536):
        data += part[: most - len(data)]
    return bytes(data)


async def _write(stream: asyncio.StreamWriter, feed: Feed) -> None:
    try:
        async for data in feed():
            stream.write(data)
            await stream.drain()
    except ConnectionError:
        return  # it has ended: its output says why
    finally:
        stream.close()


def _picture_of(said: bytes, *, is_whole: bool) -> Picture:
    line, _, webp = said.partition(b"\n")
    try:
        size = msgspec.json.decode(line, type=_Size)
    except msgspec.DecodeError:
        return UNREADABLE
    return Picture(size.width, size.height, webp if is_whole and webp else None)
