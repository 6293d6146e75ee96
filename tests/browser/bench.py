"""The duration of a first view: `python -m tests.browser.bench`, as `make page-bench`.

A user with 67 chats opens the page in Chromium on a separate system: cold and warm, on this machine
and on a slow line (150 ms, 1.6 Mbit/s). Prints the medians; judges nothing. The page itself
measures the time, since polling it from outside is imprecise.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.browser.company import id_of
from tests.browser.conftest import DESK, FLAGS, find_chromium
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.fixtures.window import Window

DESK_WINDOW: Any = {"viewport": DESK, "locale": "en-GB"}
PHONE_WINDOW: Any = {
    "viewport": {"width": 390, "height": 844}, "locale": "en-GB", "is_mobile": True,
    "has_touch": True,
}  # fmt: skip
PASSWORD = "correct horse"
CHATS = 67
ROUNDS = 5
SLOW = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}

KEPT_BY_THE_PAGE = "indexeddb,cache_storage,service_workers"
WATCH = f"""
  window.shift = 0;
  new PerformanceObserver((list) => {{
    for (const entry of list.getEntries()) window.shift += entry.value;
  }}).observe({{ type: "layout-shift", buffered: true }});
  new MutationObserver(() => {{
    if (document.querySelectorAll(".row").length < {CHATS} || window.isShown) return;
    window.isShown = true;
    // A task behind the frame that draws it: then it has been painted.
    requestAnimationFrame(() => setTimeout(() => {{ window.shownAt = performance.now(); }}));
  }}).observe(document, {{ childList: true, subtree: true }});
"""


async def make_chats(window: Window, origin: str) -> None:
    """Chats with one other user, who posts a message in each."""
    async with aiohttp.ClientSession() as session:
        bob = await Person.sign_up(session, origin)
        me = await id_of(bob, window)
        for number in range(CHATS):
            await bob.post(await bob.create_chat(f"Chat {number}", me), "news")


class View(NamedTuple):
    """A first view: milliseconds from the request for the page until the last chat of the list was
    painted; kB transferred with headers, and the API's share of them; layout shift; calls of the
    API."""

    took: float
    size: float
    answered: float
    shift: float
    calls: int


async def first_view(
    context: BrowserContext, origin: str, *, slow: bool = False, cold: bool = False, cpu: int = 1
) -> View:
    """One view in a new window; `cpu` is the factor by which its scripts are slowed down."""
    page = await context.new_page()
    await page.add_init_script(WATCH)
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    urls: dict[str, str] = {}
    sizes: dict[str, float] = {}
    session.on(
        "Network.requestWillBeSent",
        lambda event: urls.update({event["requestId"]: event["request"]["url"]}),
    )
    session.on(
        "Network.loadingFinished",
        lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}),
    )
    if cold:
        await session.send("Network.clearBrowserCache")
        await session.send(
            "Storage.clearDataForOrigin", {"origin": origin, "storageTypes": KEPT_BY_THE_PAGE}
        )
    if slow:
        await session.send("Network.emulateNetworkConditions", SLOW)
    await session.send("Emulation.setCPUThrottlingRate", {"rate": cpu})
    await page.goto(f"{origin}/", wait_until="commit")
    await page.wait_for_function("() => window.shownAt", timeout=30_000)
    answers = [size for one, size in sizes.items() if "/api/" in urls[one]]
    size, answered = sum(sizes.values()), sum(answers)
    await expect(page.locator(".live")).to_have_text("live")
    await asyncio.sleep(1.5)  # loaded data is stored before it closes
    took, shift = await page.evaluate("[window.shownAt, window.shift]")
    await page.close()
    return View(took, size / 1_000, answered / 1_000, shift, len(answers))


def tell(name: str, views: list[View]) -> None:
    took = sorted(round(view.took) for view in views)
    answers = max(view.answered for view in views)
    print(
        f"{name}: {statistics.median(took):.0f} ms of {took}, "
        f"{max(view.size for view in views):.1f} kB, "
        f"of which {answers:.1f} in {max(view.calls for view in views)} answers, "
        f"shift {max(view.shift for view in views):.4f}",
        flush=True,
    )


async def measure(browser: Browser, origin: str) -> None:
    context = await browser.new_context(**DESK_WINDOW)
    window = await Window.open(context, origin)
    await window.sign_up(PASSWORD)
    await make_chats(window, origin)
    await window.page.close()
    for slow in (False, True):
        for cold in (True, False):
            views = [await first_view(context, origin, slow=slow, cold=cold) for _ in range(ROUNDS)]
            tell(f"{'slow line' if slow else 'local'}, {'cold' if cold else 'warm'}", views)
    phone = await browser.new_context(**PHONE_WINDOW)
    other = await Window.open(phone, origin)
    await other.log_in(window.name, PASSWORD)
    await other.page.close()
    views = [await first_view(phone, origin, slow=True, cold=True, cpu=4) for _ in range(ROUNDS)]
    tell("slow phone on a slow line, cold", views)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Hubbub(Path(folder) / "data") as system, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            await measure(browser, system.origin)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
