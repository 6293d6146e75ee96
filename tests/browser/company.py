"""Users without a window who write to a user who has one."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import aiohttp
from playwright.async_api import Page, expect

from tests.fixtures.person import Person
from tests.fixtures.window import Window

# The key of the first line in view, and the position of a line's top.
FIRST_LINE = """log => [...log.querySelectorAll('.line')].find(
    one => one.getBoundingClientRect().bottom > log.getBoundingClientRect().top).dataset.key"""
TOP_OF_LINE = """(log, key) => [...log.querySelectorAll('.line')].find(
    one => one.dataset.key === key).getBoundingClientRect().top"""


async def id_of(person: Person, window: Window) -> str:
    """The id of the window's user."""
    found = await person.ask("GET", f"/api/user?username={window.name}")
    return str(found.body["users"][0]["id"])


@contextlib.asynccontextmanager
async def one_person(window: Window, username: str = "") -> AsyncIterator[Person]:
    """Another user on the same system."""
    async with aiohttp.ClientSession() as session:
        yield await Person.sign_up(session, window.origin, username)


@contextlib.asynccontextmanager
async def long_chat(window: Window, count: int) -> AsyncIterator[tuple[Person, str]]:
    """A chat "Long" with another user, who has posted that many numbered lines; the window has
    received them."""
    async with one_person(window) as bob:
        chat = await bob.create_chat("Long", await id_of(bob, window))
        await post_many(bob, chat, [f"line {number}" for number in range(count - 1)])
        await bob.post(chat, f"line {count - 1}")
        # Opened before its last messages have arrived, the chat would be marked as read already.
        await expect(window.page.get_by_role("link", name="Long")).to_contain_text(
            f"line {count - 1}"
        )
        yield bob, chat


async def post_many(person: Person, chat: str, texts: Sequence[str]) -> None:
    """Roughly in this order, several at a time."""
    for start in range(0, len(texts), 20):
        await asyncio.gather(*(person.post(chat, text) for text in texts[start : start + 20]))


async def two(enter: Callable[[], Awaitable[Window]], chat: str = "") -> tuple[Window, Window]:
    """Two users, both with the same chat open if a name for it is given."""
    ann, bob = await asyncio.gather(enter(), enter())
    if chat:
        await ann.start_chat(chat, bob.name)
        await bob.open_chat(chat)
    return ann, bob


def bending_calls(path: str, how: str) -> str:
    """A script for the page. For each call to a matching path it runs `how`, a JavaScript function
    whose argument is a function that makes the call. So the browser need not intercept requests,
    and the page has its worker (`new_context`)."""
    return f"""(() => {{
        const ask = globalThis.fetch;
        globalThis.fetch = (asked, request) => {{
            const go = () => ask(asked, request);
            return /{path}/u.test(asked) ? ({how})(go) : go();
        }};
    }})()"""


# Holds a call until `held.resolve()` is called in the page.
HOLDING = "go => (globalThis.held ??= Promise.withResolvers()).promise.then(go)"


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Waits for a condition that no locator can wait for."""
    deadline = time.monotonic() + seconds
    while not await is_so():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def crowd(window: Window, count: int, *names: str) -> AsyncIterator[list[Person]]:
    """That many users on the same system, the first ones with these names."""
    wanted = [*names, *[""] * (count - len(names))]
    async with aiohttp.ClientSession() as session:
        yield list(
            await asyncio.gather(*(Person.sign_up(session, window.origin, name) for name in wanted))
        )


async def expect_kept(page: Page, store: str, what: str) -> None:
    """Waits until this browser has kept a record in this store for which a JavaScript function is
    true."""
    script = f"""async store => {{
        const [{{ name }}] = await indexedDB.databases();
        const opened = await new Promise(done => {{
            const request = indexedDB.open(name);
            request.onsuccess = () => done(request.result);
        }});
        const records = await new Promise(done => {{
            const request = opened.transaction(store).objectStore(store).getAll();
            request.onsuccess = () => done(request.result);
        }});
        opened.close();
        return records.some({what});
    }}"""
    await until(lambda: page.evaluate(script, store))
