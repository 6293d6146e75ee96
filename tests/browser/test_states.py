"""Every state of the page on a stage: what an accessibility checker finds, and what it costs."""

import re

import pytest
from playwright.async_api import Request, expect

from tests.browser.accessibility import PHONE, check
from tests.browser.conftest import NewContext, OpenPage
from tests.browser.stage import Play, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEEDS_HTTPS = "only where Hubbub is opened over https"
WHEN_IDLE = "/web/(later|talk|version)"  # fetched after the first view, on a fast machine soon


def make_play() -> tuple[Play, str]:
    """A few chats with everything that a message can contain; the last of them is a party's."""
    play = Play()
    chats = [
        play.start(name, "ann", "bob", by="dan") for name in ("Kitchen", "Design", "Book club")
    ]
    for chat in chats:
        play.say(chat, "dan", f"News of {play.chats[chat]['chatName']}, **bold** and `code`")
    bobs = play.start("", "bob")
    play.say(bobs, "bob", "Shall I order the lanterns today?")
    play.say(play.start("", "cleo"), "cleo", "The photos are in the album")
    party = play.start("Summer party", "ann", "bob", "dan", "esra", by="cleo")
    first = play.say(party, "cleo", "The one by the river has answered.")
    for who, emoji in (("bob", "🎉"), ("ann", "🎉"), ("dan", "🌿")):
        play.change("reaction.added", first, who, emoji=emoji)
    mine = play.say(party, "ann", "Is the code `4711#`?", replyTo=first["messageId"], minutes=103)
    play.change("message.edited", mine, "ann", message="Is the code still `4711#`?")
    play.say(party, "cleo", "@ann they changed it.", mentions=[play.ids["ann"]], minutes=104)
    play.change("message.deleted", play.say(party, "bob", "oops", minutes=110), "bob")
    nearly = play.say(
        party, "bob", "> Is it ready?\nNearly, see https://example.org:\n- a\n- b\n```\nmake\n```",
        minutes=111,
    )  # fmt: skip
    about = {"description": "What is left", "siteName": "Our plans"}
    preview = {"url": "https://example.org", "title": "The list", **about}
    play.change("links.previewed", nearly, "bob", previews=[preview])
    play.chats[party]["topic"] = "20 June, by the river"
    play.read_all()
    kitchen, design, club = chats
    play.mine[kitchen] |= {"read": 1, "notify": "none"}
    play.mine[design]["archived"] = True
    play.mine[club]["read"] = 1
    play.mine[bobs]["read"] = 1
    return play, party


async def test_the_first_page_is_accessible(open_page: OpenPage) -> None:
    """Signing up, its errors, and logging in."""
    page = await open_page(None)
    await expect(page.get_by_role("button", name="Sign up")).to_be_visible()
    await check(page, "sign-up")
    await page.get_by_role("button", name="Sign up").click()
    await expect(page.get_by_text("Enter your e-mail address.")).to_be_visible()
    await check(page, "errors")
    await page.get_by_role("button", name="log in").click()
    await expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    await check(page, "log-in")


async def test_the_places_of_a_desk_are_accessible(open_page: OpenPage) -> None:
    """The list in both densities, a chat with all parts of a message, and all layers over it."""
    play, _ = make_play()
    page = await open_page(play)
    await check(page, "no chat is open")
    keys, field = page.keyboard, page.locator(".write textarea")
    await page.get_by_role("button", name="Archived 1").click()
    await check(page, "archived chats")
    await page.get_by_role("link", name="Kitchen").click(button="right")
    await expect(page.get_by_role("menu")).to_be_visible()
    await check(page, "menu of a chat")
    await keys.press("Escape")
    bob = page.locator(".row").filter(has=page.locator(".title").filter(has_text="Bob, here now"))
    await expect(bob.locator(".presence")).to_have_count(1)
    await bob.click()
    await expect(page.locator(".bar p")).to_have_text("Here now · Looking for speakers")
    await check(page, "direct chat")
    await page.get_by_role("link", name="Summer party").click()
    await page.locator(".log .author").first.click()
    await expect(page.get_by_role("menu")).to_contain_text("away")
    await check(page, "menu of a person")
    await keys.press("Escape")
    line = page.locator(".line").filter(has_text="Is the code still").last
    await line.hover()
    await check(page, "chat")
    await line.get_by_role("button", name="More", exact=True).click()
    await expect(page.get_by_role("menu")).to_be_visible()
    await check(page, "menu of a message")
    await page.get_by_role("menuitem", name="Reply", exact=True).click()
    await check(page, "answering")
    await keys.press("Escape")
    await field.press("ArrowUp")
    await expect(page.locator(".replying")).to_contain_text("Edit message")
    await check(page, "editing")
    await keys.press("Escape")
    await field.press_sequentially("@")
    await expect(page.get_by_role("option").first).to_be_visible()
    await check(page, "completion")
    await keys.press("Escape")
    await field.fill("")
    await page.get_by_role("button", name="Add a reaction").first.click()
    await expect(page.get_by_role("button", name="🔥")).to_be_visible()
    await check(page, "picker")
    await keys.press("Escape")
    await page.locator(".bar h1 button").click()
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    await check(page, "people")
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_role("button", name="Leave this chat").click()
    await check(page, "settings of a chat")
    await keys.press("Escape")
    await keys.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await check(page, "finder")
    await page.get_by_role("combobox").fill("code")
    await expect(page.locator(".hit.message mark").first).to_be_visible()
    await check(page, "finder with messages")
    await page.get_by_role("combobox").fill("zzz")
    await expect(page.get_by_text("No matches")).to_be_visible()
    await check(page, "finder without a match")
    await keys.press("Escape")
    await keys.press("Control+/")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await check(page, "keys")
    await keys.press("Escape")
    await page.get_by_role("button", name="New chat").click()
    await expect(page.get_by_role("combobox")).to_have_css("border-top-width", "0px")  # see its box
    await check(page, "new chat")
    await keys.press("Escape")
    await page.get_by_title("Settings").click()
    await page.get_by_text("Compact").click()
    await page.get_by_role("button", name="Log out").click()
    await check(page, "own settings")
    await keys.press("Escape")
    await check(page, "compact list")


async def test_notification_settings_are_accessible(open_page: OpenPage) -> None:
    """If the browser has not been asked, has agreed or refused, or cannot show notifications:
    Chromium on plain http, where it seems to have refused, and others."""
    play, _ = make_play()
    page = await open_page(play)
    is_insecure = "Object.defineProperty(globalThis, 'isSecureContext', {value: false})"
    for permission, words in (
        ("default", "Turn on notifications"), ("granted", "With sound"), ("denied", "blocks"),
        ("none", NEEDS_HTTPS), ("denied on http", NEEDS_HTTPS),
    ):  # fmt: skip
        if permission == "none":
            await page.evaluate("window.kept = Notification; delete globalThis.Notification")
        elif permission == "denied on http":
            await page.evaluate(f"globalThis.Notification = window.kept; {is_insecure}")
        else:
            await page.evaluate(
                "permission => Object.defineProperty("
                "Notification, 'permission', {value: permission, configurable: true})",
                permission,
            )
        await page.get_by_title("Settings").click()
        await expect(page.get_by_role("dialog")).to_contain_text(words)
        await check(page, f"notifications: {permission}")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_trouble_is_accessible(open_page: OpenPage) -> None:
    """A waiting message, and the notice about a lost connection."""
    play, _ = make_play()
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    play.is_silent = True
    await page.locator(".write textarea").fill("on its way")
    await page.keyboard.press("Enter")
    await expect(page.locator(".slow")).to_have_count(1)
    await check(page, "sending")
    await play.hang_up()
    await expect(page.locator(".banner")).to_be_visible()
    await check(page, "offline")


async def test_the_places_of_a_phone_are_accessible(open_page: OpenPage) -> None:
    """The list, a chat, its panel and the menu of a long press; nothing is wider than the
    screen."""
    play, _ = make_play()
    page = await open_page(play, viewport=PHONE, has_touch=True, is_mobile=True)
    await check(page, "list")
    await page.get_by_role("link", name="Summer party").tap()
    await check(page, "chat")
    line = page.locator(".line").filter(has_text="Is the code still").last
    await expect(page.locator(".completion")).to_have_count(1)  # the helpers of a chat have loaded
    await line.dispatch_event("pointerdown", {"pointerType": "touch", "bubbles": True})
    await expect(page.get_by_role("menu")).to_be_visible()
    await check(page, "long press")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="More about this chat").tap()
    await page.get_by_role("menuitem", name="Find or search").tap()
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="More about this chat").tap()
    await expect(page.get_by_role("menu")).to_be_visible()
    await check(page, "menu of the open chat")
    await page.keyboard.press("Escape")
    await page.locator(".bar h1 button").tap()
    await expect(page.get_by_role("tab", name="People")).to_be_visible()
    await check(page, "panel")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_a_conversation_reads_as_sentences(open_page: OpenPage) -> None:
    """Author, time, quote and text of each line follow one another."""
    play, _ = make_play()
    page = await open_page(play)
    await page.get_by_role("link", name="Summer party").click()
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(9)
    await expect(page.locator(".author")).to_have_text(["cleo", "cleo", "Bob", "Bob"])
    lines = await page.locator(".line").evaluate_all(
        "all => all.map(one => one.cloneNode(true)).map(one => {"
        "for (const mark of one.querySelectorAll('[aria-hidden]')) mark.remove();"
        "return [...one.querySelectorAll('.by, .quoted, .text')]"
        ".map(part => [...part.childNodes].map(node => node.textContent).join(' ')"
        ".replace(/\\s+/g, ' ').trim()).join(' / ') })"
    )
    assert lines[:2] == [
        "cleo 10:40 / The one by the river has answered.",
        "You 10:43 / In reply to cleo The one by the river has answered. / "
        "Is the code still 4711#? (edited) at 11:00",
    ]
    assert lines[3] == "Bob 10:50 / This message was deleted"


async def test_a_first_view_is_small_and_steady(new_context: NewContext, stage: Stage) -> None:
    """67 chats: few requests, below 50 kB of files, so that together with the answers it stays
    within 60 kB; nothing moves once it is shown."""
    play = Play()
    for number in range(67):
        play.say(play.start(f"Chat {number}", "ann", "bob", by="dan"), "dan", "News")
    context = await new_context(viewport=PHONE, is_mobile=True, has_touch=True)
    files: list[str] = []
    calls: list[str] = []

    def count(request: Request) -> None:
        if request.service_worker is None:  # the worker fetches stored files after the first view
            kind = calls if "/api/" in request.url else files
            if not re.search(WHEN_IDLE, request.url):
                kind.append(request.url)

    context.on("request", count)
    await context.add_init_script("""
        window.shift = 0;
        new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({type: 'layout-shift', buffered: true});
    """)
    for visit in ("cold", "warm"):
        files.clear()
        calls.clear()
        page = await stage.enter(context, play)
        await expect(page.locator(".live")).to_have_text("live")
        await expect(page.locator(".row").last).to_contain_text("News")
        await page.wait_for_timeout(300)
        sizes = await page.evaluate(
            "others => [...performance.getEntriesByType('resource'),"
            " ...performance.getEntriesByType('navigation')]"
            ".filter(one => !RegExp(others).test(one.name)).map(one => one.transferSize)",
            f"/api/|{WHEN_IDLE}",
        )
        shift = await page.evaluate("window.shift")
        dom = await page.evaluate("document.querySelectorAll('*').length")
        print(f"{visit}: {len(files)} files, {sum(sizes)} bytes, {len(calls)} calls, "
              f"shift {shift:.4f}, {dom} elements")  # fmt: skip
        assert len(files) <= 7, files
        # For a page served by its worker the browser reports the uncompressed size.
        assert sum(sizes) < (50_000 if visit == "cold" else 6_000)
        assert len(calls) <= 6, calls
        assert shift <= 0.02
        assert dom <= 1_500
        await page.close()


async def test_styles_come_with_what_they_are_for(
    new_context: NewContext, stage: Stage, open_page: OpenPage
) -> None:
    """Those of an open chat and of layers are not in the first view; they are in one order,
    whichever loads first, and are loaded again after a failure."""
    play, party = make_play()
    context = await new_context()
    await context.add_init_script("globalThis.requestIdleCallback = () => {}")
    page = await stage.enter(context, play)
    loaded = (
        "[...document.styleSheets].filter(one => !one.disabled)"
        ".map(one => /(\\w+)[.]css/.exec(one.href)[1])"
    )
    await expect(page.locator(".live")).to_have_text("live")
    assert await page.evaluate(loaded) == ["page"]
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    assert await page.evaluate(loaded) == ["page", "later"]
    await page.keyboard.press("Escape")
    styles = stage.files.pop("/web/talk.css")
    try:
        await page.get_by_role("link", name="Summer party").click()
        await expect(page.get_by_text("Hubbub cannot be reached.")).to_be_visible()
        await expect(page.locator(".line")).to_have_count(0)
    finally:
        stage.files["/web/talk.css"] = styles
    await expect(page.locator(".line").first).to_have_css("display", "grid")
    assert await page.evaluate(loaded) == ["page", "talk", "later"]
    await page.goto(f"{stage.origin}/?again#{party}")
    await expect(page.locator(".line").first).to_have_css("display", "grid")
    assert await page.evaluate(loaded) == ["page", "talk"]
    door = await open_page(None)
    await expect(door.locator(".line").first).to_have_css("display", "grid")


async def test_a_printed_chat_is_its_messages(open_page: OpenPage) -> None:
    """All that are loaded, in dark letters, without what is around them; the page is as before
    afterwards."""
    play = Play()
    chat = play.start("Kitchen", "bob")
    for number in range(60):
        play.say(chat, "bob", f"Message {number}")
    page = await open_page(play)
    await page.emulate_media(color_scheme="dark")
    await page.get_by_role("link", name="Kitchen").click()
    log = page.locator(".log")
    await expect(log.get_by_text("Message 40")).to_be_attached()
    await log.evaluate("log => { log.scrollTop = 300; }")
    await page.pdf()
    assert await log.evaluate("log => log.scrollTop") == 300
    await page.emulate_media(media="print", color_scheme="dark")
    for around in (".side", ".foot", ".bar .acts"):
        await expect(page.locator(around)).to_be_hidden()
    await expect(page.get_by_role("heading", name="Kitchen")).to_be_visible()
    assert await log.evaluate("log => log.clientHeight === log.scrollHeight")
    assert await page.evaluate("document.documentElement.scrollHeight > innerHeight")
    assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


async def test_previews_of_links_come_after_the_message(open_page: OpenPage) -> None:
    """Only text, with a link to the page; editing the message removes them."""
    play = Play()
    chat = play.start("Kitchen", "bob")
    message = play.say(chat, "bob", "see https://example.org/cake")
    page = await open_page(play)
    await page.get_by_role("link", name="Kitchen").click()
    await expect(page.locator(".text")).to_have_text("see https://example.org/cake")
    await expect(page.locator(".link-card")).to_have_count(0)
    words = {"title": "<b>Cake</b>", "description": "With cream"}
    harmful = {"url": "javascript:alert(1)", "title": "x"}
    broken = {"url": "https://1.2.3.4.5/", "title": "x"}  # not a valid URL for a browser
    preview = {"url": "https://example.org/cake", **words}
    play.change("links.previewed", message, "bob", previews=[preview, harmful, broken])
    shown = page.locator(".link-card")
    await expect(shown).to_have_text("example.org<b>Cake</b>With cream")
    await expect(shown).to_have_attribute("href", "https://example.org/cake")
    await expect(shown).to_have_attribute("rel", "noopener noreferrer")
    play.change("message.edited", message, "bob", message="never mind")
    await expect(page.locator(".text")).to_contain_text("never mind")
    await expect(shown).to_have_count(0)
