"""Search: what the finder shows, how to move in it, and where it leads."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.accessibility import PHONE
from tests.browser.company import HOLDING, bending_calls, until
from tests.browser.conftest import OpenPage
from tests.browser.stage import Play, uuid7

pytestmark = pytest.mark.asyncio(loop_scope="session")


def make_play() -> Play:
    """A garden that is mentioned in two chats, among other messages."""
    play = Play()
    party = play.start("Summer party", "ann", "bob", by="cleo")
    play.say(party, "cleo", "The one by the river: **Café Garden**, it is ours from noon.")
    play.say(party, "bob", "<img src=x onerror=alert(1)> gardening & more", minutes=101)
    crew = play.start("Garden crew", "ann", "greta", by="dan")
    play.say(crew, "dan", "no word of it")
    play.read_all()
    return play


def make_long_play(count: int) -> Play:
    """One chat with that many lines, the second of which has a unique word."""
    play = Play()
    chat = play.start("Long", "ann", by="bob")
    play.say(chat, "bob", "the lanterns are in the boathouse", minutes=2)
    for number in range(count):
        play.say(chat, "bob", f"line {number} of the log", minutes=3 + number)
    play.read_all()
    return play


async def find(page: Page, text: str) -> Locator:
    """Opens the finder and types; returns the field."""
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Find a chat")
    await expect(field).to_be_focused()
    await page.keyboard.type(text)
    return field


async def test_chats_and_messages_are_found_in_one_field(open_page: OpenPage) -> None:
    """Matches are marked whatever their case and accents, and text is never markup."""
    page = await open_page(make_play())
    await find(page, "GÁRD")
    messages = page.get_by_role("group", name="Messages").get_by_role("option")
    await expect(messages).to_have_count(2)
    marks = page.locator(".hits mark")
    await expect(marks).to_have_text(["Gard", "gard", "Gard"])
    await expect(page.get_by_role("group", name="Chats").get_by_role("option")).to_have_text(
        ["GCGarden crew 3 people"]
    )
    await expect(messages.last).to_contain_text("cleo in Summer party")
    await expect(messages.last.locator("time")).to_have_attribute(
        "title", re.compile("4 June 2026")
    )
    assert await page.locator(".hits img").count() == 0
    await expect(page.get_by_role("status").filter(has_text="3 matches")).to_be_attached()


async def test_people_are_found_beside_them(open_page: OpenPage) -> None:
    """A user without a common chat is found by the beginning of their name."""
    page = await open_page(make_play())
    await find(page, "gre")
    person = page.get_by_role("group", name="People").get_by_role("option", name="greta")
    await expect(person.locator("mark")).to_have_text("gre")


async def test_people_are_found_by_the_name_that_is_shown(open_page: OpenPage) -> None:
    """Those whose display names are known here, in the finder and for a new chat."""
    play = make_play()
    play.displayed["dan"] = "Daniel Quillfeather"
    page = await open_page(play)
    await page.get_by_role("link", name="Garden crew").click()
    await expect(page.locator(".log")).to_contain_text("Daniel Quillfeather")
    await find(page, "quill")
    person = page.get_by_role("group", name="People").get_by_role("option")
    await expect(person.locator("mark")).to_have_text("Quill")
    await expect(person).to_contain_text("Daniel Quillfeather dan")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New chat").first.click()
    for typed in ("quill", "daniel q"):
        await page.get_by_role("combobox", name="People in the chat").fill(typed)
        await expect(page.locator(".picker")).to_contain_text("Daniel Quillfeather dan")
    await page.keyboard.press("Enter")
    await expect(page.locator(".chip")).to_contain_text("Daniel Quillfeather")


async def test_arrows_choose_enter_opens_and_escape_goes_back(open_page: OpenPage) -> None:
    """The focus stays in the field, which names the chosen row; Escape returns the focus."""
    page = await open_page(make_play())
    await page.get_by_role("link", name="Garden crew").click()
    field = await find(page, "gard")
    chosen = page.locator(".hit[aria-selected=true]")
    await expect(page.locator(".hit.message")).to_have_count(2)
    await expect(chosen).to_contain_text("Garden crew")
    await page.keyboard.press("ArrowUp")
    await expect(chosen).to_contain_text("ours from noon")
    active = await field.get_attribute("aria-activedescendant")
    assert active == await chosen.get_attribute("id")
    await page.keyboard.press("Escape")
    await expect(page.locator(".finder")).to_have_count(0)
    await expect(page.locator(".write textarea")).to_be_focused()
    await find(page, "gard noon")
    await expect(page.locator(".hit")).to_have_count(0)
    await page.keyboard.press("Control+a")
    await page.keyboard.type("noon gard")
    await expect(page.locator(".hit")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator(".bar h1")).to_have_text("Summer party")
    await expect(page.locator(".line.found")).to_contain_text("ours from noon")


async def test_a_message_of_long_ago_stands_amid_its_neighbours(open_page: OpenPage) -> None:
    """1,500 messages back: it is highlighted, scrolling works both ways, and a button returns to
    the newest."""
    page = await open_page(make_long_play(1_500))
    await find(page, "lanterns")
    await page.locator(".hit.message").click()
    found = page.locator(".line.found")
    await expect(found).to_be_in_viewport()
    await expect(found).to_contain_text("boathouse")
    log = page.get_by_role("log")
    await expect(log).to_contain_text("line 40 of the log")
    await expect(log).not_to_contain_text("line 1499 of the log")
    for _ in range(4):
        last = await log.locator(".line .text").last.inner_text()
        await log.evaluate("log => { log.scrollTop = log.scrollHeight; }")
        await expect(log.locator(".line .text").last).not_to_have_text(last)
    await find(page, '"line 700"')
    await page.locator(".hit.message").click()
    await expect(found).to_contain_text("line 700 of the log")
    await expect(found).to_be_in_viewport()
    for _ in range(2):
        first = await log.locator(".line .text").first.inner_text()
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(log.locator(".line .text").first).not_to_have_text(first)
    await page.get_by_role("button", name="Latest").click()
    await expect(log.locator(".line .text").last).to_have_text("line 1499 of the log")
    await expect(log.locator(".line").last).to_be_in_viewport()


async def test_the_same_message_can_be_found_twice(open_page: OpenPage) -> None:
    """After scrolling away, the button leads back."""
    page = await open_page(make_long_play(300))
    for _ in range(2):
        await find(page, "lanterns")
        hit = page.locator(".hit.message")
        await expect(hit).to_have_count(1)
        await hit.click()
        await expect(page.locator(".line.found")).to_be_in_viewport()
        await page.get_by_role("button", name="Latest").click()
        await expect(page.locator(".line.found")).to_have_count(0)


async def test_the_last_own_message_is_edited_from_a_found_one(open_page: OpenPage) -> None:
    """The arrow in the empty composer goes to the end, and not to an own message of long ago."""
    page = await open_at_lanterns(open_page, last_word="my last word")
    composer = page.get_by_role("textbox", name="Message to")
    await composer.press("ArrowUp")
    await expect(composer).to_have_value("my last word")
    await expect(page.locator(".line", has_text="my last word")).to_be_in_viewport()


async def test_the_arrow_leads_nowhere_where_nothing_is_to_be_edited(open_page: OpenPage) -> None:
    """The reader stays where they are."""
    page = await open_at_lanterns(open_page)
    composer = page.get_by_role("textbox", name="Message to")
    await composer.press("ArrowUp")
    await composer.press("a")
    await expect(composer).to_have_value("a")
    await expect(page.locator(".line.found")).to_be_in_viewport()


async def open_at_lanterns(open_page: OpenPage, last_word: str | None = None) -> Page:
    """At an own message from long before the end, which was searched."""
    play = Play()
    chat = play.start("Long", "ann", by="bob")
    play.say(chat, "ann", "the lanterns are in the boathouse", minutes=2)
    for number in range(300):
        play.say(chat, "bob", f"line {number} of the log", minutes=3 + number)
    if last_word is not None:
        play.say(chat, "ann", last_word, minutes=400)
    play.read_all()
    page = await open_page(play)
    await find(page, "lanterns")
    await page.locator(".hit.message").click()
    await expect(page.locator(".line.found")).to_be_in_viewport()
    return page


async def test_more_is_found_as_one_scrolls(open_page: OpenPage) -> None:
    """Further pages of results load by wheel or arrow keys, without moving what is in view."""
    play = make_long_play(70)
    page = await open_page(play)
    await find(page, "log")
    hits, box = page.locator(".hit.message"), page.locator(".found-box")
    await expect(hits).to_have_count(20)
    await box.evaluate("box => { box.scrollTop = box.scrollHeight - box.clientHeight - 1; }")
    await expect(hits).to_have_count(40)
    assert await box.evaluate("box => box.scrollTop") > 0

    async def is_all_there() -> bool:
        for _ in range(10):
            await page.keyboard.press("ArrowDown")
        return await hits.count() == 70

    await until(is_all_there)
    assert set(play.searched) == {"log"}


async def test_refusals_are_said_and_pass_by_themselves(open_page: OpenPage) -> None:
    """Rate limits and an absent server are explained in sentences; the typed search is retried."""
    play = make_play()
    page = await open_page(play)
    play.search_refusal = (429, "rate_limited")
    await find(page, "noon")
    said = page.locator(".found-box > .hint")
    await expect(said).to_have_text("Too many attempts. Wait a second.")
    play.search_refusal = (503, "unavailable")
    await expect(said).to_have_text("Hubbub cannot be reached. Try again in a moment.")
    play.search_refusal = None
    await expect(page.locator(".hit.message")).to_have_count(1)
    await expect(said).to_have_text("")


async def test_enter_opens_nothing_that_does_not_fit(open_page: OpenPage) -> None:
    """Whoever types on and presses Enter before the answer has come gets no earlier result."""
    play = make_play()
    crew = play.start("Kitchen", "ann", "bob", by="dan")
    play.say(crew, "bob", "an apple pie for the garden")
    play.say(crew, "bob", "an apricot tart", minutes=101)
    page = await open_page(play)
    field = await find(page, "ap")
    hits = page.locator(".hit.message")
    await expect(hits).to_have_count(2)
    await page.evaluate(bending_calls("search|username=", HOLDING))
    await page.keyboard.type("ril")
    await expect(hits).to_have_count(0)
    await page.keyboard.press("Enter")
    await expect(field).to_be_focused()
    await field.fill("app")
    await expect(hits).to_have_text([re.compile("apple pie")])
    await page.keyboard.press("Enter")
    await expect(page.locator(".line.found")).to_contain_text("apple pie")


async def test_enter_writes_to_nobody_else(open_page: OpenPage) -> None:
    """Somebody who was found by fewer letters is gone when their name does not fit any more."""
    play = make_play()
    play.people |= {uuid7(100): "anders", uuid7(101): "annika"}
    page = await open_page(play)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await find(page, "an")
    people = page.get_by_role("group", name="People").get_by_role("option")
    await expect(people).to_have_text(["ANanders ", "ANannika "])
    await page.evaluate(bending_calls("username=", HOLDING))
    async with page.expect_request("**/direct"):
        await page.keyboard.type("nika")
        await page.keyboard.press("Enter")
    await expect(page.locator(".finder")).to_have_count(0)
    assert [url for url in asked if url.endswith("/direct")] == [
        f"{page.url.partition('#')[0]}api/user/{uuid7(101)}/direct"
    ]


async def test_a_phone_finds_by_touch(open_page: OpenPage) -> None:
    """The finder fills the screen, nothing is wider than it, and a tap opens the message."""
    page = await open_page(make_play(), viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("button", name="Find or search").tap()
    await page.get_by_role("combobox", name="Find a chat").fill("gard")
    hit = page.locator(".hit.message").last
    await expect(hit).to_contain_text("ours from noon")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    box = await hit.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    await hit.tap()
    await expect(page.locator(".line.found")).to_be_in_viewport()


async def test_the_finder_outlives_the_chat_below_it(open_page: OpenPage) -> None:
    """What is typed there stays when the open chat is deleted; after closing it there is none."""
    play = Play()
    chat = play.start("Party", "bob")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.keyboard.press("Control+k")
    find = page.get_by_role("combobox", name="Find a chat, a person")
    await find.fill("lanterns")
    play.tell(chat, "chat.deleted", "bob", minutes=200)
    await expect(page.get_by_text("deleted the chat")).to_be_visible()
    await expect(find).to_have_value("lanterns")
    await expect(find).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(find).to_have_count(0)
    await expect(page.locator(".composer")).to_have_count(0)
    await expect(page.get_by_text("deleted the chat")).to_be_visible()
