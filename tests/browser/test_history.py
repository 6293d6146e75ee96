"""The past of a chat: how it loads, and where reading begins."""

import asyncio
import re

import pytest
from playwright.async_api import Request, Route, expect

from tests.browser.company import (
    FIRST_LINE,
    HOLDING,
    TOP_OF_LINE,
    bending_calls,
    expect_kept,
    long_chat,
    post_many,
    until,
)
from tests.browser.conftest import OpenPage, OpenWindow
from tests.browser.stage import Play, party
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")

HISTORY = re.compile(r"[/]api[/]chat[/][^/]+[/](events|message)")


async def test_a_chat_does_not_wait_for_the_history_of_another(open_page: OpenPage) -> None:
    """One that is opened while the previous one is still loading is loaded at once."""
    play = Play()
    for title in ("Slow", "Quick"):
        play.say(play.start(title, "bob"), "bob", f"a word in {title}")
    play.read_all()
    page = await open_page(play, service_workers="block")
    is_over = asyncio.Event()

    async def hold(route: Route) -> None:
        await is_over.wait()
        await route.continue_()

    await page.route(HISTORY, hold, times=1)
    async with page.expect_request(HISTORY) as asked:
        await page.get_by_role("link", name="Slow").click()
    slow = await asked.value
    log = page.get_by_role("log")
    await page.get_by_role("link", name="Quick").click()
    await expect(log.get_by_text("a word in Quick")).to_be_visible()
    assert slow.failure is None  # it was not given up for the other one
    await page.get_by_role("link", name="Slow").click()
    is_over.set()
    await expect(log.get_by_text("a word in Slow")).to_be_visible()


async def test_what_was_missed_comes_with_the_next_socket(open_page: OpenPage) -> None:
    """The page resumes after the last event that it has, and requests no events."""
    play, chat = party()
    play.say(chat, "bob", "before")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".line")).to_have_count(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await play.hang_up()
    play.say(chat, "bob", "meanwhile")
    await expect(page.locator(".line").last).to_contain_text("meanwhile")
    assert [url for url in asked if HISTORY.search(url)] == []


async def test_a_slow_line_loads_one_page_and_keeps_the_place(enter: OpenWindow) -> None:
    """Scrolling to the top loads more, and the line in view stays where it is."""
    ann = await enter()
    async with long_chat(ann, 400):
        await ann.open_chat("Long")
    await ann.button("Latest").click()
    await ann.page.reload()
    await expect(ann.log.locator(".text").last).to_be_in_viewport()
    asked: list[Request] = []
    ann.page.on("request", lambda request: asked.append(request))
    slowly = "go => new Promise(done => setTimeout(done, 400)).then(go)"
    await ann.page.evaluate(bending_calls(HISTORY.pattern, slowly))
    await ann.log.hover()
    count = await ann.log.locator(".line").count()
    await ann.log.evaluate("log => { log.scrollTop = 0; }")  # the day is in view
    first = await ann.log.evaluate(FIRST_LINE)
    before = await ann.log.evaluate(TOP_OF_LINE, first)
    await expect(ann.log.locator(".line").nth(count + 20)).to_be_attached()
    assert abs(await ann.log.evaluate(TOP_OF_LINE, first) - before) <= 1
    await asyncio.sleep(1.5)  # in which pages would have loaded one after the other
    pages = [request for request in asked if HISTORY.search(request.url)]
    assert len(pages) <= 3
    assert abs(await ann.log.evaluate(TOP_OF_LINE, first) - before) <= 1


async def test_one_begins_at_the_first_unread_however_many_there_are(
    enter: OpenWindow,
) -> None:
    """460 unread messages: the divider is above the first, and they stay unread until read, even if
    the server is overloaded at first, or answers after the stored copy is shown."""
    ann = await enter()
    async with long_chat(ann, 20) as (bob, chat):
        await ann.open_chat("Long")
        entry = ann.page.get_by_role("link", name="Long")
        await expect(entry.locator(".badge")).to_have_count(0)
        await expect_kept(ann.page, "logs", "one => one.items.at(-1).message === 'line 19'")
        await ann.start_chat("Elsewhere")
        await ann.page.goto("about:blank")
        await post_many(bob, chat, [f"unread {number}" for number in range(460)])
    await ann.page.goto(f"{ann.origin}/")
    await expect(entry.locator(".badge")).to_contain_text("99+")
    await ann.page.evaluate("globalThis.refused = 0")
    refusing_twice = "go => ++refused > 2 ? go() : Promise.reject(new TypeError('refused'))"
    await ann.page.evaluate(bending_calls(HISTORY.pattern, refusing_twice))
    await ann.open_chat("Long")
    divider = ann.log.get_by_text("New", exact=True)
    await expect(divider).to_be_in_viewport()
    following = divider.locator("xpath=ancestor::li/following-sibling::li[1]")
    await expect(following.locator(".text")).to_have_text(re.compile("^unread 1?[0-9]$"))
    await expect(ann.page).to_have_title(re.compile(r"^\(100\) Long"))
    assert await ann.page.evaluate("refused") > 2
    await ann.page.add_init_script(bending_calls("[/]api[/]", HOLDING))
    await ann.page.reload()
    await expect(ann.line("line 19")).to_be_in_viewport()
    await ann.page.wait_for_function("globalThis.held")
    await ann.page.evaluate("held.resolve()")
    await expect(divider).to_be_in_viewport()
    back = ann.button("Back to the first new message")
    await expect(back).to_be_hidden()
    await ann.button("Latest").click()
    await back.press("Enter")
    await expect(divider).to_be_in_viewport()
    await expect(back).to_be_hidden()
    await expect(ann.log).to_be_focused()  # not lost with the button

    async def is_read() -> bool:
        await ann.log.evaluate("log => { log.scrollTop += 3000; }")
        last = await ann.log.locator(".text").last.inner_text()
        is_last = last in {f"unread {number}" for number in range(440, 460)}
        return is_last and await ann.scroll_gap() < 1

    await until(is_read)
    await ann.button("Elsewhere").or_(ann.page.get_by_role("link", name="Elsewhere")).click()
    await expect(entry.locator(".badge")).to_have_count(0)


async def test_an_address_leads_to_its_message(enter: OpenWindow) -> None:
    """A link to a message opens the chat there, however far back it is, and highlights it."""
    ann = await enter()
    async with long_chat(ann, 300) as (_, chat):
        await ann.open_chat("Long")
    await ann.page.goto(f"{ann.origin}/#{chat}/120")
    found = ann.log.locator(".found")
    await expect(found).to_be_in_viewport()
    await expect(found).to_have_count(1)
    await ann.button("Latest").click()
    await expect(ann.log.locator(".text").last).to_be_in_viewport()


async def test_a_message_can_be_marked_as_unread(enter: OpenWindow) -> None:
    """From that message on everything counts as unread, until the chat is opened again."""
    ann = await enter()
    async with long_chat(ann, 20):
        await ann.open_chat("Long")
    await ann.act_on("line 19", "Mark as unread")
    await ann.start_chat("Elsewhere")
    entry = ann.page.get_by_role("link", name="Long")
    await expect(entry.locator(".badge")).to_have_text("Unread: 1")
    await ann.open_chat("Long")
    await expect(ann.log.get_by_text("New", exact=True)).to_be_visible()
    await expect(entry.locator(".badge")).to_have_count(0)
    await ann.log.locator(".line").nth(-5).click(modifiers=["Alt"])
    await ann.open_chat("Elsewhere")
    await expect(entry.locator(".badge")).to_have_text("Unread: 5")


async def test_a_send_moves_nothing(enter: OpenWindow) -> None:
    """A line has the same height from when it is written until long after it is stored."""
    ann = await enter()
    await ann.start_chat("Steady")
    await ann.write("first")
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.page.evaluate("""() => {
        window.heights = new Set();
        const look = () => {
            const lines = document.querySelectorAll('.line');
            if (lines.length > 1) window.heights.add(lines[lines.length - 1].offsetHeight);
            requestAnimationFrame(look);
        };
        look();
    }""")
    await ann.write("second")
    await expect(ann.log.locator(".line")).to_have_count(2)
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.page.evaluate("() => new Promise(requestAnimationFrame)")
    assert len(await ann.page.evaluate("[...window.heights]")) == 1


async def test_a_message_is_found_by_its_words(enter: OpenWindow) -> None:
    """The finder shows messages with the words marked, and leads to them in their chat."""
    ann = await enter()
    async with long_chat(ann, 120) as (bob, chat):
        await bob.post(chat, "the lanterns are in the boathouse")
        await post_many(bob, chat, [f"something else {number}" for number in range(100)])

        async def is_indexed() -> bool:
            found = await bob.ask("GET", "/api/search?q=lanterns&limit=1")
            return bool(found.body["messages"])

        await until(is_indexed)
    await ann.find("lanterns boat", "Messages")
    await expect(ann.log.locator(".found .text")).to_have_text("the lanterns are in the boathouse")
    await expect(ann.log.locator(".found")).to_be_in_viewport()


@pytest.mark.parametrize("count", [30, 260])
@pytest.mark.parametrize("late", ["[/]api[/]", "[/]api[/]chat[?]"])
async def test_what_a_browser_has_kept_hides_nothing_new(
    enter: OpenWindow, late: str, count: int
) -> None:
    """The stored copy is shown before the server answers, at all or with the list. Unread messages
    begin below it, and opening the chat does not skip them, whether replayed or fetched."""
    ann = await enter()
    async with long_chat(ann, 40) as (bob, chat):
        await read_all(ann)
        await expect_kept(ann.page, "logs", "one => one.items.at(-1).message === 'line 39'")
        await ann.page.goto("about:blank")
        await post_many(bob, chat, [f"unread {number}" for number in range(count)])
    await ann.page.add_init_script(bending_calls(late, HOLDING))
    await ann.page.goto(f"{ann.origin}/")
    await ann.open_chat("Long")
    await expect(ann.log.locator(".text").first).to_be_visible()
    await ann.page.wait_for_function("globalThis.held")
    await ann.page.evaluate("held.resolve()")
    await expect(ann.state).to_have_text("live")
    await expect(ann.log.get_by_text("New", exact=True)).to_be_in_viewport()
    await expect(ann.line("line 39")).to_be_in_viewport()
    await expect(ann.page).to_have_title(re.compile(rf"^\({min(count, 100)}\) Long"))


async def test_a_place_outlives_more_than_is_caught_up(enter: OpenWindow) -> None:
    """A user reads far up while their computer sleeps, and a thousand events are skipped: the lines
    in view stay where they are."""
    ann = await enter()
    async with long_chat(ann, 120) as (bob, chat):
        await read_all(ann)
        await ann.log.evaluate("log => { log.scrollTop -= 2 * log.clientHeight; }")
        await expect(ann.button("Latest")).to_be_visible()
        first = await ann.log.evaluate(FIRST_LINE)
        before = await ann.log.evaluate(TOP_OF_LINE, first)
        await ann.page.context.set_offline(True)
        await expect(ann.state).to_contain_text("offline")
        await post_many(bob, chat, [f"missed {number}" for number in range(1_010)])
        await ann.page.context.set_offline(False)
        await expect(ann.page.get_by_role("link", name="Long")).to_contain_text("missed")
        is_there = "(log, key) => log.querySelector(`[data-key='${key}']`) !== null"
        await until(lambda: ann.log.evaluate(is_there, first))
        assert abs(await ann.log.evaluate(TOP_OF_LINE, first) - before) <= 1


async def read_all(window: Window) -> None:
    """Opens the chat "Long" and scrolls to its end."""
    await window.open_chat("Long")
    await expect(window.log.locator(".text").first).to_be_visible()
    await window.log.evaluate("log => { log.scrollTop = log.scrollHeight; }")
    badge = window.page.get_by_role("link", name="Long").locator(".badge")
    await expect(badge).to_have_count(0)


async def test_a_place_in_a_chat_that_is_gone_is_looked_for_no_more(enter: OpenWindow) -> None:
    """The chat is deleted while unread messages are being fetched: nothing of it is requested
    again."""
    ann = await enter()
    asked: list[Request] = []
    ended: list[Request] = []
    async with long_chat(ann, 300) as (bob, chat):
        await ann.page.evaluate(bending_calls(HISTORY.pattern, HOLDING))
        await ann.open_chat("Long")
        await until(lambda: ann.page.evaluate("globalThis.held !== undefined"))
        await bob.ask("DELETE", f"/api/chat/{chat}")
        await expect(ann.page.get_by_text("deleted the chat")).to_be_visible()

    def note(request: Request) -> None:
        if HISTORY.search(request.url):
            asked.append(request)

    ann.page.on("request", note)
    ann.page.on("requestfinished", lambda request: ended.append(request))
    await ann.page.clock.install()
    await ann.page.evaluate("held.resolve()")
    await until(lambda: all_ended(asked, ended))
    asked.clear()
    await ann.page.clock.run_for(10_000)
    assert [request.url for request in asked] == []


async def all_ended(asked: list[Request], ended: list[Request]) -> bool:
    return bool(asked) and all(request in ended for request in asked)
