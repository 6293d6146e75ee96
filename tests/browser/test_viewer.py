"""Pictures at full size; on a stage."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.accessibility import check
from tests.browser.conftest import OpenPage
from tests.browser.test_files import enter_party, party, picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def enter_exhibition(open_page: OpenPage) -> Page:
    """The party's chat with two pictures."""
    play, chat = party()
    for number in range(2):
        file = f"019a0000-0000-7000-8000-00000000000{number}"
        info = play.files.upload(file, f"{number}.png", "k", picture(900, 600))
        assert info
        play.say(chat, "bob", "", attachments=[info[1]["file"]])
    return await enter_party(open_page, play)


async def test_a_picture_is_looked_at_by_keys(open_page: OpenPage) -> None:
    """Full-page, to the next and back, larger and smaller, closed by Escape."""
    page = await enter_exhibition(open_page)
    button = page.get_by_role("button", name="Picture 0.png")
    await button.click()
    viewer = page.locator("dialog.viewer")
    await expect(viewer).to_contain_text("1 of 2")
    await page.wait_for_function("() => document.querySelector('.viewer img').naturalWidth === 900")
    await check(page, "viewer")
    await page.keyboard.press("ArrowRight")
    await expect(viewer).to_contain_text("2 of 2")
    await page.keyboard.press("+")
    assert "scale(1.5)" in str(await viewer.locator("img").get_attribute("style"))
    await page.keyboard.press("ArrowLeft")
    await expect(viewer).to_contain_text("1 of 2")
    assert "scale(1)" in str(await viewer.locator("img").get_attribute("style"))
    await page.keyboard.press("Escape")
    await expect(viewer).to_have_count(0)
    await expect(button).to_be_focused()


async def test_keys_work_after_a_button_has_led_to_the_last_picture(open_page: OpenPage) -> None:
    """That button is disabled; the other one has the focus."""
    page = await enter_exhibition(open_page)
    await page.get_by_role("button", name="Picture 0.png").click()
    viewer = page.locator("dialog.viewer")
    await viewer.get_by_role("button", name="Next picture").click()
    await expect(viewer).to_contain_text("2 of 2")
    await expect(viewer.get_by_role("button", name="Picture before")).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(viewer).to_contain_text("1 of 2")
    await page.keyboard.press("ArrowRight")
    await expect(viewer).to_contain_text("2 of 2")
