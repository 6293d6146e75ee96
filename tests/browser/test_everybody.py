"""The page without a mouse, magnified, in other scripts and colours, and without motion."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import Play

pytestmark = pytest.mark.asyncio(loop_scope="session")

ARABIC = "مرحبا، هل أنت هنا؟"
MAGNIFIED = {"width": 640, "height": 400}  # 1,280 by 800 at 200%


def make_play() -> tuple[Play, str]:
    play = Play()
    play.say(play.start("Kitchen", "ann", "bob", by="dan"), "dan", "There is cake")
    party = play.start("Summer party", "bob", "cleo")
    for number in range(6):
        play.say(party, "cleo", f"line {number}", minutes=100 + number)
    return play, party


async def test_everything_is_done_by_keyboard(open_page: OpenPage) -> None:
    """Into a chat, to its messages and their actions, writing, replying, completing, a command, the
    panel, the settings, the next chat: without a pointer."""
    play, _ = make_play()
    page = await open_page(play)
    keys, field = page.keyboard, page.locator(".write textarea")

    async def focused() -> str:
        return str(await page.evaluate(
            "(document.activeElement.getAttribute('aria-label')"
            " ?? document.activeElement.innerText).replaceAll(/\\s+/g, ' ')"
            " + document.activeElement.title"
        ))  # fmt: skip

    await keys.press("Control+k")
    await expect(page.get_by_role("combobox", name="Find a chat")).to_be_focused()
    await keys.type("summer")
    await keys.press("Enter")
    await expect(field).to_be_focused()
    await keys.type("by hand")
    await keys.press("Enter")
    await expect(page.locator(".text").last).to_have_text("by hand")
    await expect(field).to_be_focused()
    await expect(page.locator(".text", has_text="line 5")).to_be_visible()
    await keys.press("Shift+F6")
    await expect(page.get_by_role("log")).to_be_focused()
    await keys.press("ArrowUp")
    await keys.press("ArrowUp")
    await expect(page.locator(".line").filter(has_text="line 5")).to_be_focused()
    await keys.press("Enter")
    await expect(page.get_by_role("menu")).to_be_visible()
    while "Reply" not in await focused():
        await keys.press("ArrowDown")
    await keys.press("Enter")
    await expect(page.locator(".replying")).to_contain_text("line 5")
    await expect(field).to_be_focused()
    await keys.type("@cl")
    await expect(page.get_by_role("option", name="cleo")).to_be_visible()
    await keys.press("Tab")
    await expect(field).to_have_value("@cleo ")
    await keys.type("look :tad")
    await expect(page.get_by_role("option").first).to_contain_text("🎉")
    await keys.press("Enter")
    await keys.press("Enter")
    await expect(page.locator(".line").last).to_contain_text("look 🎉")
    await keys.type("/sh")
    await expect(page.get_by_role("option")).to_contain_text("/shrug")
    await keys.press("Tab")
    await keys.type("who knows")
    await keys.press("Enter")
    await expect(page.locator(".text").last).to_have_text("who knows ¯\\_(ツ)_/¯")
    await keys.type("/dance")
    await keys.press("Enter")
    await expect(page.locator(".limit")).to_contain_text("no command /dance")
    await expect(page.locator(".text").last).to_have_text("who knows ¯\\_(ツ)_/¯")
    await keys.press("Enter")
    await expect(page.locator(".text").last).to_have_text("/dance")
    await keys.press("ArrowUp")
    await expect(page.locator(".replying")).to_contain_text("Edit message")
    await keys.press("Escape")
    await keys.press("Shift+Tab")
    while await focused() != "Summer party":
        await keys.press("Shift+Tab")
    await keys.press("Enter")
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    await keys.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Settings")).to_be_focused()
    await keys.press("Escape")
    await expect(field).to_be_focused()
    await keys.press("Alt+ArrowDown")
    await expect(page.locator(".bar h1")).to_have_text("Kitchen")
    await keys.press("Control+/")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await keys.press("Escape")
    await keys.press("F6")
    while "Settings" not in await focused():
        await keys.press("Tab")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog", name="ann")).to_be_visible()
    await keys.press("Escape")
    await expect(page.get_by_title("Settings")).to_be_focused()


async def test_it_can_be_magnified_to_twice_its_size(open_page: OpenPage) -> None:
    """At 200% nothing is cut off, and there is room to read and write."""
    play, _ = make_play()
    page = await open_page(play, viewport=MAGNIFIED)
    await page.get_by_role("link", name="Summer party").click()
    await expect(page.locator(".line").last).to_be_in_viewport()
    log = await page.get_by_role("log").bounding_box()
    field = await page.locator(".write").bounding_box()
    assert log
    assert field
    assert log["height"] >= 180
    assert field["x"] >= 0
    assert field["x"] + field["width"] <= MAGNIFIED["width"]
    assert field["y"] + field["height"] <= MAGNIFIED["height"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= MAGNIFIED["width"]
    await page.locator(".bar h1 button").click()
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_role("button", name="Leave this chat").scroll_into_view_if_needed()
    await expect(page.get_by_role("button", name="Leave this chat")).to_be_in_viewport()


async def test_the_panel_of_a_chat_hides_what_it_covers(open_page: OpenPage) -> None:
    """At 200% it covers the chat: keys go around in the panel, and back to the chat with it."""
    play, _ = make_play()
    page = await open_page(play, viewport=MAGNIFIED)
    await page.get_by_role("link", name="Summer party").click()
    await page.locator(".bar h1 button").click()
    panel, has_focus = page.locator(".panel"), "panel => panel.contains(document.activeElement)"
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    for key in ("F6", "Shift+F6", "F6"):
        await page.keyboard.press(key)
        assert await panel.evaluate(has_focus)
    for key in ("Tab", "Shift+Tab"):
        for _ in range(20):
            await page.keyboard.press(key)
            assert await panel.evaluate(
                f"panel => ({has_focus})(panel) || !document.hasFocus()"
                " || document.activeElement === document.body"
            )
    await page.get_by_role("button", name="Back to the chat").click()
    await expect(page.get_by_role("textbox", name="Message to")).to_be_focused()


async def test_each_paragraph_has_the_direction_of_its_script(open_page: OpenPage) -> None:
    """Arabic begins at the right, English next to it at the left, code always at the left."""
    play, party = make_play()
    play.say(party, "bob", f"- one\n- two\n{ARABIC}\nHello\n```\n{ARABIC}\n```\n> {ARABIC}")
    play.say(party, "bob", f"{ARABIC} Hello")
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    directions = await page.locator(".text").nth(-2).evaluate(
        "text => [...text.children].map(one => [one.tagName, getComputedStyle(one).direction])"
    )  # fmt: skip
    assert directions == [["UL", "ltr"], ["P", "rtl"], ["PRE", "ltr"], ["BLOCKQUOTE", "rtl"]]
    last = page.locator(".text p").last
    assert await last.evaluate("p => getComputedStyle(p).direction") == "rtl"
    field = page.locator(".write textarea")
    await field.fill(ARABIC)
    assert await field.evaluate("field => getComputedStyle(field).direction") == "rtl"


# Whether the first letter of the text in a node is inside it.
STARTS_INSIDE = """node => {
    const range = document.createRange();
    range.setStart(node.lastChild, 1);
    range.setEnd(node.lastChild, 2);
    const [letter, box] = [range, node].map(one => one.getBoundingClientRect());
    return letter.left >= box.left && letter.right <= box.right;
}"""


async def test_a_message_that_is_answered_is_seen_from_its_beginning(open_page: OpenPage) -> None:
    """Also one that begins at the right: it is cut off at the left."""
    play, party = make_play()
    play.say(party, "bob", ARABIC * 20)
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    await page.locator(".line").last.hover()
    await page.get_by_role("button", name="Reply", exact=True).click()
    said = page.locator(".replying .cut").last
    await expect(said).to_contain_text(ARABIC)
    assert await said.evaluate(STARTS_INSIDE)


async def test_a_caret_that_moves_on_is_not_completed(open_page: OpenPage) -> None:
    """The suggestions close when the caret leaves the word, and Enter sends the text as written."""
    play, _ = make_play()
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    field, suggestions = page.locator(".write textarea"), page.locator(".completion")
    await field.press_sequentially("Who asks @cl")
    await expect(suggestions).to_be_visible()
    await field.press("Home")
    await expect(suggestions).to_be_hidden()
    await field.press("Enter")
    await expect(page.locator(".text").last).to_have_text("Who asks @cl")
    await expect(field).to_have_value("")


async def test_a_new_line_is_a_new_line(open_page: OpenPage) -> None:
    """Also an empty one, and leading spaces, in plain text and in a quote."""
    play, party = make_play()
    text = "Bring:\n\n  lanterns\n  a rope"
    play.say(party, "bob", text)
    play.say(party, "bob", "> one\n> two")
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    shown = page.locator(".text")  # Playwright's own comparison collapses white space
    await expect(shown.last).to_contain_text("two")
    assert await shown.nth(-2).inner_text() == text
    assert await shown.last.inner_text() == "one\ntwo"


async def test_forced_colours_show_what_is_chosen(open_page: OpenPage) -> None:
    """The open chat, the focus and the user's own reaction are distinguishable without our
    colours."""
    play, party = make_play()
    first = play.say(party, "cleo", "Who comes?")
    play.change("reaction.added", first, "ann", emoji="🎉")
    play.change("reaction.added", first, "bob", emoji="🌿")
    page = await open_page(play, forced_colors="active")
    await page.get_by_role("link", name="Summer party").click()
    await page.locator(".reaction").first.wait_for()

    async def look(selector: str) -> str:
        return str(await page.locator(selector).first.evaluate(
            "one => { const {outline, border, backgroundColor} = getComputedStyle(one);"
            "return [outline, border, backgroundColor].join() }"
        ))  # fmt: skip

    assert await look(".row[aria-current]") != await look(".row:not([aria-current])")
    pressed, free = ".reaction[aria-pressed='true']", ".reaction[aria-pressed='false']"
    assert await look(pressed) != await look(free)
    assert "none" not in await look(".write textarea:focus, .write:focus-within")


async def test_forced_colours_leave_the_rules_and_marks(open_page: OpenPage) -> None:
    """A day, the first unread message and a mention of the reader are distinguishable: a line
    survives if a background does not."""
    play, party = make_play()
    play.read_all()
    play.say(party, "cleo", "Are you coming?", mentions=[play.ids["ann"]])
    page = await open_page(play, forced_colors="active")
    await page.get_by_role("link", name="Summer party").click()
    for selector in (".day", ".new", ".line.for-me", ".row[aria-current]"):
        width = await page.locator(selector).first.evaluate(
            "one => { const {borderTopWidth, borderLeftWidth} = getComputedStyle(one, '::before');"
            "return Math.max(parseFloat(borderTopWidth), parseFloat(borderLeftWidth)) }"
        )
        assert width > 0, selector


async def test_nothing_moves_for_whoever_wants_it_so(open_page: OpenPage) -> None:
    """With reduced motion, animations and transitions take no time."""
    play, party = make_play()
    page = await open_page(play, reduced_motion="reduce")
    await page.get_by_role("link", name="Summer party").click()
    await page.locator(".line").last.hover()
    play.say(party, "cleo", "new")
    await expect(page.locator(".text").last).to_have_text("new")
    slow = await page.evaluate(
        "[...document.querySelectorAll('*')].filter(one => {"
        "const {transitionDuration, animationDuration, animationName} = getComputedStyle(one);"
        "return parseFloat(transitionDuration) > 0.001"
        " || (animationName !== 'none' && parseFloat(animationDuration) > 0.001) })"
        ".map(one => one.className)"
    )
    assert slow == []
    assert (
        await page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    )
