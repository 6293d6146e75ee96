"""Sessions that end, or become another user's, while windows of the page are open."""

import asyncio
import re

import pytest
from playwright.async_api import Dialog, FilePayload, Page, Route, WebSocketRoute, expect

from tests.browser.company import expect_kept, two
from tests.browser.conftest import NewContext, OpenPage, OpenWindow
from tests.browser.stage import Play, Stage
from tests.browser.test_files import PASTE, enter_party, party
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOCKET = re.compile("/ws$")
PASSWORD = "correct horse"
NAMES_OF_DATABASES = "indexedDB.databases().then(all => all.map(({ name }) => name))"
DEAF = 'addEventListener("storage", (event) => event.stopImmediatePropagation())'


async def set_password(window: Window, new: str) -> None:
    """As on another device; all other sessions are signed out."""
    request = window.page.context.request
    login = {"username": window.name, "password": PASSWORD}
    answer = await request.post(f"{window.origin}/api/user/login", data=login)
    token = {"Authorization": f"Bearer {(await answer.json())['token']}"}
    body = {"password": new, "currentPassword": PASSWORD}
    assert (await request.patch(f"{window.origin}/api/user/me", data=body, headers=token)).ok


async def test_what_is_unsent_goes_out_after_the_next_log_in(enter: OpenWindow) -> None:
    """Unsent messages of a signed-out user are sent once after the next log-in, also in the same
    window."""
    ann = await enter(PASSWORD)
    await ann.start_chat("Later")
    is_cut = True

    def connect(socket: WebSocketRoute) -> None:
        if not is_cut:
            socket.connect_to_server()

    await ann.page.route_web_socket(SOCKET, connect)
    await ann.page.reload()
    await expect(ann.composer).to_be_visible()
    await ann.write("written in vain")
    await expect(ann.log.locator(".pending")).to_have_count(1)
    await set_password(ann, "another horse")
    await ann.page.reload()
    await expect(ann.page.get_by_text("You were signed out.")).to_be_visible()
    is_cut = False
    await ann.field("Name").fill(ann.name)
    await ann.field("Password").fill("another horse")
    await ann.button("Log in").click()
    await ann.open_chat("Later")
    await ann.expect_lines("written in vain")
    await expect(ann.log.locator(".pending")).to_have_count(0)


async def test_an_address_is_still_there_after_the_log_in(enter: OpenWindow) -> None:
    """A link to a message that is opened after the session has ended leads there after all; a
    log-out leaves no address."""
    ann = await enter(PASSWORD)
    chat = await ann.start_chat("Kitchen")
    for text in ("one", "two"):
        await ann.write(text)
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await expect_kept(ann.page, "chats", "({ chatName }) => chatName === 'Kitchen'")
    await ann.page.goto("about:blank")
    await set_password(ann, "another horse")
    await ann.page.goto(f"{ann.origin}/#{chat}/2")
    await expect(ann.page.get_by_text("You were signed out.")).to_be_visible()
    await ann.field("Name").fill(ann.name)
    await ann.field("Password").fill("another horse")
    await ann.button("Log in").click()
    await expect(ann.page.locator(".line.found")).to_contain_text("one")
    await ann.open_settings()
    await ann.ask("Log out", "Log out")
    await expect(ann.button("Sign up")).to_be_visible()
    await expect(ann.page).to_have_url(f"{ann.origin}/")


async def test_a_window_that_was_away_follows_a_log_out(
    enter: OpenWindow, windows: list[Window]
) -> None:
    """Another window logs out and erases everything: the one that was away checks the session once
    it is told, and shows nothing from before."""
    ann = await enter()
    await ann.start_chat("Private")
    await ann.write("for my eyes")
    page = await ann.page.context.new_page()
    away = Window(page, ann.origin)
    windows.append(away)
    await expect_kept(ann.page, "logs", "one => one.items.at(-1)?.message === 'for my eyes'")
    await page.add_init_script("window.breaches = []")
    await page.route_web_socket(SOCKET, lambda socket: None)
    await page.route("**/api/**", lambda route: route.abort())
    await page.goto(ann.page.url)
    await expect(away.log).to_contain_text("for my eyes")
    await ann.open_settings()
    await ann.ask("Log out", "Log out")
    await expect(ann.button("Sign up")).to_be_visible()
    await page.unroute("**/api/**")
    await expect(page.get_by_text("You were signed out.")).to_be_visible()
    await expect(page.get_by_text("for my eyes")).to_have_count(0)
    assert await page.evaluate(NAMES_OF_DATABASES) == []


async def test_what_ends_after_a_log_out_is_kept_nowhere(enter: OpenWindow) -> None:
    """Actions that were still pending at the log-out store nothing in the browser again."""
    ann = await enter()
    await ann.page.clock.install()
    await ann.start_chat("Gone")
    await ann.write("a slip")
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.act_on("a slip", "Delete")  # takes effect in five seconds
    await ann.open_settings()
    await ann.ask("Log out", "Log out")
    await expect(ann.button("Sign up")).to_be_visible()
    await ann.page.clock.run_for(10_000)
    assert await ann.page.evaluate(NAMES_OF_DATABASES) == []


async def test_what_was_deleted_before_a_log_out_is_gone(enter: OpenWindow) -> None:
    """Even within the seconds in which the deletion could be undone."""
    ann, bob = await two(enter, "Kitchen")
    await ann.write("a slip")
    await bob.expect_lines("a slip")
    await ann.act_on("a slip", "Delete")
    await ann.open_settings()
    await ann.ask("Log out", "Log out")
    await expect(ann.button("Sign up")).to_be_visible()
    await expect(bob.log.get_by_text("a slip")).to_have_count(0)


async def asked_after_log_out(page: Page) -> list[str]:
    """What a page with a clock of its own requests in the minute after its user logs out."""
    await page.get_by_title("Settings").first.click()
    for _ in range(2):
        await page.get_by_role("button", name="Log out").last.click()
    await expect(page.get_by_role("button", name="Sign up")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.run_for(60_000)
    await page.wait_for_timeout(500)  # what a timer has begun is requested by then
    return asked


async def test_a_message_is_not_sought_for_somebody_who_is_gone(open_page: OpenPage) -> None:
    """A message named by an address, which the server fails to return, is requested only until the
    log-out."""
    play = Play()
    chat = play.start("Long", "bob")
    for number in range(300):
        play.say(chat, "bob", f"line {number}")
    page = await open_page(play, service_workers="block")

    async def refuse(route: Route) -> None:  # so that each call ends at once
        await route.fulfill(status=500, json={"code": "internal"})

    await page.clock.install()
    async with page.expect_request("**/message?*"):
        await page.route("**/message?*", refuse)
        await page.evaluate("hash => { location.hash = hash; }", f"{chat}/3")
    assert await asked_after_log_out(page) == []


async def test_an_upload_is_not_tried_again_for_somebody_who_is_gone(open_page: OpenPage) -> None:
    """One that failed before the log-out and waits for its next attempt."""
    play, _ = party()
    page = await enter_party(open_page, play, service_workers="block")
    await page.route("**/file?name=*", lambda route: route.fulfill(status=503, json={}))
    await page.clock.install()
    async with page.expect_request_finished(lambda request: "/file?name=" in request.url):
        await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    assert await asked_after_log_out(page) == []


async def test_a_sheet_does_not_open_for_somebody_who_is_gone(
    new_context: NewContext, stage: Stage
) -> None:
    """If the session ends while the script of the sheets is loading."""
    play, _ = party()
    context = await new_context(service_workers="block")
    may_load = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_load.wait()
        await route.continue_()

    await context.route("**/later.js*", hold)
    page = await stage.enter(context, play)
    async with page.expect_request("**/later.js*") as asked:
        await page.get_by_title("Settings").click()
    await play.hang_up(code=4502)
    await expect(page.get_by_role("button", name="Log in")).to_be_visible()
    may_load.set()
    await page.evaluate("address => import(address)", (await asked.value).url)
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_window_heeds_that_somebody_else_has_logged_in(
    open_window: OpenWindow, windows: list[Window]
) -> None:
    """A browser has one session: if another window logs in as another user, this one becomes theirs
    too, instead of acting for them on the previous user's chats."""
    ann = await open_window()
    bob = await Window.open(ann.page.context, ann.origin)
    windows.append(bob)
    await ann.sign_up()
    await ann.start_chat("Of ann")
    name = await bob.sign_up()
    await expect(ann.page.locator(".self b")).to_have_text(name)
    await expect(ann.page.get_by_role("link", name="Of ann")).to_have_count(0)


async def test_a_connection_of_somebody_else_is_no_ones_here(
    system: Hubbub, open_window: OpenWindow, windows: list[Window]
) -> None:
    """A window that was not notified, and reconnects with another user's session, takes nothing
    from it: its stored copy of its own chats stays."""
    ann = await open_window()
    bob = await Window.open(ann.page.context, ann.origin)
    windows.append(bob)
    await ann.page.add_init_script(DEAF)
    await ann.page.reload()
    await ann.page.clock.install()
    mine = await ann.sign_up()
    await ann.start_chat("Of ann")
    name = await bob.sign_up()
    await expect(ann.page.locator(".self b")).to_have_text(mine)
    await ann.page.clock.fast_forward(15 * 60_000)  # its token expires
    old = system.kill("realtime")
    await ann.page.clock.resume()
    await expect(ann.page.locator(".self b")).to_have_text(name)
    kept = await ann.page.evaluate(CHATS_KEPT)
    assert "Of ann" in kept
    await system.until_replaced(old)


CHATS_KEPT = """async () => {
    const asked = (request) => new Promise((resolve) => {
        request.onsuccess = () => resolve(request.result);
    });
    const all = await indexedDB.databases();
    const names = await Promise.all(all.map(async ({ name }) => {
        const opened = await asked(indexedDB.open(name));
        const chats = await asked(opened.transaction('chats').objectStore('chats').getAll());
        opened.close();
        return chats.map(({ chatName }) => chatName);
    }));
    return names.flat();
}"""


async def test_a_browser_that_is_cleared_keeps_what_comes(enter: OpenWindow) -> None:
    """The user clears the browser's data while the page is open: it continues, and stores what is
    written from then on."""
    ann = await enter()
    await ann.start_chat("Cleared")
    browser = await ann.page.context.new_cdp_session(ann.page)
    kinds = {"origin": ann.origin, "storageTypes": "indexeddb"}
    await browser.send("Storage.clearDataForOrigin", kinds)
    await ann.page.context.set_offline(True)
    await ann.write("kept")
    await ann.composer.fill("half a sent")
    await expect_kept(ann.page, "outbox", "({ text }) => text === 'kept'")
    await expect_kept(ann.page, "drafts", "({ draft }) => draft === 'half a sent'")
    await expect(ann.page.locator(".notes")).to_have_text("")
    await ann.page.context.set_offline(False)


async def test_files_that_wait_are_not_lost_without_a_question(open_page: OpenPage) -> None:
    """A reload would lose them: the list of chats names them, and the browser asks first. It does
    not ask for a user who is no longer the one of this browser."""
    play = Play()
    party = play.start("Party", "bob")
    play.start("Kitchen", "bob")
    page = await open_page(play)
    asked = asyncio.Queue[str]()

    async def stay(dialog: Dialog) -> None:
        asked.put_nowait(dialog.type)
        await dialog.dismiss()

    page.on("dialog", stay)
    row, field = page.get_by_role("link", name="Party"), page.locator(".write textarea")
    tray = page.get_by_role("list", name="Files")
    await row.click()
    for name, words in (("notes.bin", "Draft: notes.bin"), ("plan.bin", "Draft: 2 files")):
        await choose_file(page, name)
        await expect(tray).to_contain_text(name)
        await page.get_by_role("link", name="Kitchen").click()
        await expect(row).to_contain_text(words)
        await row.click()
    await field.click()  # browsers ask only where somebody has been active
    await page.evaluate("location.reload()")
    assert await asyncio.wait_for(asked.get(), 20) == "beforeunload"
    await expect(tray.get_by_role("progressbar")).to_have_count(0)
    await field.press("Enter")
    await expect(page.locator(".line").last).to_contain_text("notes.bin")
    await expect(page.locator(".pending")).to_have_count(0)
    assert len(play.logs[party][-1]["attachments"]) == 2
    await page.reload()
    await expect(page.locator(".line").last).to_contain_text("notes.bin")
    await field.click()
    await choose_file(page, "more.bin")
    await expect(tray).to_contain_text("more.bin")
    await page.evaluate("localStorage.hubbub = 'somebody'")
    await page.reload()
    await expect(tray).to_have_count(0)
    assert asked.empty()


async def choose_file(page: Page, name: str) -> None:
    file = FilePayload(name=name, mimeType="application/zip", buffer=b"123")
    await page.locator("input[type=file]").set_input_files(file)
