"""Long presses on a touch screen, and the sheets that they open."""

import asyncio

import pytest
from playwright.async_api import CDPSession, Locator, Route, expect

from tests.browser.accessibility import PHONE
from tests.browser.conftest import OpenPage
from tests.browser.stage import Play, uuid7
from tests.browser.test_states import make_play

pytestmark = pytest.mark.asyncio(loop_scope="session")

# As on a phone whose browser has no context menu for a long press.
NO_CONTEXT_MENU = """addEventListener('contextmenu', event => {
    event.preventDefault();
    event.stopImmediatePropagation();
}, {capture: true})"""


async def put_finger_on(node: Locator) -> CDPSession:
    """Near the corner of its box; the finger stays down until it is lifted."""
    box = await node.bounding_box()
    assert box
    finger = await node.page.context.new_cdp_session(node.page)
    points = [{"x": box["x"] + 10, "y": box["y"] + 10}]
    await finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    return finger


async def lift(finger: CDPSession) -> None:
    await finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def drag_up(node: Locator, by: int) -> None:
    """A finger put down near the end of its box, moved up by some pixels and lifted."""
    box = await node.bounding_box()
    assert box
    finger = await node.page.context.new_cdp_session(node.page)
    point = {"x": box["x"] + 100, "y": box["y"] + box["height"] - 20}
    for step in range(11):
        await finger.send(
            "Input.dispatchTouchEvent",
            {
                "type": "touchMove" if step else "touchStart",
                "touchPoints": [{**point, "y": point["y"] - step * by / 10}],
            },
        )
    await lift(finger)


async def test_a_long_press_opens_what_a_message_can_do(open_page: OpenPage) -> None:
    """The sheet stays when the finger is lifted, which selects nothing under it; a tap outside the
    sheet closes it."""
    play, party = make_play()
    play.say(party, "bob", "press me", minutes=200)
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("link", name="Summer party").tap()
    await expect(page.locator(".completion")).to_have_count(1)  # the helpers of a chat have loaded
    text = page.locator(".line", has_text="press me").locator(".text")
    finger = await put_finger_on(text)
    sheet = page.get_by_role("menu", name="Message")
    await expect(sheet).to_be_visible()
    await lift(finger)
    await page.wait_for_timeout(300)  # closing it would take no longer
    await expect(sheet.get_by_role("menuitem", name="Reply")).to_be_visible()
    await page.touchscreen.tap(195, 40)
    await expect(sheet).to_have_count(0)


async def test_a_long_press_opens_what_a_chat_can_do(open_page: OpenPage) -> None:
    """Even if the browser requests no menu; the sheet stays when the finger is lifted."""
    play, _ = make_play()
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.evaluate(NO_CONTEXT_MENU)
    row = page.get_by_role("link", name="Summer party")
    finger = await put_finger_on(row)
    sheet = page.get_by_role("menu", name="Summer party")
    await expect(sheet).to_be_visible()
    await lift(finger)
    await page.wait_for_timeout(300)  # closing it would take no longer
    await expect(sheet).to_be_visible()
    await expect(page.locator(".composer")).to_have_count(0)


@pytest.mark.parametrize("way", ["tap outside", "tap on an item", "key", "back"])
async def test_closing_a_sheet_does_nothing_else(open_page: OpenPage, way: str) -> None:
    """A tap outside does not click what lies below the sheet; the items work, and so does the next
    tap."""
    play, _ = make_play()
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    row = page.get_by_role("link", name="Summer party")
    finger = await put_finger_on(row)
    sheet = page.get_by_role("menu", name="Summer party")
    await expect(sheet).to_be_visible()
    await lift(finger)
    if way == "tap outside":
        box = await page.get_by_role("link", name="Book club").bounding_box()
        assert box
        await page.touchscreen.tap(box["x"] + 100, box["y"] + 10)
    elif way == "tap on an item":
        await sheet.get_by_role("menuitem", name="Mute").tap()
    elif way == "key":
        await sheet.get_by_role("menuitem", name="Mute").press("Enter")
    else:
        await page.go_back()
    await expect(sheet).to_have_count(0)
    await page.wait_for_function("() => history.state === null")
    is_muted = way in ("tap on an item", "key")
    await expect(row.get_by_text("Muted")).to_have_count(1 if is_muted else 0)
    await row.tap()
    await expect(page.get_by_role("textbox", name="Message to Summer party")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("navigation", name="Chats")).to_be_visible()
    assert page.url.endswith("/")


async def test_the_first_long_press_may_be_what_loads_the_menus(open_page: OpenPage) -> None:
    """It opens the sheet and not the chat, even if the finger is lifted before the sheet is there
    and what it lies on was redrawn."""
    play, party = make_play()
    page = await open_page(
        play, viewport=PHONE, has_touch=True, is_mobile=True, service_workers="block"
    )
    may_load = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_load.wait()
        await route.continue_()

    await page.route("**/later.js*", hold)
    await page.reload()
    row = page.get_by_role("link", name="Summer party")
    finger = await put_finger_on(row)
    play.say(party, "bob", "meanwhile", minutes=200)
    await expect(row).to_contain_text("meanwhile")
    await page.wait_for_timeout(600)  # a long press, whose menu is not there yet
    await lift(finger)
    await page.wait_for_timeout(300)  # opening the chat would take no longer
    may_load.set()
    await expect(page.get_by_role("menu", name="Summer party")).to_be_visible()
    await expect(page.locator(".composer")).to_have_count(0)


async def test_a_finger_scrolls_the_people_found(open_page: OpenPage) -> None:
    """It chooses whoever it taps, and nobody on whom it starts to scroll."""
    play = Play()
    play.people |= {uuid7(100 + number): f"kim{number:02}" for number in range(20)}
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("button", name="New chat").first.tap()
    picker = page.get_by_role("combobox", name="People in the chat")
    await picker.fill("kim")
    found = page.get_by_role("listbox", name="People found")
    await expect(found.get_by_role("option")).to_have_count(20)
    await drag_up(found, 120)
    await page.wait_for_function("() => document.querySelector('.picker .found').scrollTop > 0")
    await expect(page.locator(".chip")).to_have_count(0)
    await found.get_by_role("option", name="kim19").tap()
    await expect(page.locator(".chip")).to_contain_text(["kim19"])
    await expect(picker).to_be_focused()


async def test_a_finger_that_moves_takes_no_suggestion(open_page: OpenPage) -> None:
    """A tap takes one, and the focus stays in the field."""
    play, _ = make_play()
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("link", name="Summer party").tap()
    await expect(page.locator(".completion")).to_have_count(1)  # the helpers of a chat have loaded
    field = page.locator(".write textarea")
    await field.tap()
    await field.press_sequentially("@")
    option = page.get_by_role("option", name="cleo")
    await expect(option).to_be_visible()
    await drag_up(page.locator(".completion"), 60)
    await expect(field).to_have_value("@")
    await option.tap()
    await expect(field).to_have_value("@cleo ")
    await expect(field).to_be_focused()


# The pixels of a column through the middle of a node that press it.
REACH = """node => {
    const { left, width } = node.getBoundingClientRect();
    const rows = [...Array(innerHeight).keys()];
    return rows.filter(y => node.contains(document.elementFromPoint(left + width / 2, y))).length;
}"""


async def test_a_finger_reaches_the_name_of_a_chat_and_every_emoji(open_page: OpenPage) -> None:
    """They can be pressed within 44 pixels, like everything else."""
    play, _ = make_play()
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("link", name="Summer party").tap()
    await expect(page.locator(".completion")).to_have_count(1)  # the helpers of a chat have loaded
    assert await page.locator(".bar h1 button").evaluate(REACH) >= 44
    await page.get_by_role("button", name="Emoji", exact=True).tap()
    assert await page.locator(".emoji-grid button").first.evaluate(REACH) >= 44


async def test_a_tablet_has_the_text_in_the_middle_of_its_line(open_page: OpenPage) -> None:
    """Beside the buttons, which are higher for fingers."""
    play, _ = make_play()
    page = await open_page(play, viewport={"width": 820, "height": 1180}, has_touch=True)
    await page.get_by_role("link", name="Summer party").tap()
    parts = page.locator(".write .main > *:visible")
    await expect(parts).to_have_count(5)
    middles = await parts.evaluate_all("""nodes => nodes.map(node => {
        const { top, height } = node.getBoundingClientRect();
        return top + height / 2;
    })""")
    assert len(set(middles)) == 1
