"""The list of chats: unread counts, notification settings, and agreement between two devices."""

import pytest
from playwright.async_api import Locator, expect

from tests.browser.company import HOLDING, bending_calls, expect_kept, id_of, one_person
from tests.browser.conftest import NewContext, OpenPage, OpenWindow
from tests.browser.stage import Play, Stage
from tests.fixtures.person import Person
from tests.fixtures.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="session")


def entry(window: Window, title: str) -> Locator:
    return window.page.get_by_role("link", name=title)


async def choose(window: Window, title: str, choice: str) -> None:
    """Selects an entry of a chat's menu in the list."""
    await entry(window, title).click(button="right")
    await window.page.get_by_role("menuitem", name=choice, exact=True).click()


async def titles(window: Window) -> list[str]:
    return await window.page.locator(".row .title").all_inner_texts()


async def post(bob: Person, chat: str, text: str, *mentions: str) -> None:
    body = {"message": text, "mentions": list(mentions)}
    answer = await bob.ask("POST", f"/api/chat/{chat}/message", body)
    assert answer.status == 201


async def test_a_chat_says_as_much_as_one_wants_to_hear(enter: OpenWindow) -> None:
    """All messages are counted, or only mentions, or none; a muted chat shows a dot."""
    ann = await enter()
    async with one_person(ann) as bob:
        me = await id_of(bob, ann)
        chats = {name: await bob.create_chat(name, me) for name in ("Loud", "Named", "Quiet")}
        await choose(ann, "Named", "Only mentions")
        await choose(ann, "Quiet", "Mute")
        for chat in chats.values():
            await post(bob, chat, "news")
        await expect(entry(ann, "Loud").locator(".badge")).to_have_text("Unread: 1")
        await expect(entry(ann, "Named").locator(".badge.dot")).to_have_count(1)
        await expect(entry(ann, "Quiet").locator(".badge.dot")).to_have_count(1)
        await expect(ann.page).to_have_title("(1) Hubbub")
        for chat in chats.values():
            await post(bob, chat, f"@{ann.name} look", me)
        await expect(entry(ann, "Loud").locator(".badge")).to_have_text("Mentions: @1")
        await expect(entry(ann, "Named").locator(".badge")).to_have_text("Mentions: @1")
        await expect(entry(ann, "Quiet").locator(".badge.dot")).to_have_count(1)
        await expect(ann.page).to_have_title("(3) Hubbub")
        await choose(ann, "Loud", "Mark as read")
        await expect(entry(ann, "Loud").locator(".badge")).to_have_count(0)
        await ann.page.reload()
        await expect(ann.state).to_have_text("live")
        await expect(entry(ann, "Loud").locator(".badge")).to_have_count(0)
        await expect(entry(ann, "Named").locator(".badge")).to_have_text("Mentions: @1")
        await expect(entry(ann, "Quiet")).to_contain_text("Muted")
        await expect(ann.page).to_have_title("(1) Hubbub")


async def test_the_list_stands_in_the_order_of_the_last_messages(enter: OpenWindow) -> None:
    """Unread chats come first or stay in place, depending on the setting."""
    ann = await enter()
    async with one_person(ann) as bob:
        me = await id_of(bob, ann)
        chats = {name: await bob.create_chat(name, me) for name in ("One", "Two", "Three")}
        await post(bob, chats["Two"], "news")
        await expect(ann.page.locator(".chats h2").first).to_have_text("Unread")
        await expect(ann.page.locator(".row .title")).to_have_text(["Two", "Three", "One"])
        await ann.open_chat("Three")
        await ann.write("here")
        await ann.open_settings()
        await ann.page.get_by_label("Unread chats first").uncheck()
        await ann.page.keyboard.press("Escape")
        await expect(ann.page.locator(".chats h2")).to_have_text(["Chats"])
        await expect(ann.page.locator(".row .title")).to_have_text(["Three", "Two", "One"])
        await post(bob, chats["One"], "news")
        await expect(ann.page.locator(".row .title")).to_have_text(["One", "Three", "Two"])
        await ann.page.reload()
        await expect(ann.page.locator(".row .title")).to_have_text(["One", "Three", "Two"])


async def test_what_is_put_away_comes_back_with_the_next_message(enter: OpenWindow) -> None:
    """Archived chats are behind a button at the end of the list."""
    ann = await enter()
    async with one_person(ann) as bob:
        chat = await bob.create_chat("Old", await id_of(bob, ann))
        await choose(ann, "Old", "Archive")
        fold = ann.page.get_by_role("button", name="Archived 1")
        await expect(fold).to_be_visible()
        await expect(entry(ann, "Old")).to_be_hidden()
        await ann.page.reload()
        await expect(ann.state).to_have_text("live")
        await fold.click()
        await ann.open_chat("Old")
        panel = await ann.open_panel("Settings")
        await expect(panel.get_by_role("button", name="Bring back")).to_be_visible()
        await bob.post(chat, "here again")
        await expect(fold).to_have_count(0)
        await expect(panel.get_by_role("button", name="Archive for me")).to_be_visible()
        await panel.get_by_label("Nothing").check()
        await expect(entry(ann, "Old")).to_contain_text("Muted")


async def test_the_list_is_there_before_the_server_answers(enter: OpenWindow) -> None:
    """What this browser has kept is shown at once, and corrected when the server answers."""
    ann = await enter()
    async with one_person(ann) as bob:
        me = await id_of(bob, ann)
        chats = {name: await bob.create_chat(name, me) for name in ("First", "Second")}
        await post(bob, chats["Second"], "yesterday")
        await expect(entry(ann, "Second")).to_contain_text("yesterday")
        await expect_kept(
            ann.page,
            "chats",
            'one => one.chatName === "Second" && one.last?.message === "yesterday"',
        )
        await ann.page.goto("about:blank")
        await post(bob, chats["First"], "meanwhile")
        await post(bob, chats["Second"], "today")
        await ann.page.add_init_script(bending_calls("[/]api[/]", HOLDING))
        await ann.page.goto(f"{ann.origin}/")
        await expect(entry(ann, "Second")).to_contain_text("yesterday")
        assert await titles(ann) == ["Second", "First"]
        await ann.page.wait_for_function("globalThis.held")
        await ann.page.evaluate("held.resolve()")
        await expect(entry(ann, "Second").locator(".badge")).to_have_text("Unread: 2")
        await expect(entry(ann, "First")).to_contain_text("meanwhile")
        await expect(ann.state).to_have_text("live")


async def test_the_open_chat_is_in_view(open_page: OpenPage) -> None:
    """However it was opened: through the finder, or from one chat to the next."""
    play = Play()
    for number in range(40):
        play.say(play.start(f"Room {number}", "bob"), "bob", "hello")
    play.read_all()
    page = await open_page(play)
    now = page.locator(".row[aria-current]")
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox", name="Find a chat").fill("Room 39")
    await page.get_by_role("option", name="Room 39").click()
    await expect(now).to_contain_text("Room 39")
    await expect(now).to_be_in_viewport(ratio=1)
    for _ in range(39):
        await page.keyboard.press("Alt+ArrowUp")
    await expect(now).to_contain_text("Room 0")
    await expect(now).to_be_in_viewport(ratio=1)


async def test_an_unread_chat_stays_where_it_was_opened(open_page: OpenPage) -> None:
    """Among the unread ones, so that the next of many is beside it; it moves when one leaves it."""
    play = Play()
    for number in range(40):
        play.say(play.start(f"Room {number}", "bob"), "bob", "hello", minutes=100 + number)
    page = await open_page(play)
    unread = page.get_by_role("region", name="Unread").locator(".row .title")
    await unread.nth(1).click()
    await expect(page.locator(".bar h1")).to_have_text("Room 38")
    await expect(page.locator(".row[aria-current] .badge")).to_have_count(0)
    await expect(unread.nth(1)).to_have_text("Room 38")
    await expect(unread.first).to_be_in_viewport()
    await expect(page.locator(".line")).to_contain_text("hello")  # with that it is read
    await page.keyboard.press("Alt+Shift+ArrowDown")
    await expect(page.locator(".bar h1")).to_have_text("Room 37")
    await expect(unread.nth(1)).to_have_text("Room 37")
    await expect(page.get_by_role("region", name="Chats").locator(".row")).to_have_count(1)


async def test_a_chat_that_moves_keeps_the_focus(open_page: OpenPage) -> None:
    """The others move around it, whichever of them rises."""
    play = Play()
    names = ["Alpha", "Beta", "Gamma", "Delta"]
    chats = {name: play.start(name, "bob") for name in names}
    for number, chat in enumerate(chats.values()):
        play.say(chat, "ann", "hello", minutes=100 - number)
    play.read_all()
    page = await open_page(play)
    titles = page.locator(".row .title")
    await expect(titles).to_have_text(names)
    focused = page.get_by_role("link", name="Gamma")
    await focused.focus()
    await focused.evaluate("link => link.addEventListener('blur', () => link.lost = true)")
    for minutes, (name, order) in enumerate(
        {
            "Gamma": ["Gamma", "Alpha", "Beta", "Delta"],
            "Delta": ["Delta", "Gamma", "Alpha", "Beta"],
            "Beta": ["Beta", "Delta", "Gamma", "Alpha"],
        }.items()
    ):
        play.say(chats[name], "ann", "from my phone", minutes=200 + minutes)
        await expect(titles).to_have_text(order)
        await expect(focused).to_be_focused()
    assert not await focused.evaluate("link => link.lost")


async def test_a_chat_that_changes_its_section_keeps_the_focus(open_page: OpenPage) -> None:
    """Also the only one of a section, which is gone with it."""
    play = Play()
    for number, name in enumerate(("Alpha", "Beta")):
        play.say(play.start(name, "bob"), "bob", "hello", minutes=100 + number)
    page = await open_page(play)
    for name in ("Alpha", "Beta"):
        chat = page.get_by_role("link", name=name)
        await chat.focus()
        await chat.click(button="right")
        await page.get_by_role("menuitem", name="Mark as read").press("Enter")
        await expect(page.get_by_role("region", name="Chats").locator(chat)).to_be_focused()


async def test_a_chat_is_shown_as_read_at_once(new_context: NewContext, stage: Stage) -> None:
    """When it is marked in its menu; not only at the next second."""
    play = Play()
    play.say(play.start("Party", "bob"), "bob", "hello")
    context = await new_context()
    await context.clock.install()
    page = await stage.enter(context, play)
    badge = page.get_by_role("link", name="Party").locator(".badge")
    await expect(badge).to_have_text("Unread: 1")
    await page.get_by_role("link", name="Party").click(button="right")
    choice = page.get_by_role("menuitem", name="Mark as read")
    await expect(choice).to_be_visible()
    await page.clock.pause_at(await page.evaluate("Date.now() + 20_000"))
    await page.clock.run_for(100)  # what was to be drawn before
    await choice.click()
    await page.clock.run_for(32)
    await expect(badge).to_have_count(0)


async def test_two_devices_agree_on_what_is_read(
    open_window: OpenWindow, enter: OpenWindow
) -> None:
    """Read, marked as unread or muted here: the other device shows it without a reload."""
    ann, phone = await enter("correct horse"), await open_window()
    await phone.log_in(ann.name, "correct horse")
    async with one_person(ann) as bob:
        chat = await bob.create_chat("Shared", await id_of(bob, ann))
        for text in ("one", "two", "three"):
            await bob.post(chat, text)
        for device in (ann, phone):
            await expect(entry(device, "Shared").locator(".badge")).to_have_text("Unread: 3")
        await ann.open_chat("Shared")
        await ann.expect_lines("one", "two", "three")
        badge = entry(phone, "Shared").locator(".badge")
        await expect(badge).to_have_count(0)
        await ann.act_on("two", "Mark as unread")
        await expect(badge).to_have_text("Unread: 2")
        await expect(entry(ann, "Shared").locator(".badge")).to_have_text("Unread: 2")
        await expect(phone.page).to_have_title("(2) Hubbub")
        await choose(phone, "Shared", "Mute")
        await expect(entry(ann, "Shared")).to_contain_text("Muted")
        await expect(badge).to_have_text("Unread")
        await phone.open_chat("Shared")
        await expect(phone.log.get_by_text("New", exact=True)).to_be_visible()
        await expect(phone.log.locator(".line").last).to_be_visible()
        await ann.page.reload()
        await expect(ann.state).to_have_text("live")
        await expect(entry(ann, "Shared").locator(".badge")).to_have_count(0)
