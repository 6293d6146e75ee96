"""Two users: their one direct chat, their display names, and their presence."""

import asyncio

import pytest
from playwright.async_api import FilePayload, Route, expect

from tests.browser.company import one_person, two
from tests.browser.conftest import OpenWindow
from tests.browser.test_files import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_direct_chat_begins_from_a_name_anywhere(enter: OpenWindow) -> None:
    """The panel, a message's author, a mention, a reaction and the finder all lead to the same
    chat."""
    ann, bob = await two(enter, "Kitchen")

    async def expect_their_chat() -> None:
        await ann.page.get_by_role("menuitem", name=f"Write to {bob.name}").click()
        await expect(ann.page.locator(".bar h1")).to_have_text(bob.name)

    await bob.write("There is cake")
    await ann.log.get_by_role("button", name=bob.name, exact=True).click()
    await expect_their_chat()
    await ann.open_chat("Kitchen")
    await ann.write(f"Thank you @{bob.name}!")
    await ann.log.get_by_role("button", name=f"@{bob.name}").click()
    await expect_their_chat()
    await bob.react("Thank you", "👍")
    await ann.open_chat("Kitchen")
    await expect(ann.line("Thank you").locator(".reaction").first).to_have_text("👍1")
    await ann.act_on("Thank you", "Who reacted")
    await ann.page.get_by_role("menuitem", name=bob.name, exact=True).click()
    await expect_their_chat()
    await ann.write("Is there any left?")
    await expect(ann.page.locator(".chats h2")).to_have_text(["Chats", "Direct"])
    entry = bob.page.get_by_role("link", name="Is there any left?")
    await expect(entry).to_contain_text("For you: 1")
    await bob.find(ann.name, "Chats")
    await bob.expect_lines("Is there any left?")
    await ann.open_chat("Kitchen")
    panel = await ann.open_panel()
    await panel.get_by_text(bob.name).click()
    await expect_their_chat()
    await ann.expect_lines("Is there any left?")
    panel = await ann.open_panel("Settings")
    await expect(panel.get_by_role("button", name="Archive for me")).to_be_visible()
    await expect(panel.get_by_role("button", name="Leave this chat")).to_have_count(0)
    await ann.page.reload()
    await ann.expect_lines("Is there any left?")
    await ann.start_chat("", bob.name)
    await ann.expect_lines("Is there any left?")


async def test_a_direct_chat_that_comes_late_takes_nobody_away(enter: OpenWindow) -> None:
    """A user who has opened another chat meanwhile stays there, and finds the new one in the
    list."""
    ann, bob = await two(lambda: enter(service_workers="block"), "Kitchen")
    await bob.write("There is cake")
    await ann.start_chat("Garden")
    await ann.open_chat("Kitchen")
    may_come = asyncio.Event()

    async def wait(route: Route) -> None:
        await may_come.wait()
        await route.continue_()

    await ann.page.route("**/direct", wait)
    await ann.log.get_by_role("button", name=bob.name, exact=True).click()
    await ann.page.get_by_role("menuitem", name=f"Write to {bob.name}").click()
    await ann.open_chat("Garden")
    may_come.set()
    await expect(ann.page.get_by_role("link", name=bob.name, exact=False)).to_have_count(2)
    await expect(ann.page.locator(".bar h1")).to_have_text("Garden")


async def test_people_are_shown_by_what_they_call_themselves(enter: OpenWindow) -> None:
    """A display name, a status line and a picture are shown wherever a user is shown."""
    bob = await enter()
    await bob.open_settings()
    await bob.field("Display name").fill("Bob of the Boathouse")
    await bob.field("What are you doing?").fill("Looking for speakers")
    await bob.button("Save").click()
    await expect(bob.page.get_by_text("Others see it now.")).to_be_visible()
    own = bob.page.locator(".own-picture")
    portrait = picture(800, 600, place=True)
    file = FilePayload(name="bob.png", mimeType="image/png", buffer=portrait)
    await own.locator("input").set_input_files(
        FilePayload(name="bob.png", mimeType="image/png", buffer=b"no picture")
    )
    await expect(own).to_contain_text("cannot show this file as a picture")
    await own.locator("input").set_input_files(file)
    await expect(own.locator("img")).to_have_js_property("naturalWidth", 256)
    await bob.page.keyboard.press("Escape")
    await expect(bob.page.get_by_title("Settings")).to_contain_text("Bob of the Boathouse")
    ann = await enter()
    await ann.find(bob.name, "People")
    await expect(ann.page.locator(".bar h1")).to_have_text("Bob of the Boathouse")
    await expect(ann.page.locator(".bar p")).to_have_text("Here now · Looking for speakers")
    await ann.write(f"@{bob.name} hello")
    await expect(ann.log.locator(".at")).to_have_text("@Bob of the Boathouse")
    preview = ann.page.locator(".row .preview")
    await expect(preview).to_have_text("You: @Bob of the Boathouse hello")
    await bob.open_chat(ann.name)
    await bob.write("Hello Ann")
    author = ann.log.get_by_role("button", name="Bob of the Boathouse", exact=True)
    await expect(author).to_be_visible()
    for place in (".bar", ".row", ".log"):
        face = ann.page.locator(f"{place} .person img").last
        await expect(face).to_have_js_property("naturalWidth", 256)
    await ann.find("Bob of the", "Chats")
    panel = await ann.open_panel()
    await expect(panel).to_contain_text("Looking for speakers")
    await bob.page.get_by_title("Settings").click()
    await own.get_by_role("button", name="Remove").click()
    await expect(bob.page.locator(".side .person img, .own-picture img")).to_have_count(0)


async def test_a_deleted_account_is_written_to_no_more(enter: OpenWindow) -> None:
    """The messages stay; a sentence replaces the field and says why it is gone."""
    ann = await enter()
    async with one_person(ann) as bob:
        await ann.find(bob.username, "People")
        await ann.write("Are you leaving?")
        await expect(ann.log.locator(".line.pending")).to_have_count(0)
        assert (await bob.ask("POST", "/api/user/me/delete", {})).status == 200
        await ann.expect_lines("Are you leaving?")
        await ann.page.reload()
    await expect(ann.page.get_by_text("This account is deleted.")).to_be_visible()
    await ann.expect_lines("Are you leaving?")
    await expect(ann.composer).to_be_hidden()
    await ann.log.evaluate("""log => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["x"], "late.txt"));
        log.dispatchEvent(new DragEvent("dragover", { dataTransfer, bubbles: true }));
    }""")
    await expect(ann.page.locator(".dropping")).to_have_count(0)


async def test_who_is_here_is_seen(enter: OpenWindow) -> None:
    """A dot shows that a user is online, and disappears when they leave."""
    ann, bob = await two(enter)
    await ann.find(bob.name, "People")
    entry = ann.page.get_by_role("link", name=bob.name)
    await expect(entry).to_contain_text("here now")
    await expect(entry.locator(".presence")).to_have_count(1)
    await bob.page.evaluate(
        """() => {
          Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    await expect(entry).to_contain_text("away")
    await expect(entry.locator(".presence.away")).to_have_count(1)


async def test_a_chat_says_what_it_is_about(enter: OpenWindow) -> None:
    """All participants see the topic under the chat's name; it can be removed."""
    ann, bob = await two(enter, "Party")
    panel = await ann.open_panel("Settings")
    await panel.get_by_label("Topic").fill("20 June, by the river")
    await panel.get_by_role("button", name="Save").click()
    for window in (ann, bob):
        await expect(window.page.locator(".bar p")).to_have_text("20 June, by the river")
    await panel.get_by_label("Topic").fill("")
    await panel.get_by_role("button", name="Save").click()
    await expect(bob.page.locator(".bar p")).to_have_text(f"{ann.name} and you")
