"""The rules of the page's modules, run in a browser like the page."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from edge.site import CLIENT_FOLDER, WEB_FOLDER

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = Path(__file__).parent / "modules"
FOLDERS = {
    "web": WEB_FOLDER,
    "client": CLIENT_FOLDER,
    "modules": RULES,
    "cases": Path(__file__).parents[1] / "fixtures",
    "clients": Path(__file__).parents[2] / "clients",
}
PUT = "async (text) => { await store.put('x', text); return store.get('x'); }"
MODULES = sorted(path.name.removesuffix(".rules.js") for path in RULES.glob("*.rules.js"))


class ModuleHandler(http.server.SimpleHTTPRequestHandler):
    """Serves the page's modules under /web/, their rules and the shared test cases."""

    def translate_path(self, path: str) -> str:
        path = path.partition("?")[0].replace("/web/client/", "/client/")
        folder, _, name = path.lstrip("/").partition("/")
        return str(FOLDERS[folder] / name)

    def log_message(self, format: str, *args: Any) -> None:
        """The tests' own output is enough."""


class ModuleServer(http.server.ThreadingHTTPServer):
    """Chromium opens six connections at once: with a backlog of five, one of them may be dropped,
    and retried only after seconds."""

    request_queue_size = 64


@pytest.fixture(scope="module")
def modules_url() -> Iterator[str]:
    with ModuleServer(("127.0.0.1", 0), ModuleHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/modules/index.html"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", MODULES)
async def test_module_keeps_its_rules(browser: Browser, modules_url: str, name: str) -> None:
    """Every rule written for a module of the page holds in Chromium."""
    context = await browser.new_context()
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{modules_url}?name={name}")
    await page.wait_for_function("window.finished === true", timeout=60_000)
    results = await page.evaluate("window.results")
    await context.close()
    assert errors == []
    assert len(results) >= 5
    broken = [
        f"{result['sentence']}\n   {result['failure']}" for result in results if result["failure"]
    ]
    assert not broken, "\n".join(broken)


async def test_a_store_of_the_client_that_is_cleared_keeps_what_comes(
    browser: Browser, modules_url: str
) -> None:
    """The user clears the browser's data while a program runs: it continues."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(modules_url.replace("index.html", "checks.js"))
    await page.evaluate(
        "async () => { globalThis.store = new (await import('/web/client/store.js')).BrowserStore }"
    )
    assert await page.evaluate(PUT, "before") == "before"
    session = await context.new_cdp_session(page)
    origin = modules_url.removesuffix("/modules/index.html")
    kinds = {"origin": origin, "storageTypes": "indexeddb"}
    await session.send("Storage.clearDataForOrigin", kinds)
    assert await page.evaluate(PUT, "after") == "after"
    await context.close()
