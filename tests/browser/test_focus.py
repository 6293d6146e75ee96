"""Where the focus goes when what has it disappears."""

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import Play

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_focus_stays_in_the_page_when_a_chat_with_its_panel_is_gone(
    open_page: OpenPage,
) -> None:
    """As without the panel, it goes to the list of chats."""
    play = Play()
    chat = play.start("Kitchen", "ann", by="bob")
    page = await open_page(play)
    await page.get_by_role("link", name="Kitchen").click()
    await page.locator(".bar h1 button").click()
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    play.tell(chat, "participant.removed", "bob", minutes=130, users=[play.ids["ann"]])
    await expect(page.locator(".panel")).to_be_hidden()
    await expect(page.get_by_role("button", name="Find or search")).to_be_focused()


async def test_the_focus_stays_in_the_page_of_somebody_who_leaves(open_page: OpenPage) -> None:
    """Even if the chat is gone before the answer is there, while the button is disabled."""
    play = Play()
    chat = play.start("Kitchen", "ann", by="bob")
    page = await open_page(play, service_workers="block")

    async def leave(route: Route) -> None:
        play.tell(chat, "participant.removed", "ann", minutes=130, users=[play.ids["ann"]])
        await expect(page.locator(".panel")).to_be_hidden()
        await route.fulfill(json={"message": "Participant removed successfully"})

    await page.route("**/participant/*", leave)
    await page.get_by_role("link", name="Kitchen").click()
    await page.locator(".bar h1 button").click()
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_role("button", name="Leave this chat").press("Enter")
    await page.get_by_role("button", name="Leave", exact=True).press("Enter")
    await expect(page.get_by_role("button", name="Find or search")).to_be_focused()


async def test_whoever_removes_a_person_goes_on_beside_them(open_page: OpenPage) -> None:
    """Also if the person is gone from the list before the answer is there."""
    play = Play()
    chat = play.start("Kitchen", "bob", "cleo", "dan")
    page = await open_page(play, service_workers="block")

    async def remove(route: Route) -> None:
        users = [play.ids["cleo"]]
        play.tell(chat, "participant.removed", "ann", minutes=130, users=users)
        await expect(page.locator(".person-row")).to_have_count(3)
        await route.fulfill(json={"message": "Participant removed successfully"})

    await page.route("**/participant/*", remove)
    await page.get_by_role("link", name="Kitchen").click()
    await page.locator(".bar h1 button").click()
    await page.get_by_role("button", name="More about cleo").press("Enter")
    await page.get_by_role("menuitem", name="Remove from this chat").press("Enter")
    await expect(page.get_by_role("button", name="More about dan")).to_be_focused()
