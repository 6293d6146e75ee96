"""Texts that are collapsed until the reader wants all of them."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.stage import party

LONG = "\n".join(f"line {number}" for number in range(120))

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_long_text_stays_unfolded(open_page: OpenPage) -> None:
    """Whatever happens to its message; the focus moves from the button to the line."""
    play, chat = party()
    said = play.say(chat, "bob", "\n".join(f"line {number}" for number in range(60)))
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    more = page.get_by_role("button", name="Show all of it")
    await more.focus()
    await page.keyboard.press("Enter")
    await expect(more).to_have_count(0)
    await expect(page.locator(".line")).to_be_focused()
    height = await page.locator(".text").evaluate("text => text.clientHeight")
    play.change("reaction.added", said, "bob", emoji="🎉")
    await expect(page.locator(".reaction").first).to_be_visible()
    await expect(more).to_have_count(0)
    assert await page.locator(".text").evaluate("text => text.clientHeight") == height


async def test_a_long_text_is_collapsed(open_page: OpenPage) -> None:
    """Until the reader wants it: then they read on from its beginning, even in the newest one."""
    play, chat = party()
    said = play.say(chat, "bob", LONG)
    play.read_all()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    text, more = page.locator(".text"), page.get_by_role("button", name="Show all of it")
    await expect(more).to_be_in_viewport()
    assert await text.evaluate("text => text.offsetHeight") == 320
    await more.click()
    height, whole = await text.evaluate("text => [text.offsetHeight, text.scrollHeight]")
    assert height == whole > 2_000
    play.change("reaction.added", said, "bob", emoji="🎉")
    await expect(page.locator(".reaction").first).to_be_attached()
    await expect(page.locator(".by")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("`word`" * 1_300, "code"),
        ("- word\n" * 1_100, "li"),
        ("> word\nword\n" * 600, "blockquote"),
        ("**word** " * 900, "b"),
    ],
)
async def test_a_collapsed_text_is_built_as_far_as_it_is_seen(
    open_page: OpenPage, text: str, kind: str
) -> None:
    """Fifty texts of thousands of parts would stop the page for a quarter of a minute."""
    play, chat = party()
    play.say(chat, "bob", text)
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    shown = page.locator(".text")
    parts = shown.locator(kind)
    await expect(parts.first).to_have_text("word")
    assert 200 < await shown.evaluate("text => text.offsetHeight") <= 320
    words = await parts.all_inner_texts()
    assert 14 < len(words) <= 600
    assert {*words[:-1]} == {"word"}
    await page.get_by_role("button", name="Show all of it").click()
    await expect(parts).to_have_count(text.count("word") // (2 if kind == "blockquote" else 1))


async def test_a_reader_returns_to_a_text_that_is_collapsed_again(open_page: OpenPage) -> None:
    """To its beginning, if they left the chat further down in it."""
    play, chat = party()
    for text in ("before it", LONG, *(f"after it {number}" for number in range(40))):
        play.say(chat, "bob", text)
    play.say(play.start("Other", "bob"), "bob", "elsewhere")
    play.read_all()
    page = await open_page(play)
    await page.get_by_role("link", name="Party").click()
    more = page.get_by_role("button", name="Show all of it")
    await more.click()
    await page.get_by_role("log").evaluate("log => { log.scrollTop += 1000; }")
    await expect(page.locator(".top-edge")).to_be_visible()
    await page.get_by_role("link", name="Other").click()
    await expect(page.get_by_text("elsewhere", exact=True)).to_be_in_viewport()
    await page.get_by_role("link", name="Party").click()
    await expect(more).to_be_in_viewport()
