"""People without a window who write to somebody who has one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp

from tests.fixtures.person import Person
from tests.fixtures.window import Window


async def id_of(person: Person, window: Window) -> str:
    """The id of whoever uses a window."""
    found = await person.ask("GET", f"/api/user?username={window.name}")
    return str(found.body["users"][0]["id"])


@contextlib.asynccontextmanager
async def one_person(window: Window, username: str = "") -> AsyncIterator[Person]:
    """Somebody on the same system."""
    async with aiohttp.ClientSession() as session:
        yield await Person.sign_up(session, window.origin, username)


@contextlib.asynccontextmanager
async def long_chat(window: Window, count: int) -> AsyncIterator[tuple[Person, str]]:
    """A chat "Long" with somebody who has posted that many numbered lines."""
    async with one_person(window) as bob:
        chat = await bob.create_chat("Long", await id_of(bob, window))
        for start in range(0, count, 20):
            await asyncio.gather(
                *(bob.post(chat, f"line {number}") for number in range(start, start + 20))
            )
        yield bob, chat


@contextlib.asynccontextmanager
async def crowd(window: Window, count: int, *names: str) -> AsyncIterator[list[Person]]:
    """That many people on the same system, the first of them with these names."""
    wanted = [*names, *[""] * (count - len(names))]
    async with aiohttp.ClientSession() as session:
        yield list(
            await asyncio.gather(*(Person.sign_up(session, window.origin, name) for name in wanted))
        )
