"""A real Chromium and a whole Hubbub for the tests of the page; neither is simulated."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from tests.browser.stage import Play, Stage, open_stage
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.window import Window

OpenWindow = Callable[..., Awaitable[Window]]
OpenPage = Callable[..., Awaitable[Page]]
NewContext = Callable[..., Awaitable[BrowserContext]]

HAS_FAILED = pytest.StashKey[bool]()
# A picture has no body, and waiting for one would end with an error of its own.
SHOWN = "document.body?.innerText ?? document.documentElement.outerHTML"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
SHELL = "chromium-headless-shell"  # Debian's; the same Chromium without a desktop's windows


def find_chromium(*names: str) -> Path:
    """The first of these programs on this machine, or any Chromium. Fails the test with an
    explanation of how to install one."""
    for name in (*names, *CHROMIUMS):
        if found := shutil.which(name):
            return Path(found)
    pytest.fail("No Chromium here: install it with `apt-get install chromium`.")


@asynccontextmanager
async def open_browser(program: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all tests; each window has its own cookies. Uses the shell if installed,
    which needs two thirds of the time (docs/decisions/page.md)."""
    async with open_browser(find_chromium(SHELL)) as started:
        yield started


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hubbub]:
    """One Hubbub for all tests of the page. A test that breaks it waits until it has recovered."""
    hubbub = Hubbub(tmp_path_factory.mktemp("page") / "data")
    asyncio.run(hubbub.start())
    yield hubbub
    assert asyncio.run(hubbub.stop()) == 0
    hubbub.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that need no servers come first: even a Hubbub that waits takes its share of a core."""
    items.sort(key=lambda item: isinstance(item, pytest.Function) and "system" in item.fixturenames)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers that a test failed, so that its end shows what its pages show."""
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(
    browser: Browser, request: pytest.FixtureRequest
) -> AsyncIterator[NewContext]:
    """Makes contexts, each like a separate browser, which end with the test.

    A test that intercepts requests opens its page with `service_workers="block"`: where the page's
    worker takes over just when interception begins, Chromium intercepts nothing.
    """
    contexts: list[BrowserContext] = []

    async def make(**settings: Any) -> BrowserContext:
        context = await browser.new_context(**{"viewport": DESK, "locale": "en-GB", **settings})
        contexts.append(context)
        return context

    yield make
    if HAS_FAILED in request.node.stash:
        for page in (page for context in contexts for page in context.pages):
            print(page.url, await page.evaluate(SHOWN), sep="\n")
    await asyncio.gather(*(context.close() for context in contexts))


@pytest_asyncio.fixture(loop_scope="session")
async def windows() -> AsyncIterator[list[Window]]:
    """Those of a test; at its end nothing forbidden has happened in any of them."""
    opened: list[Window] = []
    yield opened
    for window in opened:
        await window.expect_nothing_wrong()


@pytest_asyncio.fixture(loop_scope="session")
async def open_window(new_context: NewContext, windows: list[Window], system: Hubbub) -> OpenWindow:
    """Opens windows with no user signed in yet, each like a separate browser."""

    async def open_one(**settings: Any) -> Window:
        windows.append(await Window.open(await new_context(**settings), system.origin))
        return windows[-1]

    return open_one


@pytest_asyncio.fixture(loop_scope="session")
async def enter(new_context: NewContext, windows: list[Window], system: Hubbub) -> OpenWindow:
    """Opens windows of new users, each like a separate browser."""

    async def enter_one(password: str = "", **settings: Any) -> Window:
        window = await Window.enter(await new_context(**settings), system.origin, password)
        windows.append(window)
        return window

    return enter_one


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with open_stage() as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(new_context: NewContext, stage: Stage) -> AsyncIterator[OpenPage]:
    """Opens the page on the stage, with a play or with no user; it ends without errors in it."""
    errors: list[str] = []

    async def open_one(play: Play | None, **settings: Any) -> Page:
        page = await stage.enter(await new_context(**settings), play)
        page.on("pageerror", lambda error: errors.append(f"{error.message}\n{error.stack}"))
        if play is not None:
            await expect(page.locator(".live")).to_have_text("live")
        return page

    yield open_one
    assert errors == []
