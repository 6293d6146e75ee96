"""Two users in two windows of the real page on the real system."""

import re
from contextlib import suppress

import pytest
from playwright.async_api import expect

from tests.browser.company import two
from tests.browser.conftest import OpenWindow
from tests.fixtures.hubbub import Hubbub

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_two_windows_show_the_same_lines(enter: OpenWindow) -> None:
    """Each message appears in both, in one order, and never twice. A typing user is named, until
    the message arrives."""
    ann, bob = await two(enter, "Summer party")
    for number in range(5):
        await ann.write(f"ann {number}")
        await bob.write(f"bob {number}")
    await expect(ann.log.locator(".text")).to_have_count(10)
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await bob.expect_lines(*await ann.lines())
    assert [line for line in await bob.lines() if line.startswith("ann")] == [
        f"ann {number}" for number in range(5)
    ]
    typing = ann.page.get_by_text(f"{bob.name} is typing")
    for _ in range(10):  # it is shown for five seconds: a busy window may miss it
        await bob.composer.press_sequentially("hel")
        with suppress(AssertionError):
            await expect(typing).to_be_visible(timeout=4_000)
            break
    else:
        pytest.fail("Nobody was seen typing.")
    await bob.composer.press("Enter")
    await expect(typing).to_have_count(0)


async def test_lines_outlive_the_death_of_any_tier(system: Hubbub, enter: OpenWindow) -> None:
    """kill -9 of one role after the other while two users write: both see every message, once."""
    ann, bob = await two(enter, "Weather")
    written = []
    for role in ("realtime", "chats", "valkey", "balancer", "edge", "postgres"):
        old = system.kill(role)
        for window, name in ((ann, "ann"), (bob, "bob")):
            for number in range(2):
                written.append(f"{name} {role} {number}")
                await window.write(written[-1])
        await expect(ann.log.locator(".text")).to_have_count(len(written))
        await expect(ann.log.locator(".pending, .failed")).to_have_count(0)
        await system.until_replaced(old)
        await expect(ann.state).to_have_text("live")
    await expect(bob.log.locator(".pending, .failed")).to_have_count(0)
    lines = await ann.lines()
    await bob.expect_lines(*lines)
    for name in ("ann", "bob"):
        assert [line for line in lines if line.startswith(name)] == [
            line for line in written if line.startswith(name)
        ]


async def test_what_is_unsent_survives_a_reload(system: Hubbub, enter: OpenWindow) -> None:
    """A message written offline is sent once by the reloaded page, in order."""
    ann, bob = await two(enter, "Reload")
    old = system.kill("realtime")
    for number in range(3):
        await ann.write(f"line {number}")
    await ann.page.reload()
    await bob.expect_lines("line 0", "line 1", "line 2")
    await ann.expect_lines("line 0", "line 1", "line 2")
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await system.until_replaced(old)


async def test_a_refused_message_says_why_and_can_be_tried_or_deleted(
    enter: OpenWindow,
) -> None:
    """A message that the server refuses stays with a reason, Try again and Delete; later ones
    overtake it."""
    ann = await enter()
    await ann.start_chat("Alone")
    await ann.write("nul \0 inside")
    failed = ann.log.locator(".failed")
    await expect(failed.get_by_role("alert")).to_contain_text("Not sent:")
    await expect(failed).to_contain_text("it contains a character that cannot be stored.")
    await ann.write("next")
    await expect(ann.log.locator(".line:not(.pending):not(.failed) .text")).to_have_text("next")
    await failed.get_by_role("button", name="Try again").press("Enter")
    await expect(ann.composer).to_be_focused()
    await expect(failed).to_contain_text("Not sent:")
    # In one step: a retried message may be redrawn between the focus and a key.
    delete = failed.get_by_role("button", name="Delete")
    await delete.evaluate("button => { button.focus(); button.click(); }")
    await expect(failed).to_have_count(0)
    await expect(ann.composer).to_be_focused()
    await ann.page.reload()
    await ann.expect_lines("next")


async def test_unread_messages_are_counted_and_marked(enter: OpenWindow) -> None:
    """A chat that is not open shows its number of unread messages, and opens with a line above the
    first of them."""
    ann, bob = await two(enter)
    await ann.start_chat("One", bob.name)
    await ann.start_chat("Other", bob.name)
    await bob.open_chat("One")
    await bob.write("read already")
    await bob.open_chat("Other")
    await ann.open_chat("One")
    await ann.expect_lines("read already")
    await ann.write("new 1")
    await ann.write("new 2")
    entry = bob.page.get_by_role("link", name="One")
    await expect(entry).to_contain_text("Unread: 2")
    await expect(bob.page).to_have_title(re.compile(r"^\(2\) Other . Hubbub$"))
    await bob.open_chat("One")
    await expect(bob.log.get_by_text("New", exact=True)).to_be_visible()
    await bob.expect_lines("read already", "new 1", "new 2")
    await expect(entry.locator(".badge")).to_have_count(0)
    rows = await bob.log.locator("li:not(.day):not(.note)").all_inner_texts()
    assert [row.splitlines()[-1] for row in rows] == ["read already", "New", "new 1", "new 2"]


async def test_drafts_stay_with_their_chat(enter: OpenWindow) -> None:
    """A draft is restored after a visit to another chat and after a reload."""
    ann = await enter()
    await ann.start_chat("One")
    await ann.composer.fill("could you look at")
    await ann.start_chat("Other")
    await expect(ann.composer).to_have_value("")
    entry = ann.page.get_by_role("link", name="One")
    await expect(entry).to_contain_text("Draft: could you look at")
    await ann.composer.fill("written a moment before")
    await ann.page.reload()
    await expect(ann.composer).to_have_value("written a moment before")
    await entry.click()
    await expect(ann.composer).to_have_value("could you look at")


async def test_enter_that_ends_a_composition_sends_nothing(enter: OpenWindow) -> None:
    """With an input method Enter accepts a suggestion. In Safari only the key's code shows that,
    since the composition has already ended."""
    ann = await enter()
    await ann.start_chat("Kanji")
    await ann.composer.fill("\u6f22\u5b57")
    init = {"key": "Enter", "keyCode": 229, "bubbles": True, "cancelable": True}
    await ann.composer.dispatch_event("keydown", init)
    await expect(ann.composer).to_have_value("\u6f22\u5b57")
    await ann.composer.press("Enter")
    await ann.expect_lines("\u6f22\u5b57")


async def test_a_key_that_is_held_confirms_nothing(enter: OpenWindow) -> None:
    """A command's warning must be read: holding down Enter does not send it again."""
    ann = await enter()
    await ann.start_chat("Stay")
    await ann.composer.fill("/leave ")
    await ann.page.keyboard.down("Enter")
    await expect(ann.page.get_by_text("Send it again to leave this chat.")).to_be_visible()
    await ann.page.keyboard.down("Enter")
    await ann.page.keyboard.up("Enter")
    await expect(ann.composer).to_have_value("/leave ")
    await ann.page.keyboard.press("Enter")
    await expect(ann.page.get_by_text("You left the chat")).to_be_visible()
