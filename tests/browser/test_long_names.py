"""Names as long as they may be, without a gap: of people, chats and teams."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, NewContext, OpenPage
from tests.browser.stage import Play, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_names_without_a_gap_stay_where_they_stand(open_page: OpenPage) -> None:
    """In quotes, notes, the choice of people, and the message to a removed user."""
    play = Play()
    play.people[play.ids["bob"]] = "w" * 64
    chat = play.start("N" * 128, "ann", by="bob")
    garden = play.say(chat, "bob", "The garden is ours")
    play.say(chat, "ann", "from noon", replyTo=garden["messageId"])
    play.read_all()
    page = await open_page(play, viewport=PHONE)
    wide = "[...document.querySelectorAll('.app, .log, .side, .sheet')]" + (
        ".filter(one => one.scrollWidth > one.clientWidth).map(one => one.className)"
    )
    await page.get_by_role("link", name="NNN").click()
    await expect(page.locator(".note").first).to_contain_text("started the chat")
    quoted = page.locator(".quoted .cut").last
    await expect(quoted).to_have_text("The garden is ours")
    await expect(quoted).to_be_in_viewport(ratio=1)
    assert await page.evaluate(wide) == []
    await page.locator(".bar h1 button").click()
    people = page.locator(".people")
    await expect(people.locator(".person-row")).to_have_count(2)
    await people.hover()
    await page.mouse.wheel(200, 0)
    await expect(people).to_have_js_property("scrollLeft", 0)
    await page.go_back()
    await expect(people).to_be_hidden()
    await page.go_back()
    await page.get_by_role("button", name="New chat").click()
    await page.get_by_role("combobox", name="People in the chat").fill("www")
    await page.get_by_role("option").click()
    await expect(page.locator(".chip")).to_have_count(1)
    assert await page.evaluate(wide) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="NNN").click()
    play.tell(chat, "participant.removed", "bob", minutes=130, users=[play.ids["ann"]])
    await expect(page.locator(".notes")).to_contain_text("removed you")
    assert await page.evaluate(wide) == []


async def test_a_long_name_leaves_the_user_name_whole(open_page: OpenPage) -> None:
    """Where a person is chosen by it: for a chat, and for a mention."""
    play = Play()
    play.displayed["cleo"] = "W" * 64
    play.start("Party", "bob", "cleo")
    page = await open_page(play, viewport=PHONE)
    await page.get_by_role("button", name="New chat").click()
    await page.get_by_role("combobox", name="People in the chat").fill("cleo")
    user_name = page.get_by_role("option").get_by_text("cleo", exact=True)
    await expect(user_name).to_be_in_viewport(ratio=1)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Party").click()
    await page.get_by_role("textbox", name="Message to").press_sequentially("@cle")
    await expect(user_name).to_be_in_viewport(ratio=1)


async def test_a_team_with_a_long_name_invites_on_a_phone(
    new_context: NewContext, stage: Stage
) -> None:
    """The first page stays within the screen."""
    team = {"name": "W" * 64, "signup": "invite"}
    context = await new_context(viewport=PHONE)
    await context.route("**/api/instance", lambda route: route.fulfill(json=team))
    page = await stage.enter(context, None, "/#invite=code")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(team["name"])
    entry = page.locator(".entry")
    assert await entry.evaluate("entry => entry.scrollWidth <= entry.clientWidth")
