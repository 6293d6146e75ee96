"""What a screen reader says by itself: what has just come, once, and nothing else."""

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import party

pytestmark = pytest.mark.asyncio(loop_scope="session")

SPOKEN = """log => {
    window.spoken = [];
    const isSilent = node => node.closest?.('[aria-live=off], [aria-busy=true]');
    new MutationObserver(all => {
        for (const { target, addedNodes } of all)
            for (const node of isSilent(target) ? [] : addedNodes)
                if (!isSilent(node) && node.textContent) window.spoken.push(node.textContent);
    }).observe(log, { childList: true, subtree: true });
}"""


async def test_a_line_is_announced_once(open_page: OpenPage) -> None:
    """When it comes; not again for a reaction, an edit, a deletion, or its author's new name."""
    play, chat = party()
    said = play.say(chat, "bob", "Who comes?")
    play.read_all()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    log, author = page.get_by_role("log"), page.locator(".author").first
    await expect(page.locator(".line")).to_contain_text("Who comes?")
    await expect(log).not_to_have_attribute("aria-busy", "true")
    await log.evaluate(SPOKEN)
    news = play.say(chat, "bob", "Cleo does.", minutes=101)
    await page.wait_for_function("() => window.spoken.length === 1")
    assert "Cleo does." in await page.evaluate("window.spoken.pop()")
    for of in (said, news):
        play.change("reaction.added", of, "cleo", emoji="🎉")
        await expect(page.locator(".reaction").first).to_be_visible()
        play.change("message.edited", of, "bob", message="Never mind")
        await expect(log.get_by_text("Never mind")).to_be_visible()
        play.change("message.deleted", of, "bob")
        await expect(log.get_by_text("Never mind")).to_have_count(0)
    play.status.pop("bob")  # and with it the display name
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type("bob")  # the search brings the new one
    await expect(author).to_have_text("bob")
    assert await page.evaluate("window.spoken") == []


async def test_what_comes_late_is_not_announced(open_page: OpenPage) -> None:
    """The history of a chat that has been open for a while, on a slow network."""
    play, chat = party()
    play.say(chat, "bob", "Who comes?")
    play.read_all()
    page = await open_page(play, service_workers="block")
    may_come = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_come.wait()
        await route.continue_()

    await page.route(re.compile("/(events|message)[?]"), hold)
    await page.get_by_role("link", name="Party").click()
    log = page.get_by_role("log")
    await log.evaluate(SPOKEN)
    await expect(log).not_to_have_attribute("aria-busy", "true")
    may_come.set()
    await expect(page.locator(".line")).to_contain_text("Who comes?")
    assert await page.evaluate("window.spoken") == []


async def test_news_is_announced_while_the_past_fails_to_come(open_page: OpenPage) -> None:
    """A page of history that the server fails to return does not silence what comes then."""
    play, chat = party()
    for number in range(80):
        play.say(chat, "bob", f"line {number}")
    play.read_all()
    page = await open_page(play, service_workers="block")
    await page.route("**/message?*", lambda route: route.fulfill(status=500, json={}))
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".line").last).to_contain_text("line 79")
    log = page.get_by_role("log")
    await log.evaluate("log => { log.scrollTop = 0; }")
    await log.evaluate(SPOKEN)
    await expect(log).not_to_have_attribute("aria-busy", "true")
    async with page.expect_response("**/message?*"):
        pass  # it asks again and again
    play.say(chat, "bob", "Who comes?", minutes=101)
    await page.wait_for_function("() => window.spoken.join().includes('Who comes?')")
