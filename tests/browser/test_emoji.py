"""Emoji in a text: from the picker, and by their names."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import party

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def hold_names(page: Page) -> asyncio.Event:
    """The names of emoji do not come before this is set."""
    come = asyncio.Event()

    async def wait(route: Route) -> None:
        await come.wait()
        await route.continue_()

    await page.route("**/emoji-names.txt*", wait)
    return come


async def test_enter_waits_for_the_names_of_emoji(open_page: OpenPage) -> None:
    """The one that the text finds is picked, not the first that is shown meanwhile; pressing Enter
    again picks no second one."""
    play, _ = party()
    page = await open_page(play, service_workers="block")
    await page.get_by_role("link", name="Party").click()
    names_come = await hold_names(page)
    await page.get_by_role("button", name="Emoji", exact=True).click()
    field = page.get_by_role("textbox", name="Find an emoji")
    await field.press_sequentially("broken heart")
    await field.press("Enter")
    await field.press("Enter")
    await expect(field).to_be_visible()
    names_come.set()
    await expect(field).to_have_count(0)
    await expect(page.locator(".write textarea")).to_have_value("💔")


async def test_arrows_go_through_the_rows_of_emoji(open_page: OpenPage) -> None:
    """From the field into the grid and back, by rows and along a row."""
    play, _ = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.get_by_role("button", name="Emoji", exact=True).click()
    field = page.get_by_role("textbox", name="Find an emoji")
    emoji = page.locator(".emoji-grid > *")
    await expect(field).to_be_focused()
    await expect(emoji.first).to_be_visible()
    steps = (("Down", 0), ("Right", 1), ("Down", 8), ("Left", 7), ("Up", 0))
    for step, place in steps:
        await page.keyboard.press(f"Arrow{step}")
        await expect(emoji.nth(place)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(field).to_be_focused()


async def test_the_name_of_an_emoji_between_colons_becomes_it(open_page: OpenPage) -> None:
    """Also if more is typed before the names have come; other words stay, and so do code and a word
    whose emoji is undone."""
    play, _ = party()
    page = await open_page(play, service_workers="block")
    names_come = await hold_names(page)
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".completion")).to_have_count(1)
    field = page.locator(".write textarea")
    await field.press_sequentially("great :tada: and")
    await expect(field).to_have_value("great :tada: and")
    names_come.set()
    await expect(field).to_have_value("great 🎉 and")
    await page.keyboard.type(" :no_such: 10:30: :Broken_heart:")
    await expect(field).to_have_value("great 🎉 and :no_such: 10:30: 💔")
    await page.keyboard.press("Control+z")
    await expect(field).to_have_value("great 🎉 and :no_such: 10:30: :Broken_heart:")
    for code in ("`see :100: ", "```\nsee :100: ", "rows[:100:2]"):
        await field.fill("")
        for line in code.splitlines(keepends=True):
            await field.press_sequentially(line.rstrip("\n"))
            if line.endswith("\n"):
                await page.keyboard.press("Shift+Enter")
        await field.press_sequentially("and")
        await page.wait_for_function("() => new Promise(done => setTimeout(done))")
        await expect(field).to_have_value(f"{code}and")
