"""Makes the pictures of the page in `docs/pictures`: `python -m tests.browser.pictures`.

Starts a separate Hubbub, lets four people talk in four windows, and takes pictures of one of them.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright, expect

from tests.browser.conftest import DESK, FLAGS, PHONE, find_chromium
from tests.fixtures.hubbub import Hubbub
from tests.fixtures.window import Window

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZES = {"page": DESK, "page-phone": PHONE}


async def open_window(browser: Browser, origin: str, name: str, **settings: Any) -> Window:
    context = await browser.new_context(**{"viewport": DESK, "locale": "en-GB", **settings})
    window = await Window.open(context, origin)
    await window.sign_up(name=name)
    return window


async def say(window: Window, text: str) -> None:
    """Writes and waits until the message is stored, so that the others' answers come after it."""
    await window.write(text)
    await expect(window.log.locator(".pending")).to_have_count(0)


async def talk(ann: Window, bob: Window, cleo: Window) -> None:
    """A few realistic chats; the one about the party is open in all windows."""
    await cleo.start_chat("Kitchen", "ann", "bob")
    await say(cleo, "The oven is repaired.")
    await ann.open_chat("Kitchen")
    await say(ann, "There is cake")
    await bob.start_chat("Family", "ann")
    await say(bob, "The photos are up")
    await cleo.start_chat("", "ann")
    await say(cleo, "Do you have ten minutes this afternoon?")
    await ann.open_chat("cleo")
    await ann.composer.fill("could you look at")
    await bob.start_chat("Book club", "ann", "dan")
    await ann.start_chat("Summer party", "bob", "cleo", "dan")
    await bob.open_chat("Summer party")
    await cleo.open_chat("Summer party")
    await say(
        bob,
        "I have asked three places for a garden, two of them with a roof in case it rains. "
        "I will write down the prices tomorrow.",
    )
    await say(cleo, "The one by the river has answered.")
    await say(cleo, "Sixteen people are no problem, and the grill is included.")
    await say(
        ann,
        "Then let us take it. Is the door code still `4711#`, or did they change it after "
        "the last time?",
    )
    await bob.open_chat("Book club")
    for text in ("Has everybody finished?", "Chapter 5 was my favourite.", "Chapter 6 next week?"):
        await say(bob, text)
    await ann.open_chat("Family")
    await say(cleo, "They changed it. All of it is in https://example.org/garden.")
    await say(cleo, "The garden is ours from noon.")
    await cleo.react("Then let us take it", "👍")
    await bob.open_chat("Summer party")
    await bob.react("Sixteen people", "🎉")
    await ann.open_chat("Summer party")
    await ann.react("Sixteen people", "🎉")
    await ann.line("Sixteen people").hover()
    await ann.line("Sixteen people").get_by_role("button", name="Reply", exact=True).click()
    await say(ann, "Good. @bob, I will bring the table and **eight chairs**.")


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with Hubbub(Path(folder) / "data") as system, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            people = [
                await open_window(browser, system.origin, name)
                for name in ("dan", "cleo", "bob", "ann")
            ]
            _, cleo, bob, ann = people
            await talk(ann, bob, cleo)
            for name, size in SIZES.items():
                await ann.page.set_viewport_size(size)
                for scheme in ("light", "dark"):
                    # The transition of colours between the schemes is over.
                    await ann.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                    await cleo.composer.press_sequentially("I a")
                    await expect(ann.page.get_by_text("cleo is typing")).to_be_visible()
                    ending = "" if scheme == "light" else "-dark"
                    await ann.page.screenshot(path=FOLDER / f"{name}{ending}.png")
                    await cleo.composer.fill("")
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
