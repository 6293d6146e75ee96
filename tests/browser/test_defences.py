"""What Chromium forbids to our page, and to a page of another site."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import NewContext, OpenWindow
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE_PAGE = b"<!doctype html><title>Win a prize</title>"
TRY_ALL = """async origin => {
    const tries = {
        refresh: [`${origin}/api/user/refresh`, {
            method: 'POST', credentials: 'include', headers: {'X-Hubbub-Session': 'cookie'}}],
        plain: [`${origin}/api/user/refresh`, {
            method: 'POST', credentials: 'include', body: '{}',
            headers: {'Content-Type': 'text/plain'}}],
        logout: [`${origin}/api/user/logout`, {method: 'POST', credentials: 'include'}],
        read: [`${origin}/api/user/me`, {credentials: 'include'}],
    };
    const found = {};
    for (const [name, [url, options]] of Object.entries(tries))
        found[name] = await fetch(url, options).then(a => a.status, e => e.name);
    found.socket = await new Promise(resolve => {
        const socket = new WebSocket(origin.replace('http', 'ws') + '/ws', 'chat.v1');
        socket.onopen = () => resolve('open');
        socket.onerror = () => resolve('refused');
    });
    return found;
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def hostile_origin() -> AsyncIterator[str]:
    """Another site: `localhost` is not the same site as 127.0.0.1, and its port is not one of our
    origins."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(HOSTILE_PAGE)}"
        writer.write(head.encode() + b"\r\nConnection: close\r\n\r\n" + HOSTILE_PAGE)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}"


async def fails_with(page: Page, script: str) -> str:
    """The name of the error, or the script's result."""
    return str(
        await page.evaluate(f"async () => {{ try {{ {script} }} catch (e) {{ return e.name }} }}")
    )


async def test_the_page_may_not_be_made_to_run_what_is_not_its_own(
    browser: Browser, system: Hubbub
) -> None:
    """No markup from text, inline script or handler, eval, foreign file, frame or form: each is
    tried in the page itself."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(system.origin)
    await page.get_by_role("button", name="Sign up").wait_for()
    for script in (
        "trustedTypes.createPolicy('other', {createHTML: text => text})",
        "trustedTypes.createPolicy('worker', {createScriptURL: text => text})",  # made already
        "await navigator.serviceWorker.register('/web/worker.js')",
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.createElement('script').text = 'window.ran = 1'",
        "document.createElement('script').src = '/web/main.js'",
        "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
        "document.createElement('iframe').srcdoc = '<b>x</b>'",
        "document.write('<b>x</b>')",
    ):
        assert await fails_with(page, script) == "TypeError", script
    later = "await new Promise(go => setTimeout(go));"  # a debugger's script may do it at once
    for script in (f"{later} return eval('1')", f"{later} return new Function('return 1')()"):
        assert await fails_with(page, script) in ("EvalError", "TypeError"), script
    await page.evaluate("""() => {
        window.blocked = [];
        document.addEventListener(
            'securitypolicyviolation', event => window.blocked.push(event.effectiveDirective));
    }""")
    await page.evaluate("""() => {
        const add = (name, values) => document.body.append(
            Object.assign(document.createElement(name), values));
        add('img', {src: 'http://127.0.0.1:9/x.png'});
        add('iframe', {src: 'about:blank#x'.replace('about:blank', location.origin)});
        const style = document.createElement('style');
        style.append('body { color: red }');
        document.head.append(style);
        const button = document.createElement('button');
        button.setAttribute('style', 'color: red');
        fetch('http://127.0.0.1:9/').catch(() => 0);
    }""")
    await page.wait_for_function("window.blocked.length >= 5")
    blocked = set(await page.evaluate("window.blocked"))
    assert {"img-src", "frame-src", "style-src-elem", "style-src-attr", "connect-src"} <= blocked
    assert await page.evaluate("window.ran") is None
    await context.close()


async def test_a_foreign_page_gets_nothing_out_of_a_session(
    enter: OpenWindow, hostile_origin: str, system: Hubbub
) -> None:
    """A logged-in user opens it: it gets no refresh, log-out, socket, readable answer or access to
    a window; the session continues."""
    ann = await enter()
    context = ann.page.context
    (cookie,) = await context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert "refresh" not in await ann.page.evaluate("document.cookie")
    hostile = await context.new_page()
    await hostile.goto(hostile_origin)
    found = await hostile.evaluate(TRY_ALL, system.origin)
    assert found == {
        "refresh": "TypeError", "plain": "TypeError", "logout": "TypeError", "read": "TypeError",
        "socket": "refused",
    }  # fmt: skip
    assert await context.cookies() == [cookie]
    async with context.expect_page() as opened:
        await hostile.evaluate("origin => { window.other = window.open(origin) }", system.origin)
    other = await opened.value
    await other.wait_for_load_state()
    assert await other.evaluate("window.opener") is None
    assert await hostile.evaluate("window.other.closed")
    framed = await hostile.evaluate(
        """origin => new Promise(resolve => {
            const frame = document.createElement('iframe');
            frame.src = origin;
            frame.onload = () => resolve(frame.contentDocument === null ? 'foreign' : 'readable');
            document.body.append(frame);
        })""",
        system.origin,
    )
    assert framed == "foreign"
    (inner,) = [frame for frame in hostile.frames if frame != hostile.main_frame]
    assert "Hubbub" not in await inner.content()
    await other.close()
    await hostile.close()
    await ann.page.reload()
    await ann.page.get_by_role("navigation", name="Chats").wait_for()


async def test_a_page_at_an_address_that_is_not_allowed_says_so(
    new_context: NewContext, system: Hubbub
) -> None:
    """To those who want to sign up, and to those who have been here before."""
    foreign = system.origin.replace("127.0.0.1", "other.localhost")
    window = await Window.open(await new_context(), foreign)
    said = window.page.get_by_text(f"This Hubbub cannot be used at {foreign}.")
    await window.field("Name").fill("ann")
    await window.field("E-mail").fill("ann@example.org")
    await window.button("Sign up").click()
    await expect(said).to_be_visible()
    await window.page.evaluate("localStorage.hubbub = '1'")
    await window.page.reload()
    await expect(said).to_be_visible()
