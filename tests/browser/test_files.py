"""Files in the page: chosen, pasted, dropped, uploading, and shown; on a stage."""

import asyncio
import io
import re
import wave
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Page, Route, expect

from tests.browser.accessibility import check
from tests.browser.company import two, until
from tests.browser.conftest import OpenPage, OpenWindow
from tests.browser.stage import Play

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASTE = """([name, type, bytes, texts = {}]) => {
    const data = new DataTransfer();
    for (const [kind, text] of Object.entries(texts)) data.setData(kind, text);
    data.items.add(new File([new Uint8Array(bytes)], name, {type}));
    const field = document.querySelector('.write textarea');
    return field.dispatchEvent(new ClipboardEvent(
        'paste', {clipboardData: data, bubbles: true, cancelable: true}));
}"""
DROP = """([name, type, bytes]) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(bytes)], name, {type}));
    for (const kind of ['dragover', 'drop'])
        document.querySelector('.log').dispatchEvent(
            new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
}"""


async def enter_party(open_page: OpenPage, play: Play, **settings: Any) -> Page:
    """The page with the party's chat open and its messages in it."""
    page = await open_page(play, **settings)
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".line")).not_to_have_count(0)
    return page


def picture(width: int, height: int, place: bool = False) -> bytes:
    """A PNG, with a tag that reveals its location or without."""
    image = Image.new("RGB", (width, height), (187, 64, 18))
    exif = Image.Exif()
    if place:
        exif[0x8825] = {1: "N"}
    out = io.BytesIO()
    image.save(out, "PNG", exif=exif)
    return out.getvalue()


def sound(seconds: int) -> bytes:
    """Silence of that length."""
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setparams((1, 1, 8_000, 0, "NONE", ""))
        writer.writeframes(b"\x80" * 8_000 * seconds)
    return out.getvalue()


def party() -> tuple[Play, str]:
    play = Play()
    chat = play.start("Party", "bob", "cleo")
    play.say(chat, "bob", "Show us")
    return play, chat


async def test_files_are_chosen_seen_before_they_go_and_sent(open_page: OpenPage) -> None:
    """A picture is previewed, warns if it contains a location, and can be removed; the message
    sends and shows the others."""
    play, _ = party()
    page = await enter_party(open_page, play)
    async with page.expect_file_chooser() as chosen:
        await page.get_by_role("button", name="Attach files").click()
    await (await chosen.value).set_files([
        FilePayload(name="garden.png", mimeType="image/png", buffer=picture(800, 600, place=True)),
        FilePayload(name="plan.bin", mimeType="application/zip", buffer=b"\0" * 2_000),
        FilePayload(name="wrong.bin", mimeType="application/zip", buffer=b"\0" * 10),
    ])  # fmt: skip
    tray = page.get_by_role("list", name="Files")
    await expect(tray.get_by_role("listitem")).to_have_count(3)
    warning = tray.get_by_text("says where it was taken")
    await expect(warning).to_be_visible()
    assert await warning.evaluate("node => node.scrollWidth <= node.parentNode.clientWidth")
    await check(page, "files before they are sent")
    await page.get_by_role("button", name=re.compile("(Remove|Cancel) wrong.bin")).click()
    await expect(tray.get_by_role("progressbar")).to_have_count(0)
    await page.locator(".write textarea").fill("Two of them")
    await page.keyboard.press("Enter")
    await expect(tray).to_be_hidden()
    line = page.locator(".line").last
    await expect(line).to_contain_text("Two of them")
    await expect(line.get_by_role("button", name="Picture garden.png")).to_be_visible()
    await expect(line.locator(".file")).to_contain_text("plan.bin")
    await expect(line.locator(".file")).to_contain_text("2 kB")
    await page.wait_for_function("() => document.querySelector('.picture img').complete")
    await check(page, "a message with files")


async def test_what_is_pasted_or_dropped_is_attached_and_goes_when_it_has_arrived(
    open_page: OpenPage,
) -> None:
    """Enter is not lost during an upload or after a cut; a file without text is a message."""
    play, _ = party()
    page = await enter_party(open_page, play)
    play.files.cuts = 1
    await page.evaluate(PASTE, ["image.png", "image/png", list(picture(40, 30))])
    await expect(page.get_by_role("list", name="Files")).to_contain_text("image.png")
    await page.locator(".write textarea").press("Enter")
    await expect(page.get_by_role("button", name="Picture image.png")).to_be_visible()
    assert len(play.files.keys) == 2
    assert len(set(play.files.keys)) == 1
    await page.evaluate(DROP, ["notes.bin", "application/zip", [1, 2, 3]])
    await expect(page.get_by_role("list", name="Files")).to_contain_text("notes.bin")
    await expect(page.get_by_role("progressbar")).to_have_count(0)
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".line").last).to_contain_text("notes.bin")


async def test_an_upload_is_cancelled_while_it_moves_on(open_page: OpenPage) -> None:
    """Its progress does not replace the button under the mouse."""
    play, _ = party()
    page = await enter_party(open_page, play)
    network = await page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    await network.send("Network.emulateNetworkConditions", slow)
    big = FilePayload(name="big.bin", mimeType="application/zip", buffer=b"\0" * 8_000_000)
    await page.locator("input[type=file]").set_input_files([big])
    tray = page.get_by_role("list", name="Files")
    await page.get_by_role("button", name="Cancel big.bin").hover()
    await page.mouse.down()
    said = await tray.locator("small").inner_text()
    value = await tray.get_by_role("progressbar").get_attribute("value")
    await expect(tray.locator("small")).not_to_have_text(said)
    await expect(tray.get_by_role("progressbar")).not_to_have_attribute("value", str(value))
    await page.mouse.up()
    await expect(tray.get_by_role("listitem")).to_have_count(0)


async def test_an_upload_that_is_held_up_says_so(open_page: OpenPage) -> None:
    """While the server accepts no files, such as with a full disk; it continues when the server
    does."""
    play, _ = party()
    page = await enter_party(open_page, play)
    play.files.is_full = True
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    files = page.get_by_role("list", name="Files")
    await expect(files).to_contain_text("Not uploaded yet. It is tried again by itself.")
    play.files.is_full = False
    await expect(files).to_contain_text("3 bytes")
    await expect(files.get_by_role("button", name="Remove notes.bin")).to_be_visible()


@pytest.mark.parametrize("elsewhere", ["Kitchen", ""])
async def test_a_message_goes_with_its_file_wherever_its_user_is(
    open_page: OpenPage, elsewhere: str
) -> None:
    """In another chat, or in none; it does not wait for the user to return."""
    play, party_chat = party()
    play.start("Kitchen", "bob")
    page = await enter_party(open_page, play, service_workers="block")
    may_arrive = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_arrive.wait()
        await route.continue_()

    await page.route("**/file?name=*", hold)
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    await expect(page.get_by_role("list", name="Files")).to_contain_text("notes.bin")
    field = page.locator(".write textarea")
    await field.fill("The notes")
    await field.press("Enter")
    await expect(page.get_by_text("It will be sent once its files")).to_be_visible()
    if elsewhere:
        await page.get_by_role("link", name=elsewhere).click()
    else:
        await page.evaluate("location.hash = ''")
        await expect(field).to_have_count(0)
    may_arrive.set()
    await expect(page.get_by_role("link", name="Party")).to_contain_text("You: The notes")

    async def is_stored() -> bool:
        return bool(play.logs[party_chat][-1].get("message") == "The notes")

    await until(is_stored)  # the list shows it before
    assert [one["name"] for one in play.logs[party_chat][-1]["attachments"]] == ["notes.bin"]
    await page.get_by_role("link", name="Party").click()
    await expect(field).to_have_value("")
    await expect(page.get_by_role("list", name="Files")).to_have_count(0)


async def test_a_message_whose_file_is_taken_away_stays(open_page: OpenPage) -> None:
    """Also if it was waiting for the file; and the next file is not sent by itself."""
    play, _ = party()
    page = await enter_party(open_page, play)
    play.files.is_full = True
    await page.evaluate(PASTE, ["wrong.bin", "application/zip", [1, 2, 3]])
    files = page.get_by_role("list", name="Files")
    field = page.locator(".write textarea")
    await field.fill("The notes")
    await field.press("Enter")
    waits = page.get_by_text("It will be sent once its files have uploaded.")
    await expect(files).to_contain_text("It is tried again by itself.")
    await expect(waits).to_be_visible()
    await page.get_by_role("button", name="Cancel wrong.bin").click()
    await expect(waits).to_have_count(0)
    await expect(field).to_have_value("The notes")
    play.files.is_full = False
    await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
    await expect(files.get_by_role("button", name="Remove notes.bin")).to_be_visible()
    await expect(field).to_have_value("The notes")


@pytest.mark.parametrize("code", ["", "forbidden", "too_large"])
async def test_a_refused_upload_says_why(open_page: OpenPage, code: str) -> None:
    """Also if a proxy before the server refuses it, without a code. The words are about the file,
    not about an owner's rights or a long text."""
    play, _ = party()
    page = await enter_party(open_page, play)
    files = page.get_by_role("list", name="Files")
    for status, words in (
        (403, "You may not send it to this chat."), (413, "It is larger than the server takes."),
    ):  # fmt: skip
        play.files.refusal = (status, {"code": code} if code else {})
        await page.evaluate(PASTE, ["notes.bin", "application/zip", [1, 2, 3]])
        await expect(files).to_contain_text(words)
        await page.get_by_role("button", name="Remove notes.bin").click()
        await expect(files.get_by_role("listitem")).to_have_count(0)


async def test_a_picture_of_a_text_does_not_take_its_place(open_page: OpenPage) -> None:
    """Cells of a spreadsheet are pasted as text, a picture of a web page as a file."""
    play, _ = party()
    page = await enter_party(open_page, play)
    image = ["image.png", "image/png", list(picture(40, 30))]
    files = page.get_by_role("list", name="Files")
    cells = {"text/plain": "one\ttwo", "text/html": "<table></table>"}
    assert await page.evaluate(PASTE, [*image, cells])  # the browser inserts it at the caret
    await expect(files).to_have_count(0)
    assert not await page.evaluate(PASTE, [*image, {"text/html": "<img>"}])
    await expect(files).to_contain_text("image.png")


async def test_pictures_have_their_place_from_the_first_moment(open_page: OpenPage) -> None:
    """Nothing moves when a picture loads: its size is known before."""
    play, chat = party()
    info = play.files.upload(
        "019a0000-0000-7000-8000-000000000001", "wide.png", "k", picture(1600, 400)
    )
    assert info
    play.say(chat, "bob", "Look", attachments=[info[1]["file"]])
    play.say(chat, "bob", "below")
    page = await enter_party(open_page, play)
    image = page.locator(".picture img")
    assert await image.evaluate("image => [image.width, image.height]") == [360, 90]
    below = page.locator(".line").last
    before = await below.bounding_box()
    await page.wait_for_function("() => document.querySelector('.picture img').naturalWidth > 0")
    assert await below.bounding_box() == before


async def test_pictures_are_loaded_before_they_are_in_view(open_page: OpenPage) -> None:
    """Those that are near, so that a reader who scrolls up sees no empty frames."""
    play, chat = party()
    for number, name in enumerate(("far", "near")):
        file = f"019a0000-0000-7000-8000-00000000000{number}"
        info = play.files.upload(file, f"{name}.png", "k", picture(400, 100))
        assert info
        play.say(chat, "bob", "", attachments=[info[1]["file"]])
        for line in range(15):
            play.say(chat, "bob", f"below {name}\n{line}")
    play.read_all()
    page = await enter_party(open_page, play)
    far, near = (page.get_by_role("button", name=f"Picture {name}.png") for name in ("far", "near"))
    await expect(near.locator("img")).to_have_js_property("naturalWidth", 400)
    await expect(near).not_to_be_in_viewport()
    await expect(far.locator("img")).not_to_have_attribute("src", re.compile("."))


async def test_a_picture_that_could_not_be_asked_for_comes_later(open_page: OpenPage) -> None:
    """If the request failed when it came into view, it is loaded once the server answers."""
    play, chat = party()
    info = play.files.upload("019a0000-0000-7000-8000-000000000001", "wide.png", "k", picture(9, 9))
    assert info
    play.say(chat, "bob", "", attachments=[info[1]["file"]])
    page = await open_page(play, service_workers="block")
    await page.route("**/file/link", lambda route: route.abort())
    await page.get_by_role("link", name="Party").click()
    await expect(page.locator(".files .broken")).to_contain_text("Cannot be shown now")
    await page.unroute("**/file/link")
    await expect(page.get_by_role("button", name="Picture wide.png")).to_be_visible()
    await page.wait_for_function("() => document.querySelector('.picture img').naturalWidth > 0")
    await expect(page.locator(".files .broken")).to_have_count(0)


async def test_a_picture_arrives_at_the_other_one(enter: OpenWindow) -> None:
    """On the real system: uploaded, sent, and seen by another user, also in full size."""
    ann, bob = await two(enter, "Party")
    async with ann.page.expect_file_chooser() as chosen:
        await ann.button("Attach files").click()
    await (await chosen.value).set_files(
        FilePayload(name="garden.png", mimeType="image/png", buffer=picture(800, 600))
    )
    await ann.composer.fill("The garden")
    await ann.composer.press("Enter")
    image = bob.line("The garden").locator(".picture img")
    await expect(image).to_have_js_property("naturalWidth", 800)
    assert await image.evaluate("image => [image.width, image.height]") == [360, 270]
    await bob.button("Picture garden.png").click()
    await expect(bob.page.locator("dialog.viewer img")).to_have_js_property("naturalWidth", 800)


async def test_a_player_outlives_its_link(enter: OpenWindow) -> None:
    """A link expires after ten minutes; playing the sound later, or continuing it, works all the
    same."""
    ann, bob = await two(enter, "Music")
    song = FilePayload(name="song.wav", mimeType="audio/wav", buffer=sound(60))
    await ann.page.locator("input[type=file]").set_input_files([song])
    await ann.write("Listen")
    player = bob.line("Listen").locator("audio")
    await expect(player).to_have_attribute("src", re.compile(r"^/api/"))
    address = await player.get_attribute("src")
    await player.evaluate("""player => {
        player.src = player.getAttribute('src').replace(/[^=]{8}$/u, 'AAAAAAAA');
        player.currentTime = 20;
        player.play().catch(() => {});
    }""")
    await expect(player).to_have_attribute("src", str(address))
    await bob.page.wait_for_function("() => document.querySelector('audio').currentTime > 20")


async def test_a_file_stands_for_the_text_where_there_is_none(enter: OpenWindow) -> None:
    """An edit may remove the text of a message with a file; a reply and the finder then show the
    file's name."""
    ann, bob = await two(enter, "Plans")
    plan = FilePayload(name="garden plan.bin", mimeType="application/zip", buffer=b"\0" * 10)
    await ann.page.locator("input[type=file]").set_input_files([plan])
    await ann.write("The plan")
    await expect(bob.line("The plan")).to_have_count(1)
    await expect(ann.log.locator(".pending")).to_have_count(0)
    await ann.composer.press("ArrowUp")
    await ann.write("")
    for window in (ann, bob):
        await expect(window.log.locator(".text")).to_have_text(re.compile(r"^\s*\(edited\)"))
    await bob.act_on("edited", "Reply")
    await expect(bob.page.locator(".replying")).to_have_text(f"Reply to {ann.name} garden plan.bin")
    await bob.page.keyboard.press("Control+k")
    field = bob.page.get_by_role("combobox", name="Find a chat")
    hit = bob.page.locator(".hit.message")

    async def is_found() -> bool:
        for typed in ("", "garden pl"):
            await field.fill(typed)
        await bob.page.wait_for_timeout(1_000)  # time for the search index
        return await hit.count() == 1

    await until(is_found)
    await expect(hit).to_contain_text("garden plan.bin")
    await expect(hit.locator("mark")).to_have_text(["garden", "pl"])


async def test_an_answer_of_something_in_between_is_no_upload(enter: OpenWindow) -> None:
    """The log-in page of a captive network is not an answer to an upload, which is retried."""
    ann = await enter(service_workers="block")
    await ann.start_chat("Hotel")
    await ann.page.route(
        "**/file?name=*",
        lambda route: route.fulfill(content_type="text/html", body="<p>Accept our terms</p>"),
        times=2,
    )
    await ann.page.evaluate(PASTE, ["note.txt", "text/plain", [104, 105]])
    await expect(ann.page.locator(".attached")).to_contain_text("2 bytes")
    await ann.write("with a note")
    await expect(ann.log.locator(".files.stored")).to_contain_text("note.txt")
