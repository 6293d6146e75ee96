"""Cache nodes die under load: reads stay correct and without interruption."""

import asyncio

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person

READERS = 8


async def test_cache_nodes_die_and_nobody_notices(
    system: Hubbub, ann: Person, ben: Person, cat: Person
) -> None:
    """One node is killed while users read, then all of them: no read fails, is slow or is wrong."""
    chat = await ann.create_chat("talk", ben.id, cat.id)
    over = asyncio.Event()
    reads = 0

    async def read() -> None:
        nonlocal reads
        while not over.is_set():
            for person in (ann, ben, cat):
                answer = await ann.ask("GET", f"/api/user/{person.id}")
                assert answer.status == 200, answer
                assert answer.body["id"] == person.id
            answer = await ben.ask("GET", f"/api/chat/{chat}")
            assert answer.status == 200, answer
            assert answer.body["chatName"] == "talk"
            answer = await cat.ask("GET", f"/api/chat/{chat}/message")
            assert answer.status == 200, answer
            reads += 1

    reading = [asyncio.create_task(read()) for _ in range(READERS)]

    async def read_on() -> None:
        wanted = reads + 2 * READERS
        while reads < wanted:
            assert not any(task.done() for task in reading), [
                t.exception() for t in reading if t.done()
            ]
            await asyncio.sleep(0.01)

    async with asyncio.timeout(60):
        await read_on()
        one = system.kill_one("cache", min)
        await read_on()
        await system.until_replaced(one)
        await read_on()
        everyone = system.kill("cache")
        await read_on()
        await system.until_replaced(everyone)
        await read_on()
        over.set()
        await asyncio.gather(*reading)
