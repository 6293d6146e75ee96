"""Addresses of chats and messages: completed, shown by their names, shared."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import Play

pytestmark = pytest.mark.asyncio(loop_scope="session")


def make_play() -> tuple[Play, str, str]:
    play = Play()
    play.say(play.start("", "cleo"), "cleo", "Kitchen is mine")
    kitchen = play.start("The kitchen", "bob")
    party = play.start("Summer party", "bob", "cleo")
    play.say(kitchen, "bob", "There is cake")
    play.say(party, "cleo", "Who comes?")
    play.read_all()
    return play, kitchen, party


async def test_a_chat_is_completed_and_leads_there(open_page: OpenPage) -> None:
    """`#` and the beginning of a word of its name completes a chat. Its address is sent, its name
    is shown, and a number after `#` stays unchanged."""
    play, kitchen, party = make_play()
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    field, options = page.locator(".write textarea"), page.get_by_role("option")
    await field.press_sequentially("see #kit")
    await expect(options).to_have_text([re.compile("The kitchen$")])
    await field.press("Tab")
    address = f"{page.url.partition('#')[0]}#{kitchen}"
    await expect(field).to_have_value(f"see {address} ")
    await field.press_sequentially("for #12")
    await expect(options).to_have_count(0)
    await field.press("Enter")
    line = page.locator(".line").last
    await expect(line.locator(".text")).to_have_text("see #The kitchen for #12")
    await expect(page.locator(".pending")).to_have_count(0)
    assert play.logs[party][-1]["message"] == f"see {address} for #12"
    await line.get_by_role("link", name="#The kitchen").click()
    await expect(page.locator(".bar h1")).to_have_text("The kitchen")
    assert len(page.context.pages) == 1


async def test_the_address_of_a_message_leads_to_it(open_page: OpenPage) -> None:
    """It is shown by the name of its chat if the reader is in it; any other address stays as
    written."""
    play, kitchen, party = make_play()
    page = await open_page(play)
    origin = page.url.partition("#")[0]
    play.say(party, "bob", f"as in {origin}#{kitchen}/2, not {origin}#{party[:-3]}fff/2")
    await page.get_by_role("link", name="Summer party").click()
    links = page.locator(".line").last.get_by_role("link")
    await expect(links).to_have_text(["Message in The kitchen", f"{origin}#{party[:-3]}fff/2"])
    await links.first.click()
    await expect(page.locator(".found .text")).to_have_text("There is cake")


def make_long_play() -> tuple[Play, str]:
    """A chat with sixty lines and a link to the message with seq 5."""
    play = Play()
    chat = play.start("Long", "bob")
    for number in range(60):
        play.say(chat, "bob", f"line {number}")
    play.read_all()
    return play, chat


async def test_an_address_of_a_foreign_chat_is_not_left_without_a_word(
    open_page: OpenPage,
) -> None:
    """Neither at the start nor later; the sentence goes with the next chat."""
    play, kitchen, _ = make_play()
    page = await open_page(play)
    said = page.get_by_text("This chat is gone, or you are not in it.", exact=True)
    for _ in range(2):
        await page.evaluate(f"location.hash = '{kitchen[:-3]}fff/2'")
        await expect(said).to_be_visible()
        await page.get_by_role("link", name="The kitchen").click()
        await expect(page.locator(".bar h1")).to_have_text("The kitchen")
        await expect(said).to_have_count(0)
    await page.goto(f"{page.url.partition('#')[0]}?again#{kitchen[:-3]}fff")
    await expect(said).to_be_visible()
    await page.goto(f"{page.url.partition('?')[0]}?other#somewhere")
    await expect(page.get_by_role("link", name="The kitchen")).to_be_visible()
    await expect(said).to_have_count(0)


async def test_whoever_goes_on_to_the_end_is_not_led_back(open_page: OpenPage) -> None:
    """By the button or by sending: the address names only the chat then, and a link to the same
    message leads there again."""
    play, chat = make_long_play()
    page = await open_page(play)
    origin = page.url.partition("#")[0]
    play.say(chat, "bob", f"see {origin}#{chat}/5")
    await page.get_by_role("link", name="Long").click()
    field, last = page.locator(".write textarea"), page.locator(".line").last
    for text in ("", "thank you"):
        await page.get_by_role("link", name="Message in Long").click()
        await expect(page.locator(".line.found")).to_be_in_viewport()
        await expect(page).to_have_url(f"{origin}#{chat}/5")
        if text:
            await field.fill(text)
            await field.press("Enter")
        else:
            await page.get_by_role("button", name="Latest").press("Enter")
        await expect(last).to_be_in_viewport()
        await expect(page).to_have_url(f"{origin}#{chat}")
    await page.reload()
    await expect(last).to_be_in_viewport()
    await expect(page.locator(".line.found")).to_have_count(0)


async def test_a_reload_at_the_end_stays_there(open_page: OpenPage) -> None:
    """Although the address still names the message that the reader came for, to which a second
    click leads again."""
    play, chat = make_long_play()
    page = await open_page(play)
    origin = page.url.partition("#")[0]
    play.say(chat, "bob", f"see {origin}#{chat}/5")
    await page.get_by_role("link", name="Long").click()
    log, found = page.get_by_role("log"), page.locator(".line.found")
    for _ in range(2):
        await page.get_by_role("link", name="Message in Long").click()
        await expect(found).to_be_in_viewport()
        await log.evaluate("log => { log.scrollTop = log.scrollHeight; }")
        await expect(page.get_by_role("button", name="Latest")).to_be_hidden()
    await expect(page).to_have_url(f"{origin}#{chat}/5")
    await page.reload()
    await expect(page.locator(".line").last).to_be_in_viewport()
    await expect(found).to_have_count(0)
    await page.goto(f"{origin}?again#{chat}/5")
    await expect(found).to_be_in_viewport()
    await page.reload()
    await expect(found).to_be_in_viewport()


async def test_a_message_is_shared(open_page: OpenPage) -> None:
    """Its text and address, if the system supports sharing."""
    play, kitchen, _ = make_play()
    page = await open_page(play)
    await page.get_by_role("link", name="The kitchen").click()
    line = page.locator(".line").last
    await line.hover()
    await line.get_by_role("button", name="More", exact=True).click()
    await expect(page.get_by_role("menuitem", name="Copy link")).to_be_visible()
    share = page.get_by_role("menuitem", name="Share")
    await expect(share).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.evaluate("navigator.share = async what => { window.shared = what }")
    await line.hover()
    await line.get_by_role("button", name="More", exact=True).click()
    await share.click()
    assert await page.evaluate("window.shared") == {
        "title": "The kitchen", "text": "There is cake",
        "url": f"{page.url.partition('#')[0]}#{kitchen}/2",
    }  # fmt: skip
