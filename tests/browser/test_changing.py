"""Messages are edited, deleted, answered and reacted to, in two windows of the real page."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.company import HOLDING, bending_calls, id_of, one_person, two
from tests.browser.conftest import OpenWindow
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")


def reaction(window: Window, text: str, emoji: str) -> Locator:
    return window.line(text).get_by_role("button", name=re.compile(f"^{emoji} "))


async def test_the_last_own_message_is_edited_with_the_arrow(enter: OpenWindow) -> None:
    """Arrow up, another text, Enter: both see it at once, and that it was edited. Escape leaves
    everything as it was, including a draft."""
    ann, bob = await two(enter, "Editing")
    await ann.write("helo there")
    await bob.write("hi")
    await expect(ann.log.locator(".text")).to_have_count(2)
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.composer.press("ArrowUp")
    await expect(ann.composer).to_have_value("helo there")
    await ann.composer.fill("nonsense")
    await ann.composer.press("Escape")
    await expect(ann.composer).to_have_value("")
    await ann.composer.press("ArrowUp")
    await ann.composer.fill("hello there")
    await ann.composer.press("Enter")
    for window in (ann, bob):
        await expect(window.log.locator(".text").first).to_have_text(
            re.compile(r"^hello there \(edited\)")
        )
    await expect(bob.log.locator(".edited")).to_have_attribute("title", re.compile("Edited "))
    await ann.page.reload()
    await expect(ann.log.locator(".text").first).to_contain_text("hello there (edited)")


async def test_an_edit_is_there_again_after_another_chat(enter: OpenWindow) -> None:
    """Also after a jump within its chat; the draft of each chat stays separate."""
    ann = await enter()
    await ann.start_chat("Other")
    await ann.start_chat("Editing")
    await ann.write("the table")
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.composer.fill("half a sentence")
    await ann.act_on("the table", "Edit")
    await ann.composer.fill("the table and eight chairs")
    await ann.open_chat("Other")
    await expect(ann.composer).to_have_value("")
    await ann.composer.fill("hello")
    await ann.open_chat("Editing")
    await expect(ann.composer).to_have_value("the table and eight chairs")
    await ann.find("table", "Messages")
    await expect(ann.page.locator(".found")).to_have_count(1)
    await expect(ann.composer).to_have_value("the table and eight chairs")
    await ann.composer.press("Enter")
    await expect(ann.line("the table and eight chairs (edited)")).to_have_count(1)
    await expect(ann.composer).to_have_value("half a sentence")
    await ann.open_chat("Other")
    await expect(ann.composer).to_have_value("hello")


async def test_an_edit_is_there_again_after_a_reload(enter: OpenWindow) -> None:
    """So is the draft below it; if the message was deleted meanwhile, both become one draft."""
    ann = await enter()
    async with one_person(ann) as bob:
        chat = await bob.create_chat("Editing", await id_of(bob, ann))
        path = f"/api/chat/{chat}/message"
        await ann.open_chat("Editing")
        await ann.write("the table")
        await expect(ann.log.locator(".pending")).to_have_count(0)
        await ann.composer.fill("half a sentence")
        await ann.act_on("the table", "Edit")
        await ann.composer.fill("the table and eight chairs")
        await ann.page.reload()
        await expect(ann.composer).to_have_value("the table and eight chairs")
        await ann.composer.press("Enter")
        await expect(ann.line("the table and eight chairs (edited)")).to_have_count(1)
        await expect(ann.composer).to_have_value("half a sentence")
        await ann.act_on("the table", "Edit")
        await ann.composer.fill("the bench")
        await ann.page.goto("about:blank")
        [newest] = (await bob.ask("GET", f"{path}?limit=1")).body["messages"]
        assert (await bob.ask("DELETE", f"{path}/{newest['messageId']}")).status == 200
        await ann.page.goto(f"{ann.origin}/#{chat}")
        await expect(ann.composer).to_have_value("half a sentence\nthe bench")
        await expect(ann.button("Send")).to_be_visible()


async def test_a_text_outlives_the_message_that_it_was_for(enter: OpenWindow) -> None:
    """If the message is deleted, an edit or reply in progress becomes a new message."""
    ann, bob = await two(enter, "Vanishing")
    for text in ("the table", "the chairs"):
        await bob.write(text)
    await expect(ann.log.locator(".text")).to_have_count(2)
    await bob.act_on("the table", "Edit")
    await bob.composer.fill("the table and the bench")
    await ann.act_on("the table", "Delete")
    await expect(bob.page.get_by_text("you were editing was deleted")).to_be_visible()
    await expect(bob.button("Send")).to_be_visible()
    await bob.composer.press("Enter")
    await expect(ann.line("the table and the bench")).to_have_count(1)
    await bob.act_on("the chairs", "Reply")
    await bob.composer.fill("which colour?")
    await ann.act_on("the chairs", "Delete")
    await expect(bob.page.get_by_text("you were answering was deleted")).to_be_visible()
    await expect(bob.page.locator(".replying")).to_be_hidden()
    await bob.composer.press("Enter")
    await expect(ann.line("which colour?")).to_have_count(1)


async def test_a_text_outlives_its_message_also_from_another_chat(enter: OpenWindow) -> None:
    """In a chat that is not open at the time, it becomes a draft."""
    ann = await enter()
    await ann.start_chat("Other")
    async with one_person(ann) as bob:
        chat = await bob.create_chat("Vanishing", await id_of(bob, ann))
        path = f"/api/chat/{chat}/message"
        await ann.open_chat("Vanishing")
        row = ann.page.get_by_role("link", name="Vanishing")
        await ann.write("the table")
        await expect(ann.log.locator(".pending")).to_have_count(0)
        for text, choice in (("the table", "Edit"), ("the chairs", "Reply")):
            await ann.act_on(text, choice)
            await ann.composer.fill(f"{text} and more")
            await ann.open_chat("Other")
            [newest] = (await bob.ask("GET", f"{path}?limit=1")).body["messages"]
            assert (await bob.ask("DELETE", f"{path}/{newest['messageId']}")).status == 200
            await expect(row).to_contain_text(f"Draft: {text} and more")
            await bob.post(chat, "the chairs")
            await ann.open_chat("Vanishing")
            await expect(ann.composer).to_have_value(f"{text} and more")
            await expect(ann.page.locator(".replying")).to_be_hidden()
            await expect(ann.button("Send")).to_be_visible()


async def delete(window: Window, text: str) -> None:
    """Returns when the server has deleted it, five seconds later."""
    async with window.page.expect_response(
        lambda answer: answer.request.method == "DELETE" and answer.ok
    ):
        await window.act_on(text, "Delete")
    await expect(window.page.get_by_text("Undo")).to_have_count(0)


async def test_an_edit_of_what_is_deleted_says_so(enter: OpenWindow) -> None:
    """If the editor was offline when it was deleted."""
    ann, bob = await two(enter, "Vanishing")
    await bob.write("the table")
    await expect(ann.log.locator(".text")).to_have_count(1)
    await expect(bob.page.locator(".completion")).to_have_count(1)  # the menus have loaded
    await bob.page.context.set_offline(True)
    await bob.act_on("the table", "Edit")
    await bob.composer.fill("the bench")
    await bob.composer.press("Enter")
    await delete(ann, "the table")
    await bob.page.context.set_offline(False)
    failed = bob.log.locator(".failed")
    await expect(failed).to_contain_text("Not changed: the message was deleted.")
    await expect(failed.get_by_role("button", name="Try again")).to_have_count(0)
    await failed.get_by_role("button", name="Discard the change").click()
    await expect(failed).to_have_count(0)


async def test_an_answer_to_what_is_deleted_can_go_without_its_quote(enter: OpenWindow) -> None:
    """If the author was offline when it was deleted: the reply is refused once, and kept over a
    reload."""
    ann, bob = await two(enter, "Vanishing")
    await bob.write("the table")
    await expect(ann.log.locator(".text")).to_have_count(1)
    await expect(bob.page.locator(".completion")).to_have_count(1)  # the menus have loaded
    await bob.page.context.set_offline(True)
    await bob.act_on("the table", "Reply")
    await bob.write("I have one")
    await delete(ann, "the table")
    await bob.page.context.set_offline(False)
    failed = bob.log.locator(".failed")
    await expect(failed).to_contain_text("Not sent: the message it answers was deleted.")
    await bob.page.reload()
    await expect(failed).to_contain_text("I have one")
    await failed.get_by_role("button", name="Send without the quote").click()
    await expect(failed).to_have_count(0)
    for window in (ann, bob):
        await window.expect_lines("This message was deleted", "I have one")
        await expect(window.log.locator(".quoted")).to_have_count(0)


async def test_a_deletion_can_be_taken_back_for_five_seconds(enter: OpenWindow) -> None:
    """Undo restores the text before others notice; without it the text is gone for both."""
    ann, bob = await two(enter, "Deleting")
    await ann.write("to be kept")
    await ann.write("to be forgotten")
    await expect(bob.log.locator(".text")).to_have_count(2)
    await ann.act_on("to be kept", "Delete")
    await expect(ann.log.locator(".gone")).to_have_count(1)
    await ann.button("Undo").click()
    await expect(ann.log.locator(".gone")).to_have_count(0)
    await ann.act_on("to be forgotten", "Delete")
    for window in (ann, bob):
        await window.expect_lines("to be kept", "This message was deleted")
    await bob.page.reload()
    await bob.expect_lines("to be kept", "This message was deleted")


async def test_a_deletion_is_made_when_its_page_closes(enter: OpenWindow) -> None:
    """Even within the seconds in which it could be undone; nobody has to come back for it."""
    ann, bob = await two(enter, "Deleting")
    await ann.write("to be forgotten")
    await bob.expect_lines("to be forgotten")
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.act_on("to be forgotten", "Delete")
    await expect(ann.button("Undo")).to_be_visible()
    await ann.page.close()
    await bob.expect_lines("This message was deleted")


async def test_a_reaction_is_one_tap(enter: OpenWindow) -> None:
    """From the menu, by name from the picker, or on an existing reaction; a second tap removes
    it."""
    ann, bob = await two(enter, "Reacting")
    await ann.write("the garden is ours")
    await bob.react("the garden", "👍")
    await expect(reaction(ann, "the garden", "👍")).to_have_text("👍1")
    await reaction(ann, "the garden", "👍").click()
    for window in (ann, bob):
        await expect(reaction(window, "the garden", "👍")).to_have_text("👍2")
        await expect(reaction(window, "the garden", "👍")).to_have_attribute("aria-pressed", "true")
    await reaction(bob, "the garden", "👍").click()
    await expect(reaction(ann, "the garden", "👍")).to_have_text("👍1")
    await bob.line("the garden").get_by_role("button", name="Add a reaction").click()
    await bob.page.get_by_role("textbox", name="Find an emoji").fill("watermelon")
    await bob.page.get_by_role("button", name="watermelon").click()
    await expect(reaction(ann, "the garden", "🍉")).to_have_text("🍉1")


async def test_an_answer_leads_to_what_it_answers(enter: OpenWindow) -> None:
    """The quote is above the reply, leads to the message, and loses its text when that is
    deleted."""
    ann, bob = await two(enter, "Answering")
    await ann.write("who brings the table?")
    for number in range(30):
        await bob.write(f"something else {number}")
    await bob.log.evaluate("log => { log.scrollTop = 0; }")
    await bob.act_on("who brings", "Reply")
    await expect(bob.page.locator(".replying")).to_contain_text("who brings the table?")
    await bob.page.reload()
    await expect(bob.page.locator(".replying")).to_contain_text("who brings the table?")
    await bob.write("I do")
    quoted = ann.line("I do").locator(".quoted")
    await expect(quoted).to_contain_text("who brings the table?")
    await quoted.click()
    await expect(ann.line("who brings the table?").first).to_be_in_viewport()
    await ann.act_on("who brings the table?", "Delete")
    await expect(bob.line("I do").locator(".quoted")).to_have_text("Deleted message")


async def test_a_name_is_completed_and_stands_out_for_whom_it_means(
    enter: OpenWindow,
) -> None:
    """`@` and the beginning of a name is enough; the mention is highlighted for its user and not
    for others."""
    ann, bob = await two(enter, "Mentioning")
    await ann.composer.press_sequentially(f"dear @{bob.name[:4]}")
    await expect(ann.page.get_by_role("option", name=bob.name)).to_be_visible()
    await ann.composer.press("Tab")
    await expect(ann.composer).to_have_value(f"dear @{bob.name} ")
    await ann.composer.press_sequentially("look :waterme")
    await expect(ann.page.get_by_role("option", name="watermelon")).to_be_visible()
    await ann.composer.press("Enter")
    await ann.composer.press("Enter")
    await expect(bob.log.locator(".for-me .at.me")).to_have_text(f"@{bob.name}")
    await expect(bob.log.locator(".text")).to_contain_text("🍉")
    await expect(ann.log.locator(".at")).to_have_text(f"@{bob.name}")
    await expect(ann.log.locator(".for-me")).to_have_count(0)


async def test_a_name_that_is_not_known_yet_is_mentioned(enter: OpenWindow) -> None:
    """A pasted text, or one typed faster than the names of the chat arrive, waits for them in its
    place."""
    ann = await enter()
    async with one_person(ann) as bob:
        await ann.page.evaluate(bending_calls("api.user[?]", HOLDING))
        chat = await bob.create_chat("Mentioning", await id_of(bob, ann))
        await ann.open_chat("Mentioning")
        await ann.write(f"@{bob.username} look at this")
        await ann.write("and at that")
        await expect(ann.log.locator(".pending")).to_have_count(2)
        await ann.page.evaluate("held.resolve()")
        await expect(ann.log.locator(".at")).to_have_text(f"@{bob.username}")
        await expect(ann.log.locator(".pending")).to_have_count(0)
        found = (await bob.ask("GET", f"/api/chat/{chat}/message?limit=2")).body["messages"]
        assert [one["message"] for one in found] == ["and at that", f"@{bob.username} look at this"]
        assert [one.get("mentions", []) for one in found] == [[], [bob.id]]


async def test_every_change_waits_for_the_network_and_survives_a_reload(
    enter: OpenWindow,
) -> None:
    """Edits, reactions, replies and deletions made offline are visible at once, and arrive in order
    after a reload."""
    ann, bob = await two(enter, "Offline")
    for text in ("one", "two", "three"):
        await ann.write(text)
    await expect(bob.log.locator(".text")).to_have_count(3)
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await expect(ann.page.locator(".completion")).to_have_count(1)  # the menus have loaded
    await ann.page.context.set_offline(True)
    await expect(ann.state).to_contain_text("offline since")
    await ann.composer.press("ArrowUp")
    await ann.composer.fill("three, edited")
    await ann.composer.press("Enter")
    await ann.react("two", "🎉")
    await ann.act_on("two", "Reply")
    await ann.write("four")
    await ann.act_on("one", "Delete")
    shown = ["This message was deleted", "two", "three, edited (edited)", "four"]
    await expect(ann.log.locator(".text")).to_contain_text(shown)
    await expect(reaction(ann, "two", "🎉")).to_have_text("🎉1")
    await ann.page.context.set_offline(False)
    await ann.page.reload()
    for window in (ann, bob):
        await expect(window.log.locator(".text")).to_contain_text(shown)
        await expect(reaction(window, "two", "🎉").first).to_have_text("🎉1")
    await expect(ann.log.locator(".pending, .failed")).to_have_count(0)
    await expect(bob.line("four").locator(".quoted")).to_contain_text("two")


async def test_what_others_change_meanwhile_is_there_after_coming_back(
    enter: OpenWindow,
) -> None:
    """Edits, reactions and deletions made while a window was away are in its history."""
    ann = await enter()
    async with one_person(ann) as bob:
        chat = await bob.create_chat("Away", await id_of(bob, ann))
        await ann.open_chat("Away")
        ids = []
        for text in ("a", "b", "c"):
            sent = await bob.ask("POST", f"/api/chat/{chat}/message", {"message": text})
            ids.append(sent.body["messageInfo"]["messageId"])
        await ann.expect_lines("a", "b", "c")
        await ann.page.context.set_offline(True)
        await expect(ann.state).to_contain_text("offline since")
        path = f"/api/chat/{chat}/message"
        await bob.ask("PATCH", f"{path}/{ids[0]}", {"message": "a2"})
        await bob.ask("PUT", f"{path}/{ids[1]}/reaction/%F0%9F%91%8D")
        await bob.ask("DELETE", f"{path}/{ids[2]}")
        await ann.page.context.set_offline(False)
    await expect(ann.log.locator(".text")).to_contain_text(
        ["a2 (edited)", "b", "This message was deleted"]
    )
    await expect(reaction(ann, "b", "👍")).to_have_text("👍1")


async def test_names_of_emoji_that_did_not_come_are_asked_for_again(enter: OpenWindow) -> None:
    """A failed answer is not kept as the table of names: the next search requests it again."""
    ann = await enter(service_workers="block")
    await ann.start_chat("Party")
    refusal = {"status": 503, "content_type": "application/problem+json", "body": "{}"}
    table = re.compile("emoji-names")
    async with ann.page.expect_response(table):
        await ann.page.route(table, lambda route: route.fulfill(**refusal), times=2)
        await ann.composer.press_sequentially(":wa")
    await ann.button("Emoji").click()
    field = ann.page.get_by_role("textbox", name="Find an emoji")
    async with ann.page.expect_response(table):
        await field.fill("w")
    await expect(ann.page.get_by_text("Hubbub cannot be reached.")).to_be_visible()
    await field.fill("watermelon")
    await expect(ann.button("watermelon")).to_be_visible()
