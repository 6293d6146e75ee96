"""Lines of the log that something happens to while somebody does something with them."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import Play

pytestmark = pytest.mark.asyncio(loop_scope="session")


def party() -> tuple[Play, str]:
    play = Play()
    chat = play.start("Party", "bob", "cleo")
    return play, chat


async def test_a_selection_outlives_the_connection(open_page: OpenPage) -> None:
    """What one is about to copy stays selected while the connection goes and comes back."""
    play, chat = party()
    play.say(chat, "bob", "The door code is 4711")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.locator(".text p").dblclick()
    selected = await page.evaluate("getSelection().toString()")
    assert selected
    await page.route_web_socket("**/ws", lambda socket: socket.close())
    await play.hang_up()
    await expect(page.locator(".live")).to_contain_text("offline")
    assert await page.evaluate("getSelection().toString()") == selected
