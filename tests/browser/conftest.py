"""A real Chromium and a whole Hubbub for the tests of the page; nothing stands in for either."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.window import Window

OpenWindow = Callable[..., Awaitable[Window]]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK = {"width": 1280, "height": 800}


def find_chromium() -> Path:
    """The Chromium of this machine. Fails the test with the sentence that says how to get one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    pytest.fail("No Chromium here: install it with `apt-get install chromium`.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the tests of a file; each window in it has cookies of its own."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield started
        await started.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hubbub]:
    """One Hubbub for all tests of the page; a test that breaks it waits until it is whole again."""
    hubbub = Hubbub(tmp_path_factory.mktemp("page") / "data")
    asyncio.run(hubbub.start())
    yield hubbub
    assert asyncio.run(hubbub.stop()) == 0
    hubbub.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_window(browser: Browser, system: Hubbub) -> AsyncIterator[OpenWindow]:
    """Opens windows, each like a browser of its own; at the end nothing forbidden has happened."""
    windows: list[Window] = []

    async def open_one(**settings: Any) -> Window:
        context = await browser.new_context(**{"viewport": DESK, "locale": "en-GB", **settings})
        window = await Window.open(context, system.origin)
        windows.append(window)
        return window

    yield open_one
    for window in windows:
        await window.expect_nothing_wrong()
        await window.page.context.close()
