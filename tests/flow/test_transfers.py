"""Uploads and downloads while the process of files that has them is replaced or stopped."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from fleet.control import Restart, Scale, ask_fleet
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.flow.conftest import eventually

TWO = "edge=1,realtime=1,files=2,users=1,chats=1"
STEP_SECONDS = 0.2


class Upload:
    """One that goes on, slowly, until it is told to finish."""

    def __init__(self, http: aiohttp.ClientSession, person: Person, chat: str) -> None:
        self._may_end = asyncio.Event()
        self._begun = asyncio.Event()
        place = f"{person.origin}/api/chat/{chat}/file?name=a"
        self._task = asyncio.create_task(self._send(http, place, person.token))

    async def begin(self) -> None:
        await self._begun.wait()

    async def finish(self) -> tuple[int, dict[str, object]]:
        """The answer."""
        self._may_end.set()
        return await self._task

    async def answer(self) -> tuple[int, dict[str, object]]:
        """The same, if it comes before the end of the body."""
        return await self._task

    async def _send(
        self, http: aiohttp.ClientSession, place: str, token: str
    ) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {token}"}
        async with http.post(place, data=self._body(), headers=headers) as answer:
            assert answer.content_type in ("application/json", "application/problem+json")
            return answer.status, await answer.json(content_type=None)

    async def _body(self) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 300_000
        self._begun.set()
        while not self._may_end.is_set():
            yield b"x"
            await asyncio.sleep(STEP_SECONDS)


async def test_transfers_outlive_the_replacement_of_their_process(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """The old process ends once it has nothing more to do; meanwhile the new one of its slot
    serves. Neither a second replacement nor a smaller number of processes ends them."""
    async with Hubbub(tmp_path / "data", replicas=TWO) as system:
        ann = await Person.sign_up(http, system.origin)
        chat = await ann.create_chat("talk")
        uploads = [Upload(http, ann, chat) for _ in range(4)]  # on both processes
        for upload in uploads:
            await upload.begin()
        old = {process.pid for process in system.processes("files")}
        answer = await ask_fleet(system.data / "run", Restart())
        assert answer.done, answer
        lines = system.processes("files")
        assert {line.pid for line in lines if line.state == "draining"} == old
        assert sum(line.state == "ready" for line in lines) == 2
        answer = await ask_fleet(system.data / "run", Scale("files", 1))
        assert answer.done, answer
        quick = Upload(http, ann, chat)
        await quick.begin()
        assert (await quick.finish())[0] == 201
        for upload in uploads:
            assert (await upload.finish())[0] == 201

        async def are_gone() -> bool:
            return not old & {process.pid for process in system.processes()}

        await eventually(are_gone, 30)


@pytest.mark.parametrize("is_draining", [False, True])
async def test_a_stop_of_everything_does_not_wait_for_transfers(
    tmp_path: Path, http: aiohttp.ClientSession, is_draining: bool
) -> None:
    """Not even for those whose process drains already. Each is answered, so that its client
    repeats it."""
    async with Hubbub(tmp_path / "data", replicas=TWO) as system:
        ann = await Person.sign_up(http, system.origin)
        chat = await ann.create_chat("talk")
        uploads = [Upload(http, ann, chat) for _ in range(4)]
        for upload in uploads:
            await upload.begin()
        if is_draining:
            answer = await ask_fleet(system.data / "run", Scale("files", 1))
            assert answer.done, answer
            assert "draining" in {process.state for process in system.processes("files")}
        assert await system.stop() == 0
        for upload in uploads:
            status, body = await upload.answer()
            assert (status, body["code"]) == (503, "unavailable")
        kept = [line for line in (tmp_path / "data" / "files").glob("??/*")]
        assert kept == []
