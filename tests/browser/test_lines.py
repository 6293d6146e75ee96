"""Lines of the log that change while the user is interacting with them."""

import re

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import Play, party

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_selection_outlives_the_connection(open_page: OpenPage) -> None:
    """A text being copied stays selected while the connection is lost and returns."""
    play, chat = party()
    play.say(chat, "bob", "The door code is 4711")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.locator(".text p").dblclick(position={"x": 4, "y": 8})
    selected = await page.evaluate("getSelection().toString()")
    assert selected.strip() == "The"
    await page.route_web_socket("**/ws", lambda socket: socket.close(code=1012))
    await play.hang_up()
    await expect(page.locator(".live")).to_contain_text("offline")
    assert await page.evaluate("getSelection().toString()") == selected


async def test_a_line_that_is_drawn_anew_keeps_the_focus(open_page: OpenPage) -> None:
    """On the reaction that the user has made or removed; on the line when the reaction is gone."""
    play, chat = party()
    said = play.say(chat, "bob", "Who comes?")
    play.change("reaction.added", said, "bob", emoji="🎉")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    line, reaction = page.locator(".line"), page.locator(".reaction").first
    await reaction.focus()
    for by, count in (("ann", 2), ("cleo", 3)):
        play.change("reaction.added", said, by, emoji="🎉")
        await expect(reaction).to_have_text(f"🎉{count}")
        await expect(reaction).to_be_focused()
    for by in ("ann", "bob", "cleo"):
        play.change("reaction.removed", said, by, emoji="🎉")
    await expect(page.locator(".reaction")).to_have_count(0)
    await expect(line).to_be_focused()
    tool = line.get_by_role("button", name="React")
    await expect(tool).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(tool).to_be_focused()
    play.change("reaction.added", said, "bob", emoji="🌿")
    await expect(page.locator(".reaction").first).to_be_visible()
    await expect(line).to_be_focused()


async def test_the_focus_outlives_what_had_it(open_page: OpenPage) -> None:
    """When a file is removed, it moves to the next one. It moves to the composer after the last
    file, a deleted message or an Undo."""
    play, chat = party()
    play.say(chat, "ann", "a typo")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.locator("input[type=file][multiple]").set_input_files(
        [
            FilePayload(name=f"{name}.txt", mimeType="text/plain", buffer=b"x")
            for name in ("one", "two", "three")
        ]
    )
    composer, keys = page.locator(".write textarea"), page.keyboard
    await page.get_by_role("button", name="Remove two.txt").focus()
    await expect(page.get_by_role("button", name="Remove three.txt")).to_be_visible()
    for focused in ("three", "one"):
        await keys.press("Enter")
        await expect(page.get_by_role("button", name=f"Remove {focused}.txt")).to_be_focused()
    await keys.press("Enter")
    await expect(composer).to_be_focused()
    line = page.locator(".line").filter(has_text="a typo")
    await line.hover()
    await line.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Delete").click()
    await page.get_by_role("button", name="Undo").press("Enter")
    await expect(composer).to_be_focused()


@pytest.mark.parametrize("width", [1280, 640])
async def test_the_focus_outlives_its_chat(open_page: OpenPage, width: int) -> None:
    """A user who returns to the list, or is removed while writing, can continue from there by
    keyboard."""
    play, chat = party()
    page = await open_page(play, viewport={"width": width, "height": 400})
    find = page.get_by_role("button", name="Find or search")
    for leave in ("go back", "be removed"):
        await page.get_by_role("link", name="Party").click()
        await expect(page.locator(".write textarea")).to_be_focused()
        if leave == "go back":
            await page.go_back()
        else:
            play.tell(chat, "participant.removed", "bob", minutes=130, users=[play.ids["ann"]])
        await expect(find).to_be_focused()


async def test_a_scroll_may_be_told_when_its_chat_was_left(open_page: OpenPage) -> None:
    """Browsers report a scroll with the next frame."""
    play, _ = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".write textarea")).to_be_focused()
    log = await page.locator(".log").evaluate_handle("log => log")
    await page.go_back()
    await expect(page.locator(".write textarea")).to_be_hidden()
    await log.evaluate("log => log.dispatchEvent(new Event('scroll'))")


async def test_what_the_page_puts_into_a_text_can_be_undone(open_page: OpenPage) -> None:
    """A completed mention, an emoji by its name and one from the picker; undo and redo work."""
    play, _ = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    field, keys, options = (
        page.locator(".write textarea"),
        page.keyboard,
        page.get_by_role("option"),
    )
    for typed, done in (("see @bo", "see @bob "), ("great :waterm", "great 🍉 ")):
        await field.press_sequentially(typed)
        await expect(options.first).to_be_visible()
        await keys.press("Tab")
        await expect(field).to_have_value(done)
        await keys.press("Control+z")
        await expect(field).to_have_value(typed)
        await keys.press("Control+Shift+z")
        await expect(field).to_have_value(done)
        await field.fill("")
    await field.press_sequentially("great")
    await page.get_by_role("button", name="Emoji", exact=True).click()
    await page.get_by_role("textbox", name="Find an emoji").fill("watermelon")
    await page.get_by_role("button", name="watermelon").click()
    await expect(field).to_have_value("great 🍉")
    await keys.press("Control+z")
    await expect(field).to_have_value("great")


async def test_a_day_amid_a_sentence_is_written_small(open_page: OpenPage) -> None:
    """As in the sentence that says since when a chat exists."""
    play, chat = party()
    page = await open_page(play)
    made = int(chat.replace("-", "")[:12], 16)
    await page.clock.set_system_time(made / 1000 + 60)
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".intro p")).to_contain_text("This chat was started today ")
    await expect(page.locator(".day")).to_have_text("Today")


async def test_the_start_of_a_chat_shows_what_it_is_now(open_page: OpenPage) -> None:
    """Its new name, and the button for adding people to its owner alone."""
    play, chat = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    add = page.locator(".intro").get_by_role("button", name="Add people")
    await expect(add).to_be_visible()
    bob = play.ids["bob"]
    play.tell(chat, "chat.updated", "ann", minutes=9, chatName="Feast", owner=bob)
    await expect(page.locator(".intro h2")).to_have_text("Feast")
    await expect(add).to_have_count(0)


async def test_what_is_answered_stands_right_above_the_field(open_page: OpenPage) -> None:
    """There is no gap between them, as there is between the fields of other forms."""
    play, chat = party()
    play.say(chat, "bob", "Which ones?")
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.locator(".line").hover()
    await page.get_by_role("button", name="Reply", exact=True).click()
    head, field = [
        await page.locator(f".write > {part}").bounding_box() for part in (".replying", ".main")
    ]
    assert head
    assert field
    assert head["y"] + head["height"] == field["y"]


async def test_a_text_that_is_too_long_is_an_error(open_page: OpenPage) -> None:
    """In the colour of errors; until then it only says how much is left."""
    play, _ = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    field, said = page.locator(".write textarea"), page.locator(".limit")
    colours = []
    for length, words in ((8_191, "1 byte left"), (8_192, "0 bytes left"), (8_193, "1 byte too")):
        await field.fill("x" * length)
        await expect(said).to_contain_text(words)
        colours.append(await said.evaluate("node => getComputedStyle(node).color"))
    assert colours[0] == colours[1] != colours[2]


async def test_a_copy_of_several_messages_has_each_time_once(open_page: OpenPage) -> None:
    """With the author, not a second time in front of the line."""
    play, chat = party()
    for text in ("Who comes?", "I do.", "So do I."):
        play.say(chat, "bob", text)
    page = await open_page(play, permissions=["clipboard-read", "clipboard-write"])
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".line")).to_have_count(3)
    times = await page.locator(".by time").all_inner_texts()
    await page.get_by_role("log").evaluate("log => getSelection().selectAllChildren(log)")
    await page.keyboard.press("Control+c")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert "So do I." in copied
    assert sum(copied.count(time) for time in set(times)) == 3, copied


NO_CLIPBOARD = """
    window.clipboard = navigator.clipboard;
    Object.defineProperty(navigator, "clipboard", { value: undefined });
"""


@pytest.mark.parametrize("script", ["window.clipboard = navigator.clipboard", NO_CLIPBOARD])
async def test_what_was_copied_is_said(open_page: OpenPage, script: str) -> None:
    """The text of a message or its link; the notice is brief. Over plain http in a LAN browsers
    offer no clipboard."""
    play, chat = party()
    play.say(chat, "bob", "The door code is 4711")
    page = await open_page(play, permissions=["clipboard-read", "clipboard-write"])
    await page.evaluate(script)
    await page.get_by_role("link", name="Party").click()
    for choice, said, copied in (
        ("Copy text", "Text copied", "The door code is 4711"), ("Copy link", "Link copied", chat),
    ):  # fmt: skip
        await page.locator(".line").hover()
        await page.get_by_role("button", name="More", exact=True).click()
        await page.get_by_role("menuitem", name=choice).click()
        await expect(page.locator(".toast")).to_have_text(said)
        assert copied in await page.evaluate("window.clipboard.readText()")


async def test_a_time_with_am_or_pm_makes_no_line_higher(open_page: OpenPage) -> None:
    """In the margin of later lines, where it is wider than elsewhere."""
    heights = []
    for locale in ("en-GB", "en-US"):
        play, chat = party()
        for text in ("Who comes?", "I do."):
            play.say(chat, "bob", text)
        page = await open_page(play, locale=locale)
        await page.get_by_role("link", name="Party").click()
        await expect(page.locator(".gutter")).to_have_text(re.compile("10:40"))
        heights.append(await page.locator(".line").last.evaluate("line => line.offsetHeight"))
    assert heights[0] == heights[1]


async def test_a_command_is_explained_again_after_another_chat(open_page: OpenPage) -> None:
    """Its first explanation is gone by then: one more Enter would leave the chat unasked."""
    play, _chat = party()
    play.say(play.start("Other", "bob"), "bob", "elsewhere")
    page = await open_page(play)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_role("link", name="Party").click()
    field, said = page.locator(".write textarea"), page.get_by_text("Send it again to leave")
    await field.fill("/leave ")
    await expect(page.locator(".completion")).to_have_count(1)  # the commands have loaded
    await field.press("Enter")
    await expect(said).to_be_visible()
    await page.get_by_role("link", name="Other").click()
    await expect(page.get_by_text("elsewhere", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Party").click()
    await expect(field).to_have_value("/leave ")
    await expect(said).to_have_count(0)
    await field.press("Enter")
    await expect(said).to_be_visible()
    await field.press("Enter")
    await expect(field).to_have_value("")
    assert sum("/participant/" in url for url in asked) == 1


async def test_a_notice_waits_for_an_undo(open_page: OpenPage) -> None:
    """It neither takes the button away nor is lost."""
    play, chat = party()
    play.say(chat, "ann", "The door code is 4711")
    page = await open_page(play, permissions=["clipboard-read", "clipboard-write"])
    await page.get_by_role("link", name="Party").click()
    line, toast = page.locator(".line"), page.locator(".toast")
    for choice in ("Delete", "Copy link"):
        await line.hover()
        await page.get_by_role("button", name="More", exact=True).click()
        await page.get_by_role("menuitem", name=choice).click()
        await expect(toast).to_have_text("Message deletedUndo")
    await page.get_by_role("button", name="Undo").click()
    await expect(toast).to_have_text("Link copied")


async def test_choices_of_a_menu_have_icons_of_their_own(open_page: OpenPage) -> None:
    """In the menus of a chat and of a message, each has a drawing. Home and End move to the
    ends."""
    play, chat = party()
    play.say(chat, "bob", "Who comes?")
    play.read_all()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click(button="right")
    for _menu in ("chat", "message"):
        await expect(page.get_by_role("menuitem", name="Mark as unread")).to_be_visible()
        icons = await page.locator("[role=menuitem] use").evaluate_all(
            "all => all.map(one => one.getAttribute('href'))"
        )
        assert len(set(icons)) == len(icons) >= 4
        for icon in icons:
            await expect(page.locator(f"symbol{icon}")).to_have_count(1)
        for key, choice in (("End", "last"), ("Home", "first")):
            await page.keyboard.press(key)
            await expect(getattr(page.locator(".menu button"), choice)).to_be_focused()
        await page.keyboard.press("Escape")
        await page.get_by_role("link", name="Party").click()
        await page.locator(".line").hover()
        await page.get_by_role("button", name="More", exact=True).click()


async def test_marks_that_pile_up_stay_with_their_own_text(open_page: OpenPage) -> None:
    """Hundreds of combining marks on one letter cover no other message."""
    play, chat = party()
    play.say(chat, "bob", "Who brings the lanterns?")
    play.read_all()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    line = page.locator(".line").first
    await expect(line).to_contain_text("lanterns")
    before = await line.screenshot()
    play.say(chat, "bob", "Z" + "\u0301" * 400 + "algo")
    await expect(page.locator(".line")).to_have_count(2)
    assert await line.screenshot() == before


async def test_a_button_that_was_pressed_keeps_the_focus(open_page: OpenPage) -> None:
    """Even if it was disabled until the server had answered."""
    play, _ = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    await page.locator(".bar h1 button").click()
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_label("Topic").fill("By the river")
    save = page.get_by_role("button", name="Save")
    await save.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Hubbub cannot be reached")).to_be_visible()
    await expect(save).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("region", name="About this chat")).to_be_hidden()


async def test_what_nobody_could_see_is_not_sent(open_page: OpenPage) -> None:
    """White space and characters without a width are not a message."""
    play, _ = party()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    send = page.get_by_role("button", name="Send", exact=True)
    for text in (" \n", "\u200b", "\u2060 \ufeff\u00ad"):
        await page.locator(".write textarea").fill(text)
        await expect(send).to_be_disabled()
    await page.locator(".write textarea").fill("\u200bx")
    await expect(send).to_be_enabled()


async def test_times_follow_the_device_to_another_time_zone(open_page: OpenPage) -> None:
    """While the page is open, shown times and days change with the device's clock."""
    play = Play()
    chat = play.start("Kitchen", "bob")
    for minutes in (300, 930, 931):  # 14:00 UTC, and after midnight
        play.say(chat, "bob", f"after {minutes} minutes", minutes=minutes)
    play.read_all()
    page = await open_page(play)
    device = await page.context.new_cdp_session(page)
    await device.send("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
    await page.reload()
    row = page.get_by_role("link", name="Kitchen")
    await row.click()
    times, days = page.locator(".line .by time"), page.locator(".day")
    await expect(times).to_have_text(["16:00", "2:30", "2:31"])
    await expect(times.last).to_have_attribute("title", re.compile("Friday.* 5 June.* 02:31:00"))
    await expect(page.locator(".line .gutter")).to_have_text("2:31")
    await expect(days).to_have_count(2)
    listed = await row.locator("time").inner_text()
    await device.send("Emulation.setTimezoneOverride", {"timezoneId": "America/Los_Angeles"})
    await expect(times).to_have_text(["7:00", "17:30", "17:31"])
    await expect(times.last).to_have_attribute("title", re.compile("Thursday.* 4 June.* 17:31:00"))
    await expect(page.locator(".line .gutter")).to_have_text("17:31")
    await expect(days).to_have_count(1)
    await expect(row.locator("time")).not_to_have_text(listed)
