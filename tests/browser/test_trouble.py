"""Two devices and several windows of one user while things break."""

import os
import secrets
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.trouble import Trouble
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG_SECONDS = float(os.environ.get("TROUBLE_SECONDS", "240"))
SEED = int(os.environ.get("TROUBLE_SEED", "0"))


@pytest_asyncio.fixture(loop_scope="session")
async def people(system: Hubbub) -> AsyncIterator[tuple[Person, Person]]:
    async with aiohttp.ClientSession() as session:
        yield (
            await Person.sign_up(session, system.origin),
            await Person.sign_up(session, system.origin),
        )


async def go_through(
    browser: Browser, system: Hubbub, people: tuple[Person, Person], seconds: float, seed: int
) -> None:
    trouble = Trouble(browser, system, *people, seed)
    try:
        await trouble.begin()
        await trouble.run(seconds)
        await trouble.settle()
        wrong = await trouble.judge()
        done = "\n".join(trouble.done)
        assert not wrong, f"seed {seed}:\n" + "\n".join(wrong) + f"\n\nafter\n{done}"
    finally:
        await trouble.end()


async def test_all_windows_show_what_history_says(
    browser: Browser, system: Hubbub, people: tuple[Person, Person]
) -> None:
    """Half a minute of writing, changing, cuts, reloads, windows that open and close, and
    deaths."""
    await go_through(browser, system, people, 20, SEED or 26)


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS + 240)
async def test_all_windows_show_what_history_says_for_long(
    browser: Browser, system: Hubbub, people: tuple[Person, Person]
) -> None:
    """The same for minutes, with another seed each time, which a failure prints."""
    await go_through(browser, system, people, LONG_SECONDS, SEED or secrets.randbelow(10**6))
