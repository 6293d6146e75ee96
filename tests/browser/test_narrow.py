"""Windows of any width, and navigation between their parts."""

import asyncio
import re
import uuid

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.company import crowd, id_of, long_chat
from tests.browser.conftest import DESK, PHONE, OpenPage, OpenWindow
from tests.browser.stage import Play
from tests.browser.test_states import make_play

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_one_can_write_at_every_width(enter: OpenWindow) -> None:
    """A name without a break and many users with long names push nothing out of the window."""
    ann = await enter(viewport={"width": 800, "height": 700})
    async with crowd(ann, 6, *(f"{uuid.uuid4().hex}"[:32] for _ in range(6))) as people:
        await people[0].create_chat("W" * 128, await id_of(people[0], ann), *(p.id for p in people))
    await ann.page.get_by_role("link", name="WWW").click()
    await expect(ann.page.locator(".bar p")).to_contain_text("more and you")
    await ann.composer.fill("x")
    for width in (800, 390):
        await ann.resize(width, 700)
        for one in (ann.button("Send"), ann.page.locator(".bar h1 button"), ann.composer):
            box = await one.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
    await ann.button("Send").click()
    await ann.expect_lines("x")


async def test_the_first_view_of_a_phone_says_what_to_do(enter: OpenWindow) -> None:
    """Without any chat, a phone offers both ways to get one, like a desktop."""
    ann = await enter(viewport=PHONE, has_touch=True, is_mobile=True)
    await expect(ann.button("New chat").last).to_be_visible()
    await ann.button("Find somebody").first.tap()
    await expect(ann.page.get_by_role("combobox")).to_be_focused()


async def test_the_way_back_closes_what_lies_over_the_page(enter: OpenWindow) -> None:
    """On a phone the browser's back button closes one layer, then leads to the list."""
    ann = await enter(viewport=PHONE, has_touch=True, is_mobile=True)
    await ann.button("New chat").first.tap()
    await expect(ann.page.get_by_role("dialog", name="New chat")).to_be_visible()
    await ann.page.go_back()
    await expect(ann.page.get_by_role("dialog")).to_have_count(0)
    await ann.start_chat("Pocket")
    panel = await ann.open_panel()
    await ann.page.go_back()
    await expect(panel).to_be_hidden()
    await expect(ann.composer).to_be_visible()
    await ann.open_panel()
    await ann.button("Back to the chat").tap()
    await expect(ann.composer).to_be_visible()
    await ann.page.go_back()
    await expect(ann.page.get_by_role("navigation", name="Chats")).to_be_visible()
    await expect(ann.page.locator(".panel")).to_be_hidden()


async def test_a_wheel_over_the_button_to_the_latest_scrolls(enter: OpenWindow) -> None:
    """A button that floats over the messages does not block scrolling."""
    ann = await enter()
    async with long_chat(ann, 60):
        await ann.open_chat("Long")
    await ann.log.evaluate("log => { log.scrollTop = 0; }")
    await expect(ann.log.get_by_text("started the chat")).to_be_attached()
    await ann.log.evaluate("log => { log.scrollTop = 0; }")  # nothing more loads above it
    await ann.button("Latest").hover()
    before = await ann.log.evaluate("log => log.scrollTop")
    await ann.page.mouse.wheel(0, 200)
    await ann.page.wait_for_function(
        "before => document.querySelector('.log').scrollTop > before", arg=before
    )


async def test_the_tools_of_a_message_do_not_cover_the_button_to_the_latest(
    open_page: OpenPage,
) -> None:
    """Where both are, a click goes to the button."""
    play, party = make_play()
    for number in range(40):
        play.say(party, "bob", f"line {number}\nand\nmore", minutes=200 + number)
    play.read_all()
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    last = page.locator(".line").last
    await expect(last).to_be_in_viewport()
    log, line = page.locator(".log"), page.locator(".line", has_text="line 20")
    await log.evaluate("log => { log.scrollTop = 0; }")
    latest = page.get_by_role("button", name="Latest")
    button, below = await latest.bounding_box(), await line.bounding_box()
    assert button
    assert below
    middle = button["y"] + button["height"] / 2
    await log.evaluate("(log, px) => { log.scrollTop += px; }", below["y"] - middle)
    await page.mouse.move(below["x"] + 100, middle + 5)
    await expect(line.locator(".tools")).to_be_visible()
    await latest.click()
    await expect(last).to_be_in_viewport()


async def test_selection_is_seen_with_the_systems_colours(enter: OpenWindow) -> None:
    """If the system removes backgrounds, the open chat still has an outline."""
    ann = await enter(forced_colors="active")
    await ann.start_chat("Open")
    styles = await ann.page.locator(".row[aria-current]").evaluate(
        "row => [getComputedStyle(row).outlineStyle, getComputedStyle(row).outlineWidth]"
    )
    assert styles == ["solid", "2px"]


async def test_changing_chats_is_not_read_out(enter: OpenWindow) -> None:
    """While messages are added because a chat is opened, the log is marked as busy."""
    ann = await enter()
    await ann.start_chat("One")
    await ann.write("said before")
    await ann.expect_lines("said before")
    await ann.start_chat("Other")
    await ann.page.evaluate("""() => {
        window.spoken = [];
        new MutationObserver(all => {
            for (const { addedNodes, target } of all) {
                const log = target.closest?.('.log');
                for (const node of addedNodes)
                    if (log && node.matches?.('.line') && !log.ariaBusy)
                        window.spoken.push(node.textContent);
            }
        }).observe(document.querySelector('.chat'), { childList: true, subtree: true });
    }""")
    await ann.open_chat("One")
    await ann.expect_lines("said before")
    assert await ann.page.evaluate("window.spoken") == []
    await expect(ann.log).not_to_have_attribute("aria-busy", re.compile("."))


async def test_the_keys_are_shown_wherever_the_focus_is(enter: OpenWindow) -> None:
    """The keys named in the first view open the list of keys, and type nothing anywhere."""
    ann = await enter()
    named = await ann.page.locator(".nothing kbd").all_inner_texts()
    await ann.page.keyboard.press("+".join(named).replace("Ctrl", "Control"))
    await expect(ann.page.get_by_role("dialog", name="Keys")).to_be_visible()
    await ann.page.keyboard.press("Escape")
    await ann.start_chat("Keys")
    await ann.composer.press("Control+/")
    await expect(ann.page.get_by_role("dialog", name="Keys")).to_be_visible()
    await ann.page.keyboard.press("Escape")
    await expect(ann.composer).to_have_value("")


async def test_a_sheet_over_a_sheet_has_its_own_name(open_page: OpenPage) -> None:
    """A screen reader announces the one on top by its title."""
    play, _ = make_play()
    page = await open_page(play)
    await page.get_by_title("Settings").click()
    await page.get_by_role("button", name="Keys", exact=True).click()
    await expect(page.get_by_role("dialog", name="Keys", exact=True)).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="ann", exact=True)).to_be_visible()


async def test_what_a_message_can_do_goes_with_the_message(open_page: OpenPage) -> None:
    """If it is deleted while its menu is open, the focus returns to its line."""
    play, party = make_play()
    said = play.say(party, "bob", "press me", minutes=200)
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    line = page.locator(".line", has_text="press me")
    await line.hover()
    await line.get_by_role("button", name="More", exact=True).click()
    menu = page.get_by_role("menu", name="Message")
    await expect(menu).to_be_visible()
    play.change("message.deleted", said, "bob")
    await expect(menu).to_have_count(0)
    await expect(page.locator(".line").last).to_be_focused()


async def test_what_lies_over_a_chat_goes_with_the_chat(open_page: OpenPage) -> None:
    """A menu by the back button, which leaves the focus to the next chat; the emoji by a removal,
    which leaves it to the list."""
    play, party = make_play()
    page = await open_page(play)
    for name in ("Kitchen", "Summer party"):
        await page.get_by_role("link", name=name).click()
    line = page.locator(".line", has_text="they changed it")
    await line.hover()
    await line.get_by_role("button", name="More", exact=True).click()
    menu, emoji = page.get_by_role("menu"), page.get_by_role("dialog", name="Emoji")
    await expect(menu).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", level=1, name="Kitchen")).to_be_visible()
    await expect(menu).to_have_count(0)
    await expect(page.locator(".write textarea")).to_be_focused()
    await page.go_forward()
    await page.get_by_role("button", name="Emoji", exact=True).click()
    await expect(emoji).to_be_visible()
    play.tell(party, "participant.removed", "cleo", minutes=130, users=[play.ids["ann"]])
    await expect(page.locator(".notes")).to_contain_text("removed you")
    await expect(emoji).to_have_count(0)
    await expect(page.get_by_role("button", name="Find or search")).to_be_focused()


@pytest.mark.parametrize("window", [PHONE, DESK])
async def test_a_failure_is_shown_where_the_user_is(
    open_page: OpenPage, window: dict[str, int]
) -> None:
    """Above the list of chats, and over the open chat if it hides the list."""
    play, _ = make_play()
    page = await open_page(play, viewport=window)
    await page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    await page.get_by_role("link", name="Summer party").click()
    line = page.locator(".line", has_text="they changed it")
    await line.hover()
    await line.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Copy text").click()
    said = page.get_by_role("status").filter(has_text="Could not copy")
    await expect(said).to_have_count(1)
    await expect(said).to_be_visible()


async def open_and_lose_connection(open_page: OpenPage, play: Play, window: dict[str, int]) -> Page:
    """A page with an open chat, whose every socket is closed at once."""
    page = await open_page(play, viewport=window)
    await page.get_by_role("link", name="Summer party").click()
    await expect(page.locator(".write textarea")).to_be_visible()
    await page.route_web_socket("**/ws", lambda socket: socket.close(code=1012))
    await play.hang_up()
    return page


@pytest.mark.parametrize(("window", "alerts"), [(PHONE, 1), (DESK, 0)])
async def test_a_lost_connection_is_announced_once(
    open_page: OpenPage, window: dict[str, int], alerts: int
) -> None:
    """In the list of chats, or as an alert if the open chat hides the list; what changes every
    second is not announced."""
    play, _ = make_play()
    page = await open_and_lose_connection(open_page, play, window)
    await expect(page.locator(".banner")).to_have_text(
        re.compile(r"^Offline since [\d:]+\. (Next try in \d+ s\.|Trying again…)Try now$")
    )
    said = re.compile(r"^offline since [\d:]+\.?$", re.IGNORECASE)
    await expect(page.get_by_role("alert")).to_have_text([said] * alerts)
    await expect(page.get_by_role("status").filter(has_text=said)).to_have_count(1 - alerts)


async def test_an_end_for_good_is_said_whatever_its_code(open_page: OpenPage) -> None:
    """Browsers pass on codes that nobody may send, down to 0."""
    play, _ = make_play()
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    await expect(page.locator(".write textarea")).to_be_visible()
    await play.hang_up(code=0)
    said = page.locator(".banner > span")
    await expect(said).to_have_text("This page is out of date. Reload it.")


@pytest.mark.parametrize(("window", "notices"), [(PHONE, 1), (DESK, 0)])
async def test_a_connection_that_is_back_is_announced(
    open_page: OpenPage, window: dict[str, int], notices: int
) -> None:
    """In the list of chats, or briefly over the open chat if it hides the list; the focus goes from
    the button that is gone to the field."""
    play, _ = make_play()
    page = await open_and_lose_connection(open_page, play, window)
    try_now = page.get_by_role("button", name="Try now")
    await expect(try_now).to_be_visible()
    is_clicked = asyncio.Event()

    async def answer_after_click(socket: WebSocketRoute) -> None:
        """The page also tries by itself, and would take the button away before."""
        await is_clicked.wait()
        await play.listen(socket)

    await page.route_web_socket("**/ws", answer_after_click)
    await try_now.click()
    is_clicked.set()
    await expect(page.locator(".banner")).to_be_hidden()
    await expect(page.locator(".live")).to_have_text("live")
    back = page.get_by_role("status").filter(has_text="Connected again")
    await expect(back).to_have_count(notices)
    await expect(page.locator(".write textarea")).to_be_focused()


async def test_the_way_back_says_what_waits_in_other_chats(open_page: OpenPage) -> None:
    """On a phone, where one chat covers the list."""
    play, _ = make_play()
    play.read_all()
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("link", name="Summer party").tap()
    back = page.get_by_role("link", name="All chats")
    await expect(back).to_have_accessible_name("All chats")
    direct = next(chat for chat, one in play.chats.items() if one["kind"] == "direct")
    play.say(direct, "bob", "Well?")
    await expect(back).to_have_accessible_name("All chats, 1 unread")
    await expect(back.locator(".badge")).to_be_visible()
    for number in range(100):
        play.say(direct, "bob", f"Well {number}?")
    await expect(back.locator(".badge")).to_have_text("99+")
    arrow, badge, face = [
        await one.bounding_box()
        for one in (back.locator("svg"), back.locator(".badge"), page.locator(".bar .avatar").first)
    ]
    assert arrow
    assert badge
    assert face
    assert arrow["x"] + arrow["width"] <= badge["x"]
    assert badge["x"] + badge["width"] <= face["x"]


async def test_f6_passes_over_the_list_that_a_chat_covers(open_page: OpenPage) -> None:
    """From the field to the head of the chat and back."""
    play, _ = make_play()
    page = await open_page(play, viewport={"width": 640, "height": 400})
    await page.get_by_role("link", name="Summer party").click()
    field = page.get_by_role("textbox", name="Message to")
    await expect(field).to_be_focused()
    await page.keyboard.press("F6")
    await expect(page.locator(".bar h1 button")).to_be_focused()
    await page.keyboard.press("Shift+F6")
    await expect(field).to_be_focused()


async def test_the_way_back_does_not_count_the_open_chat(open_page: OpenPage) -> None:
    """Even while not all of it is read."""
    play, party = make_play()
    play.read_all()
    for number in range(80):
        play.say(party, "bob", f"news {number}", minutes=200)
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await expect(page).to_have_title("(80) Hubbub")
    await page.get_by_role("link", name="Summer party").tap()
    back = page.get_by_role("link", name="All chats")
    await expect(page.locator(".latest", has_text="Latest")).to_be_visible()
    await expect(page).to_have_title(re.compile(r"^\(80\) "))
    await expect(back).to_have_accessible_name("All chats")
    await expect(back.locator(".badge")).to_be_hidden()


async def test_a_long_name_in_an_empty_field_ends_in_an_ellipsis(open_page: OpenPage) -> None:
    """Chromium shows one only if the field and its placeholder both have it, and never in a field
    with the focus."""
    play = Play()
    play.start("A chat with a name that is longer than the field", "bob")
    page = await open_page(play, viewport=PHONE)
    await page.get_by_role("link", name="A chat").click()
    field = page.get_by_role("textbox", name="Message to")
    await expect(field).to_be_focused()
    await field.blur()
    looks = await field.evaluate("""field => [
        getComputedStyle(field), getComputedStyle(field, "::placeholder"),
    ].map(({ textOverflow, overflowX, whiteSpace }) => [textOverflow, overflowX, whiteSpace])""")
    assert looks == [["ellipsis", "hidden", "nowrap"]] * 2
