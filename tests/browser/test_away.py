"""The page while it is not in view, and without a server: on a stage."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, expect

from edge.site import make_file
from tests.browser.company import expect_kept, until
from tests.browser.conftest import NewContext, OpenPage, find_chromium, open_browser
from tests.browser.stage import Play, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

COUNT_QUESTIONS = """
    window.questions = 0;
    Notification.requestPermission = async () => { window.questions += 1; return 'default' };
"""
RECORD = """
    window.told = [];
    const show = ServiceWorkerRegistration.prototype.showNotification;
    ServiceWorkerRegistration.prototype.showNotification = function(title, options) {
        window.told.push(`${title}: ${options.body}`);
        return show.call(this, title, options);
    };
"""
AN_HOUR_AHEAD = """
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
"""
HIDE = """() => {
    Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A whole Chromium: the shell shows no notifications."""
    async with open_browser(find_chromium()) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def open_alone(new_context: NewContext, stage: Stage) -> AsyncIterator[OpenPage]:
    """Opens the page and waits until its worker controls it; it ends without errors in it."""
    errors: list[str] = []

    async def open_one(play: Play, *, script: str = "") -> Page:
        context = await new_context(permissions=["notifications"])
        if script:
            await context.add_init_script(script)
        page = await stage.enter(context, play)
        page.on("pageerror", lambda error: errors.append(f"{error.message}\n{error.stack}"))
        await expect(page.locator(".live")).to_have_text("live")
        await page.wait_for_function("() => navigator.serviceWorker.controller !== null")
        return page

    yield open_one
    assert errors == []


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def two_chats() -> tuple[Play, str, str]:
    play = Play()
    kitchen, party = play.start("Kitchen", "bob"), play.start("Party", "bob", "cleo")
    play.say(kitchen, "bob", "The oven is repaired.")
    return play, kitchen, party


async def test_nobody_is_asked_before_they_ask(open_alone: OpenPage) -> None:
    """The browser's question about notifications appears with the button for it and never
    before."""
    play, kitchen, _ = two_chats()
    page = await open_alone(play, script=COUNT_QUESTIONS)
    await page.context.clear_permissions()
    await page.get_by_role("link", name="Kitchen").click()
    await page.locator(".write textarea").fill("hello")
    await page.keyboard.press("Enter")
    play.say(kitchen, "bob", "hello", at=now())
    await expect(page.locator(".line")).to_have_count(3)
    await page.get_by_title("Settings").click()
    assert await page.evaluate("window.questions") == 0
    await page.evaluate(
        "() => { Object.defineProperty(Notification, 'permission', {value: 'default'}) }"
    )
    await page.keyboard.press("Escape")
    await page.get_by_title("Settings").click()
    await page.get_by_role("button", name="Turn on notifications").click()
    assert await page.evaluate("window.questions") == 1


@pytest.mark.parametrize("clock", ["", AN_HOUR_AHEAD], ids=["right", "an hour ahead"])
async def test_a_message_elsewhere_is_told_and_leads_to_its_chat(
    open_alone: OpenPage, clock: str
) -> None:
    """None is shown for the chat in view; a click on one shows its chat in this window. The
    device's clock may be wrong."""
    play, kitchen, party = two_chats()
    page = await open_alone(play, script=RECORD + clock)
    await page.get_by_role("link", name="Kitchen").click()
    play.say(kitchen, "bob", "It is warm again.", at=now())
    play.say(party, "cleo", "**Is** anybody there?", at=now())
    await page.wait_for_function("() => window.told.length > 0")
    assert await page.evaluate("window.told") == ["Party: cleo: Is anybody there?"]
    (worker,) = page.context.service_workers
    await worker.evaluate("chat => lead(chat).catch(() => {})", party)  # no gesture allows focus
    await expect(page.locator(".bar h1")).to_have_text("Party")
    await expect(page.locator(".text")).to_have_text("Is anybody there?")


async def test_a_push_is_shown_where_no_window_is_in_view(
    open_alone: OpenPage, stage: Stage
) -> None:
    """One notification per chat, of the newest message, which leads to it; none while a window is
    in view, and no duplicates, however often a push is repeated."""
    play, _, party = two_chats()
    play.say(party, "cleo", "Is anybody there?", at=now())
    page = await open_alone(play)
    await page.get_by_role("link", name="Party").click()
    (worker,) = page.context.service_workers
    await worker.evaluate("([chat, seq]) => lead(chat, seq).catch(() => {})", [party, 2])
    await page.wait_for_function("chat => location.hash === `#${chat}/2`", arg=party)
    push = await pusher_of(page)
    await push(chat=party, seq=7, title="Party", body="cleo: in view")
    await page.goto(f"{stage.origin}/web/mark.svg")  # not a window of the page

    async def shown() -> list[list[Any]]:
        found: list[list[Any]] = await worker.evaluate(
            "async () => (await registration.getNotifications()).map("
            "({ title, body, tag, data }) => [title, body, tag, data.seq])"
        )
        return found

    async def is_all_shown() -> bool:
        for seq in (9, 8, 9):
            await push(chat=party, seq=seq, title="Party", body=f"cleo: number {seq}")
        await push(chat="another", seq=2, title="dan", body="the last", silent=True)
        return {tag for _, _, tag, _ in await shown()} >= {party, "another"}

    # While the browser still lists the window that was left, the worker rightly shows nothing.
    await until(is_all_shown)
    assert sorted(await shown()) == [
        ["Party", "cleo: number 9", party, 9],
        ["dan", "the last", "another", 2],
    ]


async def pusher_of(page: Page) -> Callable[..., Awaitable[None]]:
    """Delivers to the page's worker what a push service would, decrypted."""
    browser = await page.context.new_cdp_session(page)
    registrations: list[dict[str, Any]] = []
    browser.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(event["registrations"]),
    )
    await browser.send("ServiceWorker.enable")
    origin = await page.evaluate("location.origin")

    async def is_known() -> bool:
        return any(one["scopeURL"] == f"{origin}/" for one in registrations)

    await until(is_known)
    (registration,) = {
        one["registrationId"] for one in registrations if one["scopeURL"] == f"{origin}/"
    }

    async def push(**said: Any) -> None:
        data = json.dumps({"me": "ann", "at": now(), "silent": False, **said})
        await browser.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": origin, "registrationId": registration, "data": data},
        )

    return push


async def test_a_page_of_another_version_loads_itself_anew_when_nobody_minds(
    open_alone: OpenPage, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while it is in view or has a draft; afterwards the reader is at the same place."""
    play, kitchen, _ = two_chats()
    for number in range(80):
        play.say(kitchen, "bob", f"line {number}")
    play.mine[kitchen]["read"] = 82
    served = stage.files["/web/version"]
    monkeypatch.setitem(stage.files, "/web/version", make_file(b"another", "text/plain"))
    page = await open_alone(play, script="Math.random = () => 0")
    await page.get_by_role("link", name="Kitchen").click()
    await expect(page.locator(".text").last).to_have_text("line 79")
    await page.locator(".line").filter(has_text="line 40").first.scroll_into_view_if_needed()
    await page.locator(".log").evaluate("log => { log.scrollTop -= 40 }")
    # All of it has loaded: the first line here has its author above it.
    await expect(page.locator(".text").first).to_have_text("The oven is repaired.")
    await page.locator(".write textarea").fill("half a sentence")
    await page.evaluate("window.isOld = true")
    place = await page.locator(".line").filter(has_text="line 40").first.bounding_box()
    await page.evaluate(HIDE)
    await page.wait_for_timeout(2_500)  # two of its checks: nothing happens
    assert await page.evaluate("window.isOld")
    monkeypatch.setitem(stage.files, "/web/version", served)
    await page.locator(".write textarea").fill("")
    await page.wait_for_function("() => window.isOld === undefined")
    await expect(page.locator(".line").filter(has_text="line 40").first).to_be_in_viewport()

    async def is_where_it_was() -> bool:
        again = await page.locator(".line").filter(has_text="line 40").first.bounding_box()
        return place is not None and again is not None and abs(place["y"] - again["y"]) < 4

    await until(is_where_it_was)


async def test_files_of_a_chat_that_is_gone_hold_up_no_new_version(
    open_alone: OpenPage, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload does not wait for a message that can no longer be sent."""
    play, kitchen, _ = two_chats()
    monkeypatch.setitem(stage.files, "/web/version", make_file(b"another", "text/plain"))
    page = await open_alone(play, script="Math.random = () => 0")
    await page.get_by_role("link", name="Kitchen").click()
    note = FilePayload(name="note.txt", mimeType="text/plain", buffer=b"hello")
    await page.locator("input[type=file]").set_input_files(note)
    await expect(page.get_by_text("note.txt")).to_be_visible()
    play.tell(kitchen, "chat.deleted", "bob", minutes=200)
    await expect(page.get_by_text("deleted the chat")).to_be_visible()
    await page.evaluate("window.isOld = true")
    await page.evaluate(HIDE)
    await page.wait_for_function("() => window.isOld === undefined")
    await expect(page.get_by_text("note.txt")).to_have_count(0)


async def test_what_was_read_is_there_where_no_server_answers(open_alone: OpenPage) -> None:
    """The page opens with its chats and the messages read in them, says since when it is offline,
    keeps drafts, and continues by itself; the worker keeps no answers of the API."""
    play, kitchen, _ = two_chats()
    page = await open_alone(play)
    kept = await page.evaluate("""async () => {
        const all = [];
        for (const name of await caches.keys())
            for (const { url } of await (await caches.open(name)).keys()) all.push(url);
        return all;
    }""")
    assert any("/web/main.js?v=" in url for url in kept)
    assert not [url for url in kept if "/api/" in url]
    await page.get_by_role("link", name="Party").click()
    await page.get_by_role("link", name="Kitchen").click()
    play.say(kitchen, "bob", "It is warm again.")
    await expect(page.locator(".text").last).to_have_text("It is warm again.")
    await expect_kept(page, "logs", "one => one.items.at(-1).message === 'It is warm again.'")
    await page.wait_for_timeout(1_000)  # a write just before a page closes may be lost
    await page.context.set_offline(True)
    await page.reload()
    await expect(page.locator(".text").last).to_have_text("It is warm again.")
    await expect(page.locator(".live")).to_contain_text("offline since")
    await page.locator(".write textarea").fill("written without a server")
    await page.keyboard.press("Enter")
    await expect(page.locator(".pending")).to_contain_text("waits for the connection")
    play.say(kitchen, "bob", "meanwhile")
    await page.context.set_offline(False)
    await expect(page.locator(".live")).to_have_text("live")
    await expect(page.locator(".pending")).to_have_count(0)
    await expect(page.locator(".text")).to_have_text(
        ["The oven is repaired.", "It is warm again.", "meanwhile", "written without a server"]
    )


async def test_who_logs_out_leaves_nothing_to_read(open_alone: OpenPage) -> None:
    """No messages and no data of the user stay in the browser; the instance's name may."""
    play, kitchen, _ = two_chats()
    page = await open_alone(play)
    await page.get_by_role("link", name="Kitchen").click()
    play.say(kitchen, "bob", "It is warm again.")
    await expect_kept(page, "logs", "one => one.items.at(-1).message === 'It is warm again.'")
    await page.get_by_title("Settings").click()
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_role("button", name="Sign up")).to_be_visible()
    assert await page.evaluate("indexedDB.databases().then(all => all.length)") == 0
    assert await page.evaluate("Object.entries(localStorage)") in ([], [["hubbub name", "Hubbub"]])
