"""Reading on any screen, in any script, whatever others write."""

import pytest
from playwright.async_api import expect

from tests.browser.company import FIRST_LINE, TOP_OF_LINE, long_chat, two
from tests.browser.conftest import PHONE, NewContext, OpenWindow
from tests.browser.stage import Play, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_LINES = 300
HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "<svg onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "javascript:alert(1)",
    'https://example.org/" onmouseover="alert(1)',
    "`<b>code</b>`",
    "{{constructor.constructor('alert(1)')()}}",
    "</title><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
ODD = [
    "مرحبا بكم في الدردشة، كيف حالكم اليوم؟",
    "שלום עולם and English",
    "\u202egnirts desrever",
    "W" * 8_192,
    "👩‍👩‍👧‍👦 🏳️‍🌈 😀",
    "Z̸̡̢̧͎̘̲͔̥͝a̵̛l̶g̷o",
    "one\ntwo\n\n  three",
]

CONTRASTS = """() => {
  const paint = document.createElement("canvas").getContext("2d");
  const probe = document.body.appendChild(document.createElement("i"));
  const light = (name) => {
    probe.style.color = `var(--${name})`;
    paint.fillStyle = getComputedStyle(probe).color;
    paint.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...paint.getImageData(0, 0, 1, 1).data].map((byte) => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const pairs = {};
  for (const ground of ["ground", "side", "raised", "wash"]) {
    for (const ink of ["ink", "soft", "accent", "bad"]) {
      pairs[`${ink} on ${ground}`] = ratio(ink, ground);
    }
  }
  pairs["on-accent on accent"] = ratio("on-accent", "accent");
  return pairs;
}"""


async def test_older_messages_load_as_one_scrolls(enter: OpenWindow) -> None:
    """450 messages are read from the newest to the first, with at most 300 in the document."""
    ann = await enter()
    async with long_chat(ann, 450):
        await ann.open_chat("Long")
        await ann.button("Latest").click()
        await expect(ann.page.get_by_role("link", name="Long").locator(".badge")).to_have_count(0)
    await ann.page.reload()
    await expect(ann.log.locator(".text").last).to_be_in_viewport()
    assert await ann.scroll_gap() < 100
    for _ in range(400):
        place = await ann.log.evaluate(
            "log => { const li = [...log.querySelectorAll('li.line')]"
            ".find(one => one.getBoundingClientRect().top > log.getBoundingClientRect().top);"
            "return [li.dataset.key, Math.round(li.getBoundingClientRect().top)]; }"
        )
        await ann.log.evaluate("log => { log.scrollTop -= 300; }")  # a wheel event may arrive late
        await ann.page.wait_for_timeout(20)
        moved = await ann.log.evaluate(
            f"(log, key) => Math.round(({TOP_OF_LINE})(log, key))",
            place[0],
        )
        assert moved - place[1] in range(-1, 302), "a page of the past must not move what is read"
        assert await ann.log.locator(".line").count() <= MOST_LINES
        if await ann.log.get_by_text("started the chat").count():
            break
    else:
        pytest.fail("The first message was not reached.")
    await ann.button("Latest").click()
    await expect(ann.log.locator(".text").last).to_be_in_viewport()
    assert await ann.scroll_gap() < 1


async def test_the_reader_keeps_their_place_when_others_write(enter: OpenWindow) -> None:
    """A reader further up is not moved; a button counts new messages and leads to them."""
    ann = await enter()
    async with long_chat(ann, 60) as (bob, chat):
        await ann.open_chat("Long")
        await ann.button("Latest").click()
        await expect(ann.log.locator(".text").last).to_be_in_viewport()
        await ann.log.evaluate("log => { log.scrollTop -= 1000; }")
        await expect(ann.button("Latest")).to_be_visible()
        first = await ann.log.evaluate(FIRST_LINE)
        before = await ann.log.evaluate(TOP_OF_LINE, first)
        for number in range(3):
            await bob.post(chat, f"news {number}")
        await expect(ann.button("3 new")).to_be_visible()
        assert abs(await ann.log.evaluate(TOP_OF_LINE, first) - before) <= 1
        await ann.button("3 new").click()
        await expect(ann.log.locator(".text").last).to_be_in_viewport()
        await bob.post(chat, "who is at the end follows")
        await expect(ann.log.locator(".text").last).to_have_text("who is at the end follows")
        await expect(ann.log.locator(".text").last).to_be_in_viewport()


async def test_a_chat_is_found_where_it_was_left(enter: OpenWindow) -> None:
    """Even if older messages had been loaded; unread messages take precedence."""
    ann = await enter()
    await ann.start_chat("Other")
    async with long_chat(ann, 260) as (bob, chat):
        await ann.open_chat("Long")
        await ann.button("Latest").click()
        await expect(ann.log.locator(".text").last).to_be_in_viewport()
        await ann.log.evaluate("log => { log.scrollTop = 100; }")
        await expect(ann.button("Latest")).to_be_visible()
        await expect(ann.log).not_to_have_attribute("aria-busy", "true")
        first = await ann.log.evaluate(FIRST_LINE)
        before = await ann.log.evaluate(TOP_OF_LINE, first)
        await ann.open_chat("Other")
        await ann.open_chat("Long")
        await expect(ann.button("Latest")).to_be_visible()
        assert await ann.log.evaluate(FIRST_LINE) == first
        assert abs(await ann.log.evaluate(TOP_OF_LINE, first) - before) <= 1
        await ann.open_chat("Other")
        await bob.post(chat, "news")
        await expect(ann.page.get_by_role("link", name="Long")).to_contain_text("Unread: 1")
        await ann.open_chat("Long")
        await expect(ann.line("news")).to_be_in_viewport()


async def test_text_can_be_read_in_both_schemes(open_window: OpenWindow) -> None:
    """Text has a contrast of 7 to 1 with its background, secondary text 4.5 to 1 (WCAG 2)."""
    ann = await open_window()
    weak: dict[str, float] = {}
    for scheme in ("light", "dark"):
        await ann.page.emulate_media(color_scheme=scheme)
        weak |= {
            f"{pair}, {scheme}": round(ratio, 2)
            for pair, ratio in (await ann.page.evaluate(CONTRASTS)).items()
            if ratio < (7 if pair.startswith("ink") else 4.5)
        }
    assert weak == {}


async def test_no_text_breaks_the_page(enter: OpenWindow) -> None:
    """Right-to-left scripts, emoji and 8 KiB without a break stay inside the page."""
    ann = await enter()
    await ann.start_chat("صيف في الحديقة 👩‍👩‍👧‍👦")
    for text in ODD:
        await ann.write(text)
    await expect(ann.log.locator(".text")).to_have_count(len(ODD))
    await expect(ann.log.locator(".pending")).to_have_count(0)
    overflow = (
        "[...document.querySelectorAll('html, .app, .chat, .bar, .log, .foot')]"
        ".map(one => one.scrollWidth - one.clientWidth)"
    )
    for width in (1280, 390):
        await ann.resize(width, 844)
        assert set(await ann.page.evaluate(overflow)) == {0}
    await ann.button("Show all of it").click()
    for width in (390, 1280):
        await ann.resize(width, 844)
        assert set(await ann.page.evaluate(overflow)) == {0}


async def test_what_people_write_is_never_markup(enter: OpenWindow) -> None:
    """Hostile text as message, chat name or search is shown unchanged and does nothing."""
    ann, bob = await two(enter)
    await ann.start_chat(HOSTILE[0], bob.name)
    for text in HOSTILE:
        await ann.write(text)
    await bob.open_chat(HOSTILE[0])
    shown = [text.strip("`") for text in HOSTILE]
    await bob.expect_lines(*shown)
    links = await bob.log.locator("a").evaluate_all("all => all.map(one => one.href)")
    assert links == ["https://example.org/"]
    assert await bob.log.locator("a").get_attribute("rel") == "noopener noreferrer"
    await ann.open_panel("Settings")
    for text in HOSTILE:
        await ann.field("Name of the chat").fill(text)
        await ann.button("Save").click()
        await expect(bob.page.locator(".bar h1")).to_have_text(text)
    await ann.page.keyboard.press("Control+k")
    for text in HOSTILE:
        await ann.page.get_by_role("combobox", name="Find a chat, a person").fill(text)
    for window in (ann, bob):
        await expect(window.log.locator("img, script, b, [onload]")).to_have_count(0)


async def test_a_phone_shows_one_pane_with_a_way_back(enter: OpenWindow) -> None:
    """Below 720 pixels there is the list or the chat; the page's and the browser's back buttons
    lead to the list."""
    ann = await enter(viewport=PHONE, has_touch=True, is_mobile=True)
    await ann.start_chat("Pocket")
    chats = ann.page.get_by_role("navigation", name="Chats")
    await expect(chats).to_be_hidden()
    await ann.composer.fill("two")
    await ann.composer.press("Enter")
    await ann.composer.press_sequentially("lines")
    await ann.button("Send").tap()
    await ann.expect_lines("two\nlines")
    await ann.page.get_by_role("link", name="All chats").tap()
    await expect(chats).to_be_visible()
    await expect(ann.log).to_have_count(0)
    await ann.page.get_by_role("link", name="Pocket").tap()
    await expect(ann.composer).to_be_visible()
    await ann.page.go_back()
    await expect(chats).to_be_visible()
    small = await ann.page.evaluate(
        "[...document.querySelectorAll('button, a, input')].filter(one => one.offsetParent)"
        ".filter(one => one.offsetHeight < 44).map(one => one.outerHTML.slice(0, 80))"
    )
    assert small == []


async def test_everything_works_by_keyboard_alone(
    open_window: OpenWindow, enter: OpenWindow
) -> None:
    """From signing up to reading: without a pointer, with the focus always visible."""
    ann, bob = await open_window(), await enter()
    keys = ann.page.keyboard
    await expect(ann.field("Name")).to_be_focused()
    await keys.type(f"k{bob.name}"[:20])
    await keys.press("Tab")
    await keys.type(f"k{bob.name}@example.org")
    await keys.press("Enter")
    find = ann.page.get_by_role("combobox", name="Find a chat, a person")
    await expect(ann.button("Find somebody").last).to_be_focused()
    await keys.press("Enter")
    await expect(find).to_be_focused()
    await keys.type(bob.name)
    await expect(ann.page.get_by_role("option", name=bob.name)).to_be_visible()
    await keys.press("Enter")
    await expect(ann.composer).to_be_focused()
    await keys.type("first")
    await keys.press("Shift+Enter")
    await keys.type("second")
    await keys.press("Enter")
    await ann.expect_lines("first\nsecond")
    await expect(ann.composer).to_be_focused()
    await keys.type("another")
    await keys.press("Enter")
    await ann.expect_lines("first\nsecond", "another")
    await keys.press("Control+k")
    await expect(find).to_be_focused()
    await keys.press("Escape")
    await expect(ann.composer).to_be_focused()
    await keys.press("Shift+F6")
    await expect(ann.log).to_be_focused()
    await keys.press("ArrowUp")
    await keys.press("ArrowUp")
    await expect(ann.log.locator(".line").first).to_be_focused()
    await keys.press("?")
    await expect(ann.page.get_by_role("dialog", name="Keys")).to_be_visible()
    await keys.press("Escape")
    await expect(ann.page.get_by_role("dialog")).to_have_count(0)
    await keys.press("Escape")
    await expect(ann.composer).to_be_focused()


async def test_alt_and_arrows_go_through_the_chats(enter: OpenWindow) -> None:
    """Alt with an arrow opens the next chat, with Shift the next unread one."""
    ann, bob = await two(enter)
    for name in ("Third", "Second", "First"):
        await ann.start_chat(name, bob.name)
    await bob.open_chat("Third")
    await bob.write("news")
    await expect(ann.page.get_by_role("link", name="Third")).to_contain_text("Unread: 1")
    title = ann.page.locator(".bar h1")
    await expect(title).to_have_text("First")
    await ann.page.keyboard.press("Alt+ArrowDown")
    await expect(title).to_have_text("Second")
    await ann.page.keyboard.press("Alt+Shift+ArrowUp")
    await expect(title).to_have_text("Third")


async def test_a_module_that_did_not_come_is_loaded_again(
    new_context: NewContext, stage: Stage
) -> None:
    """A network change while the page loads delays it and does not leave it empty."""
    play = Play()
    play.start("Party", "bob")
    script = stage.files.pop("/web/main.js")
    try:
        page = await stage.enter(await new_context(), play)
        await expect(page.get_by_text("Trying again")).to_be_visible()
    finally:
        stage.files["/web/main.js"] = script
    await expect(page.get_by_role("link", name="Party")).to_be_visible()
