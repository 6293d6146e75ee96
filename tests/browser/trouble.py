"""A seeded hour of a user with two devices and several windows, while things break.

Ann writes, edits, deletes and reacts in any of her windows, opens, reloads and closes them, and
loses and regains the network; Bob talks to her over REST; processes die. At the end every window
must show what history says.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from playwright.async_api import Browser, BrowserContext, Error, expect

from tests.fixtures.hubbub import Hubbub
from tests.fixtures.person import Person
from tests.fixtures.window import Window

PASSWORD = "correct horse"
EMOJI = ("👍", "🎉", "👀")
ROLES = ("realtime", "chats", "edge", "users", "valkey", "balancer", "postgres")
MOST_WINDOWS = 3
HANDS_MS = 3_000  # limit of one action; it is skipped if its target has moved away
COMPARED = 30
DELETED = "This message was deleted"
READ_LINES = """log => [...log.querySelectorAll('.line')].map(line => {
    const text = line.querySelector('.text').cloneNode(true);
    text.querySelector('.edited')?.remove();
    const reactions = [...line.querySelectorAll('.reaction[aria-pressed]')].map(one =>
        [one.firstChild.textContent, Number(one.lastChild.textContent),
         one.getAttribute('aria-pressed') === 'true']);
    return [text.textContent.trim(), reactions];
})"""


class Device:
    """A browser with a separate session of Ann's, and its open windows."""

    def __init__(self, context: BrowserContext, origin: str, name: str) -> None:
        self.context, self._origin, self._name = context, origin, name
        self.windows: list[Window] = []
        self.is_offline = False

    async def open(self) -> Window:
        window = await Window.open(self.context, self._origin)
        window.name = self._name
        self.windows.append(window)
        return window

    async def set_offline(self, is_offline: bool) -> None:
        self.is_offline = is_offline
        await self.context.set_offline(is_offline)


class Trouble:
    """One run. The seed decides the actions; the clock and the machine decide the rest."""

    def __init__(
        self, browser: Browser, system: Hubbub, bob: Person, other: Person, seed: int
    ) -> None:
        self._browser, self._system, self._bob, self._other = browser, system, bob, other
        self._random = random.Random(seed)
        self.devices: list[Device] = []
        self.done: list[str] = []
        self.written: set[str] = set()
        self._chats: dict[str, str] = {}  # name -> id
        self._dead: list[int] = []
        self._number = 0

    async def begin(self) -> None:
        """Ann on two devices, and two chats with Bob."""
        name = f"p{uuid.uuid4().hex[:10]}"
        for _ in range(2):
            context = await self._browser.new_context(
                viewport={"width": 1280, "height": 800}, locale="en-GB"
            )
            self.devices.append(Device(context, self._system.origin, name))
        first = await self.devices[0].open()
        await first.sign_up(PASSWORD, name)
        second = await self.devices[1].open()
        await second.log_in(name, PASSWORD)
        found = await self._bob.ask("GET", f"/api/user?username={name}")
        ann = found.body["users"][0]["id"]
        for chat in ("Garden", "Kitchen"):
            self._chats[chat] = await self._bob.create_chat(chat, ann, self._other.id)
        for window in (first, second):
            await window.open_chat("Garden")

    async def run(self, seconds: float, *, kills: bool = True) -> None:
        """Performs one action after the other until the time is over."""
        acts: list[tuple[int, Callable[[], Awaitable[str]]]] = [
            (30, self._write), (8, self._edit_last), (8, self._react), (4, self._delete),
            (8, self._go_elsewhere), (5, self._scroll), (12, self._bob_writes),
            (6, self._bob_changes), (4, self._cut), (8, self._mend), (4, self._reload),
            (3, self._open), (3, self._close), (3 if kills else 0, self._kill),
        ]  # fmt: skip
        end = time.monotonic() + seconds
        refreshed = time.monotonic()
        while time.monotonic() < end:
            (act,) = self._random.choices([one for _, one in acts], [weight for weight, _ in acts])
            try:
                what = await act()
            except Error as error:  # the action came too late: the window has redrawn
                what = f"{act.__name__}: {str(error).splitlines()[0]}"
            self.done.append(what)
            await asyncio.sleep(self._random.expovariate(5))
            if time.monotonic() - refreshed > 300:
                refreshed = time.monotonic()
                await self._bob.refresh(retry_seconds=30)

    async def settle(self) -> None:
        """Repairs everything broken, and waits until every message has arrived."""
        await self._system.until_whole(30)
        for device in self.devices:
            await device.set_offline(False)
            if not device.windows:
                await device.open()
        for window in self._windows():
            await expect(window.state).to_have_text("live", timeout=40_000)

    async def judge(self) -> list[str]:
        """The differences from history, in words; empty if all is well."""
        await asyncio.sleep(6)  # a deletion is delayed by 5 s
        wrong: list[str] = []
        texts: list[str] = []
        for name, chat in self._chats.items():
            for window in self._windows():
                await window.open_chat(name)
                await expect(window.log.locator(".pending")).to_have_count(0, timeout=40_000)
            messages, _ = await self._bob.messages(chat, retry_seconds=20)
            texts += [message["message"] for message in messages]
            for window in self._windows():
                wrong += await self._differences(window, name, messages[:COMPARED][::-1])
        for text in self.written:
            if (times := texts.count(text)) > 1:
                wrong.append(f"{text} was stored {times} times")
        for window in self._windows():
            wrong += window.errors
        return wrong

    async def end(self) -> None:
        for device in self.devices:
            await device.context.close()

    async def _differences(
        self, window: Window, name: str, messages: list[dict[str, Any]]
    ) -> list[str]:
        ann = await self._ann(window)
        wanted = [_as_shown(message, ann) for message in messages]
        shown: list[Any] = []
        for _ in range(40):
            lines = await window.log.evaluate(READ_LINES)
            shown = lines[-len(wanted) :] if wanted else []
            if shown == wanted:
                return []
            await asyncio.sleep(0.25)
        return [
            f"{name} at {self._name(window)}: {shows} instead of {says}"
            for shows, says in zip(shown, wanted, strict=False)
            if shows != says
        ] or [f"{name} at {self._name(window)}: {len(shown)} lines instead of {len(wanted)}"]

    async def _ann(self, window: Window) -> str:
        found = await self._bob.ask("GET", f"/api/user?username={window.name}", retry_seconds=10)
        return str(found.body["users"][0]["id"])

    def _windows(self) -> list[Window]:
        return [window for device in self.devices for window in device.windows]

    def _name(self, window: Window) -> str:
        return next(
            f"{number}.{device.windows.index(window)}"
            for number, device in enumerate(self.devices)
            if window in device.windows
        )

    def _some_window(self) -> Window:
        return self._random.choice(self._windows())

    def _text(self) -> str:
        self._number += 1
        text = f"{self._random.choice(('lantern', 'cake', 'rain'))} {self._number}"
        self.written.add(text)
        return text

    async def _write(self) -> str:
        window, text = self._some_window(), self._text()
        await window.composer.fill(text, timeout=HANDS_MS)
        await window.composer.press("Enter", timeout=HANDS_MS)
        return f"{self._name(window)} writes {text}"

    async def _edit_last(self) -> str:
        window, text = self._some_window(), self._text()
        await window.composer.fill("", timeout=HANDS_MS)
        await window.composer.press("ArrowUp", timeout=HANDS_MS)
        await window.composer.fill(text, timeout=HANDS_MS)
        await window.composer.press("Enter", timeout=HANDS_MS)
        return f"{self._name(window)} edits into {text}"

    async def _react(self) -> str:
        window = self._some_window()
        emoji = self._random.choice(EMOJI)
        line = window.log.locator(".line:not(.gone):not(.pending)").last
        await line.hover(timeout=HANDS_MS)
        await line.get_by_role("button", name="More", exact=True).click(timeout=HANDS_MS)
        choice = window.page.get_by_role("menuitemcheckbox", name=f"React with {emoji}")
        try:
            await choice.click(timeout=HANDS_MS)
        finally:
            await window.page.keyboard.press("Escape")
        return f"{self._name(window)} reacts with {emoji}"

    async def _delete(self) -> str:
        window = self._some_window()
        line = window.log.locator(".line.mine:not(.gone):not(.pending)").last
        await line.hover(timeout=HANDS_MS)
        await line.get_by_role("button", name="More", exact=True).click(timeout=HANDS_MS)
        try:
            await window.page.get_by_role("menuitem", name="Delete").click(timeout=HANDS_MS)
        finally:
            await window.page.keyboard.press("Escape")
        return f"{self._name(window)} deletes"

    async def _go_elsewhere(self) -> str:
        window = self._some_window()
        name = self._random.choice(list(self._chats))
        await window.page.get_by_role("link", name=name).click(timeout=HANDS_MS)
        return f"{self._name(window)} opens {name}"

    async def _scroll(self) -> str:
        window = self._some_window()
        px = self._random.choice((-2_000, -300, 5_000))
        await window.log.evaluate("(log, px) => { log.scrollTop += px }", px, timeout=HANDS_MS)
        return f"{self._name(window)} scrolls by {px}"

    async def _bob_writes(self) -> str:
        name, text = self._random.choice(list(self._chats)), self._text()
        await self._bob.post(self._chats[name], text, retry_seconds=30)
        return f"bob writes {text} in {name}"

    async def _bob_changes(self) -> str:
        """Edits, deletes or reacts to one of the newest messages."""
        name = self._random.choice(list(self._chats))
        path = f"/api/chat/{self._chats[name]}/message"
        answer = await self._bob.ask("GET", f"{path}?limit=10", retry_seconds=30)
        there = [message for message in answer.body["messages"] if message["message"]]
        if not there:
            return "bob finds nothing"
        message = self._random.choice(there)
        path = f"{path}/{message['messageId']}"
        what = self._random.choice(("edit", "delete", "react", "react"))
        key = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        if message["by"] != self._bob.id or what == "react":
            emoji = self._random.choice(EMOJI)
            await self._bob.ask("PUT", f"{path}/reaction/{emoji}", retry_seconds=30)
            return f"bob reacts with {emoji} to {message['message']} in {name}"
        if what == "edit":
            text = self._text()
            await self._bob.ask("PATCH", path, {"message": text}, key=key, retry_seconds=30)
            return f"bob edits {message['message']} into {text} in {name}"
        await self._bob.ask("DELETE", path, key=key, retry_seconds=30)
        return f"bob deletes {message['message']} in {name}"

    async def _cut(self) -> str:
        device = self._random.choice(self.devices)
        await device.set_offline(True)
        return f"device {self.devices.index(device)} goes offline"

    async def _mend(self) -> str:
        for device in self.devices:
            await device.set_offline(False)
        return "all are online"

    async def _reload(self) -> str:
        window = self._some_window()
        name = self._name(window)
        await self._online(window)
        await window.page.reload(wait_until="commit")
        return f"{name} reloads"

    async def _open(self) -> str:
        device = self._random.choice(self.devices)
        if len(self._windows()) >= MOST_WINDOWS:
            return "there are enough windows"
        await device.set_offline(False)
        window = await device.open()
        name = self._random.choice(list(self._chats))
        await window.page.get_by_role("link", name=name).click(timeout=10_000)
        return f"{self._name(window)} is opened with {name}"

    async def _close(self) -> str:
        device = self._random.choice(self.devices)
        if len(device.windows) < 2:
            return "its only window stays"
        window = self._random.choice(device.windows)
        name = self._name(window)
        device.windows.remove(window)
        await window.expect_nothing_wrong()
        await window.page.close()
        return f"{name} is closed"

    async def _kill(self) -> str:
        """One process at a time."""
        await self._system.until_whole(30)
        role = self._random.choice(ROLES)
        killed = self._system.kill_one(role, self._random.choice)
        return f"{role} {killed} is killed"

    async def _online(self, window: Window) -> None:
        for device in self.devices:
            if window in device.windows:
                await device.set_offline(False)


def _as_shown(message: Mapping[str, Any], ann: str) -> list[Any]:
    reactions = [
        [one["emoji"], one["count"], ann in one["users"]] for one in message.get("reactions", [])
    ]
    return [message["message"] or DELETED, reactions]
