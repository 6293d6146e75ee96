"""Several windows of one user, and a network that comes and goes."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.company import long_chat
from tests.browser.conftest import OpenWindow
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def second(window: Window) -> Window:
    """Another window of the same user in the same browser."""
    other = await Window.open(window.page.context, window.origin)
    other.name = window.name
    await expect(other.state).to_have_text("live")
    return other


async def test_drafts_are_shared_and_never_lost(enter: OpenWindow) -> None:
    """A draft in one window appears in the other, whichever of them opens another chat or
    closes."""
    ann = await enter()
    await ann.start_chat("One")
    other = await second(ann)
    async with long_chat(ann, 20) as (bob, chat):
        await ann.composer.fill("half a sentence")
        await expect(other.page.get_by_role("link", name="One")).to_contain_text("Draft: half a")
        await other.open_chat("Long")
        await expect(other.page.get_by_role("link", name="Long").locator(".badge")).to_have_count(0)
        await other.open_chat("One")
        await expect(other.composer).to_have_value("half a sentence")
        await other.composer.fill("a whole sentence")
        await expect(ann.composer).to_have_value("a whole sentence")
        await bob.post(chat, "more")
        await other.open_chat("Long")
    entry = ann.page.get_by_role("link", name="Long")
    await expect(entry).to_contain_text("more")
    await expect(entry.locator(".badge")).to_have_count(0)
    await ann.page.reload()
    await expect(ann.composer).to_have_value("a whole sentence")


async def test_an_answer_is_shared_until_it_is_sent(enter: OpenWindow) -> None:
    """A reply begun in one window appears in the other, which may send it; then it is in
    neither."""
    ann = await enter()
    await ann.start_chat("One")
    await ann.write("Who brings the lanterns?")
    other = await second(ann)
    await other.open_chat("One")
    await ann.act_on("lanterns", "Reply")
    await ann.composer.fill("I do")
    await expect(other.page.locator(".replying")).to_contain_text("lanterns")
    await expect(other.composer).to_have_value("I do")
    await other.composer.press("Enter")
    await expect(other.line("I do").locator(".quoted")).to_contain_text("lanterns")
    await expect(ann.page.locator(".replying")).to_be_hidden()
    await expect(ann.composer).to_have_value("")


async def test_what_one_window_could_not_send_the_other_one_sends(
    enter: OpenWindow,
) -> None:
    """Every window shows unsent messages, and a window that closes leaves them to another."""
    ann = await enter()
    await ann.start_chat("Shared")
    other = await second(ann)
    await other.open_chat("Shared")
    await ann.page.route_web_socket(re.compile("/ws$"), lambda socket: None)
    await ann.page.reload()  # in a network without answers
    await expect(ann.composer).to_be_visible()
    await ann.write("written without a connection")
    await expect(other.log.locator(".pending")).to_have_count(1)
    await ann.page.close()
    await other.expect_lines("written without a connection")
    await expect(other.log.locator(".pending")).to_have_count(0)


async def test_a_network_that_goes_is_said_and_one_that_comes_is_used(
    enter: OpenWindow,
) -> None:
    """Offline is shown within seconds, with the time of the next try; a returning network is used
    at once."""
    ann = await enter()
    await ann.start_chat("Moving")
    await ann.page.context.set_offline(True)
    await expect(ann.state).to_contain_text("offline since")
    await ann.write("kept")
    await expect(ann.log.locator(".pending")).to_contain_text("waits for the connection")
    banner = ann.page.locator(".banner")
    await expect(banner).to_contain_text(re.compile(r"Offline since .*\. (Next try in|Trying)"))
    await expect(ann.button("Try now")).to_be_visible()
    await ann.page.context.set_offline(False)
    await expect(ann.state).to_have_text("live", timeout=10_000)
    await expect(banner).to_be_hidden()
    await expect(ann.log.locator(".pending")).to_have_count(0)
