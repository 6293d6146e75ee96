"""Files of the next message while an earlier message is edited, or the script for files has not
loaded; on a stage."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import NewContext, OpenPage
from tests.browser.stage import Play, Stage
from tests.browser.test_files import PASTE, enter_party, party

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_file_that_is_chosen_during_an_edit_is_for_the_next_message(
    open_page: OpenPage,
) -> None:
    """An edit cannot add files, and the page says so once, until the edit is saved or cancelled."""
    play, chat = party()
    play.say(chat, "ann", "Here they are")
    page = await enter_party(open_page, play)
    field, said = page.locator(".write textarea"), page.get_by_text("go with your next message")
    await field.press("ArrowUp")
    await expect(field).to_have_value("Here they are")
    await expect(said).to_have_count(0)
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    await expect(said).to_be_visible()
    await expect(page.get_by_role("button", name="Remove notes.bin")).to_be_visible()
    await said.evaluate(
        "node => new MutationObserver(() => { window.saidAgain = true; })"
        ".observe(node, { childList: true })"
    )
    await field.fill("Here they are all")
    await expect(said).to_be_visible()
    assert not await page.evaluate("window.saidAgain")
    await field.press("Enter")
    await expect(page.get_by_text("Here they are all (edited)")).to_be_visible()
    await expect(said).to_have_count(0)
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".line").last).to_contain_text("notes.bin")


async def test_a_message_goes_with_its_file_while_another_one_is_edited(
    open_page: OpenPage,
) -> None:
    """The edit stays as it is until its user saves it, and then the field is empty."""
    play, chat = party()
    play.say(chat, "ann", "Here they are")
    page = await enter_party(open_page, play, service_workers="block")
    may_arrive = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_arrive.wait()
        await route.continue_()

    await page.route("**/file?name=*", hold)
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    await expect(page.get_by_role("list", name="Files")).to_contain_text("notes.bin")
    field = page.locator(".write textarea")
    await field.press("Enter")
    await expect(page.get_by_text("It will be sent once its files")).to_be_visible()
    await field.press("ArrowUp")
    await expect(field).to_have_value("Here they are")
    await field.press("End")
    await field.press_sequentially(" a")
    await expect(page.get_by_text("It will be sent once its files")).to_be_visible()
    may_arrive.set()
    await expect(page.locator(".line").last).to_contain_text("notes.bin")
    await expect(field).to_have_value("Here they are a")
    await field.press_sequentially("ll")
    await field.press("Enter")
    await expect(page.get_by_text("Here they are all (edited)")).to_be_visible()
    await expect(field).to_have_value("")


async def enter_early(
    new_context: NewContext, stage: Stage, play: Play, may_load: asyncio.Event
) -> Page:
    """The page with the party's chat open; its later script comes once it may."""
    context = await new_context(service_workers="block")

    async def hold(route: Route) -> None:
        await may_load.wait()
        await route.continue_()

    await context.route("**/later.js*", hold)
    page = await stage.enter(context, play)
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".line")).not_to_have_count(0)
    return page


async def test_a_message_does_not_go_without_a_file_that_was_pasted_early(
    new_context: NewContext, stage: Stage
) -> None:
    """Before the script for files has loaded: it is asked to be sent again, and then has the
    file."""
    play, _ = party()
    may_load = asyncio.Event()
    page = await enter_early(new_context, stage, play, may_load)
    field = page.locator(".write textarea")
    await field.fill("Here it is")
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    await field.press("Enter")
    await expect(page.get_by_text("Files are still loading.")).to_be_visible()
    await expect(field).to_have_value("Here it is")
    may_load.set()
    await expect(page.get_by_role("button", name="Remove notes.bin")).to_be_visible()
    await field.press("Enter")
    last = page.locator(".line").last
    await expect(last).to_contain_text("Here it is")
    await expect(last).to_contain_text("notes.bin")


async def test_a_file_that_was_pasted_early_stays_with_its_chat(
    new_context: NewContext, stage: Stage
) -> None:
    """Even if another one is open by the time the script for files has loaded. That one does not
    wait for it."""
    play, _ = party()
    play.say(play.start("Other", "bob"), "bob", "elsewhere")
    may_load = asyncio.Event()
    page = await enter_early(new_context, stage, play, may_load)
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    await page.get_by_role("link", name="Other").click()
    await expect(page.get_by_text("elsewhere", exact=True)).to_be_visible()
    await page.locator(".write textarea").fill("Here I am")
    await page.locator(".write textarea").press("Enter")
    await expect(page.locator(".line").last).to_contain_text("Here I am")
    may_load.set()
    await expect(page.get_by_role("link", name="Party")).to_contain_text("Draft: notes.bin")
    await expect(page.get_by_role("list", name="Files")).to_have_count(0)
    await page.get_by_role("link", name="Party").click()
    await expect(page.get_by_role("list", name="Files")).to_contain_text("notes.bin")
