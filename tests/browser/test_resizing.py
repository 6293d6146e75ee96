"""Windows that change their size: what the reader sees stays."""

import pytest
from playwright.async_api import expect

from tests.browser.company import FIRST_LINE, long_chat, post_many, until
from tests.browser.conftest import PHONE, OpenPage, OpenWindow
from tests.browser.stage import Play
from tests.browser.test_states import make_play

KEYBOARD = """([height, offsetTop]) => {
    const values = {height: {value: height, configurable: true},
                    offsetTop: {value: offsetTop, configurable: true}};
    Object.defineProperties(visualViewport, values);
    visualViewport.dispatchEvent(new Event('resize'));
}"""

ONE_MORE_FRAME = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_another_width_keeps_the_place(enter: OpenWindow) -> None:
    """A reader further up sees the same line after the window has become narrower."""
    ann = await enter(viewport={"width": 1200, "height": 700})
    async with long_chat(ann, 20) as (bob, chat):
        wide = "words that wrap in a narrow window " * 8
        await post_many(bob, chat, [f"{number} {wide}" for number in range(60)])
        await bob.post(chat, "the last one")
        await expect(ann.page.get_by_role("link", name="Long")).to_contain_text("the last one")
    await ann.open_chat("Long")
    await ann.button("Latest").click()
    await expect(ann.log.locator(".text").last).to_be_in_viewport()
    await ann.log.evaluate("log => { log.scrollTop -= 1500; }")
    await expect(ann.page.locator(".top-edge")).to_be_visible()
    before = await ann.log.evaluate(FIRST_LINE)
    await ann.page.set_viewport_size({"width": 400, "height": 700})
    await expect(ann.page.get_by_role("navigation", name="Chats")).to_be_hidden()

    async def is_where_it_was() -> bool:
        return bool(await ann.log.evaluate(FIRST_LINE) == before)

    await until(is_where_it_was)
    await ann.page.evaluate(ONE_MORE_FRAME)
    assert await is_where_it_was()


@pytest.mark.parametrize("event", ["focus", "scroll"])
async def test_a_resize_keeps_the_place_whatever_else_its_frame_has(
    open_page: OpenPage, event: str
) -> None:
    """A draw, which the focus causes, or a scroll event: of a reader further up, and at the end of
    a chat when the keyboard opens."""
    play = Play()
    chat = play.start("Long", "bob")
    for number in range(80):
        play.say(chat, "bob", f"{number} words that wrap " + "in a narrow window " * 12)
    play.read_all()
    page = await open_page(play, viewport={"width": 1200, "height": 700})
    await page.get_by_role("link", name="Long").click()
    log = page.get_by_role("log")
    last = log.locator(".text").last
    await expect(last).to_be_in_viewport()
    with_resize = f"""log => addEventListener("resize", () => {{
        ("{event}" === "scroll" ? log : window).dispatchEvent(new Event("{event}"));
    }})"""
    await log.evaluate(with_resize)
    for width, height in ((390, 700), (390, 380), (1200, 700)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.wait_for_function("height => innerHeight === height", arg=height)
        await expect(last).to_be_in_viewport()
    play.say(chat, "bob", "the last one")
    await expect(log.get_by_text("the last one")).to_be_in_viewport()
    await log.evaluate("log => { log.scrollTop -= 1500; }")
    await expect(page.locator(".top-edge")).to_be_visible()
    before = await log.evaluate(FIRST_LINE)
    await page.set_viewport_size({"width": 400, "height": 700})
    await expect(page.get_by_role("navigation", name="Chats")).to_be_hidden()

    async def is_where_it_was() -> bool:
        return bool(await log.evaluate(FIRST_LINE) == before)

    await until(is_where_it_was)
    await page.evaluate(ONE_MORE_FRAME)
    assert await is_where_it_was()


async def test_a_keyboard_that_lies_over_the_page_covers_nothing(open_page: OpenPage) -> None:
    """As in Safari: the page keeps its height, but less of it is visible. The keyboard opens for
    writing, and not for reading."""
    play, party = make_play()
    for number in range(80):
        play.say(party, "bob", f"line {number}", minutes=200 + number)
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await page.get_by_role("link", name="Summer party").tap()
    field = page.locator(".write textarea")
    await page.get_by_role("button", name="Latest").tap()
    await expect(page.locator(".line").last).to_be_in_viewport()
    await page.locator(".bar h1 button").tap()
    await page.get_by_role("button", name="Back to the chat").tap()
    await expect(field).not_to_be_focused()
    await page.evaluate(KEYBOARD, [430, 60])
    await expect(page.locator(".app")).to_have_css("height", "430px")
    bar = await page.locator(".bar").bounding_box()
    below = await field.bounding_box()
    assert bar
    assert below
    assert bar["y"] >= 60
    assert below["y"] + below["height"] <= 490
    top = below["y"]

    async def is_last_line_above() -> bool:
        last = await page.locator(".line").last.bounding_box()
        return last is not None and last["y"] + last["height"] <= top

    await until(is_last_line_above)
    await page.evaluate(KEYBOARD, [PHONE["height"], 0])
    await expect(page.locator(".app")).to_have_css("height", f"{PHONE['height']}px")
