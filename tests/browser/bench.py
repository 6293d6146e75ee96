"""How long a first view takes: `python -m tests.browser.bench`, as `make page-bench`.

Somebody with 67 chats opens the page in Chromium on a system of its own: cold and warm, on this
machine and on a slow line (150 ms, 1.6 Mbit/s). Prints the medians; judges nothing.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.browser.company import id_of
from tests.browser.conftest import DESK, FLAGS, find_chromium
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.fixtures.window import Window

CHATS = 67
ROUNDS = 5
SLOW = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}


async def make_chats(window: Window, origin: str) -> None:
    """Chats of two with a message each, by somebody else."""
    async with aiohttp.ClientSession() as session:
        bob = await Person.sign_up(session, origin)
        me = await id_of(bob, window)
        for number in range(CHATS):
            await bob.post(await bob.create_chat(f"Chat {number}", me), "news")


async def first_view(context: BrowserContext, origin: str, *, slow: bool, cold: bool) -> float:
    """Milliseconds from asking for the page until the last chat of the list stands there."""
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    if cold:
        await session.send("Network.clearBrowserCache")
        await session.send(
            "Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "indexeddb"}
        )
    if slow:
        await session.send("Network.emulateNetworkConditions", SLOW)
    began = time.perf_counter()
    await page.goto(f"{origin}/", wait_until="commit")
    await expect(page.locator(".row")).to_have_count(CHATS)
    took = (time.perf_counter() - began) * 1_000
    await expect(page.locator(".live")).to_have_text("live")
    await asyncio.sleep(1.5)  # what was loaded is kept before it closes
    await page.close()
    return took


async def measure(browser: Browser, origin: str) -> None:
    context = await browser.new_context(viewport=DESK, locale="en-GB")  # type: ignore[arg-type]
    window = await Window.open(context, origin)
    await window.sign_up()
    await make_chats(window, origin)
    await window.page.close()
    for slow in (False, True):
        for cold in (True, False):
            took = [await first_view(context, origin, slow=slow, cold=cold) for _ in range(ROUNDS)]
            name = f"{'slow line' if slow else 'local'}, {'cold' if cold else 'warm'}"
            print(f"{name}: {statistics.median(took):.0f} ms of {sorted(map(round, took))}")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Hubbub(Path(folder) / "data") as system, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            await measure(browser, system.origin)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
