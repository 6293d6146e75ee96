"""Eight people who talk in four chats while things break, each with a listening device.

They send half of their messages by REST and half over their sockets; they edit, delete and react to
messages, mention each other, and move their read markers both ways. Unanswered requests are retried
with the same key. What they do and see goes into one history. Judges nothing.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp

from tests.faults.changing import choose_change, try_change
from tests.fixtures.busy import bound
from tests.fixtures.device import Device, WaitedInVain
from tests.fixtures.history import Changed, Event, History, Listed, Sent
from tests.fixtures.person import NoAnswer, Person

PEOPLE = 8
CHATS = 4
SETTLE_SECONDS = bound(15.0, 60.0)  # after the last send, until all of it has arrived everywhere
SEND_SECONDS = bound(20.0, 60.0)  # how long a person retries one message
READ_SECONDS = bound(10.0, 60.0)  # and the final read of what is stored
FILL_SECONDS = bound(5.0, 30.0)  # for what was stored without an answer
CHANGES = 0.5  # edits, deletions and reactions per message
MARKERS = 0.1  # moves of a read marker per message
NEAR = 60  # a marker moves to one of so many newest events
MENTIONS = 0.2  # the probability that a posted message mentions a participant
SEEN = 100  # newest events of a chat in which a person looks for messages


class Crowd:
    """Use as `async with`: inside it is connected, and talks on demand."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        origin: str,
        history: History,
        pace: random.Random,
        *,
        pause_seconds: tuple[float, float] = (0.05, 0.25),
        text_bytes: int = 0,
        patience_seconds: float | None = None,
    ) -> None:
        """`patience_seconds` replaces all time limits, and lets sign-ups be retried for as long."""
        self._http, self._origin, self.history, self._pace = http, origin, history, pace
        self._pause_seconds, self._text_bytes = pause_seconds, text_bytes
        self._sign_up_seconds = patience_seconds or 0.0
        self._send_seconds = patience_seconds or SEND_SECONDS
        self._read_seconds = patience_seconds or READ_SECONDS
        self._stack = AsyncExitStack()
        self._is_over = False
        self.people: list[Person] = []
        self.devices: list[Device] = []
        self.guests: list[Device] = []  # of people who only listen
        self.chats: dict[str, list[Person]] = {}
        self.settled_seconds = 0.0
        self.late: list[str] = []  # messages that did not arrive in time

    async def __aenter__(self) -> "Crowd":
        self.people = [
            await Person.sign_up(self._http, self._origin, retry_seconds=self._sign_up_seconds)
            for _ in range(PEOPLE)
        ]
        for person in self.people:
            device = Device(person, self.history, name=person.username, pace=self._pace)
            self.devices.append(await self._stack.enter_async_context(device))
        for device in self.devices:
            await device.until_ready()
        for number in range(CHATS):
            # Each chat has a different half of the people, and the first one has all.
            members = self._pace.sample(self.people, PEOPLE if number == 0 else PEOPLE // 2 + 1)
            others = [member.id for member in members[1:]]
            chat = await members[0].create_chat(
                f"chat {number}", *others, retry_seconds=self._read_seconds
            )
            self.chats[chat] = members
        for device in self.devices:
            await device.until(lambda device: len(device.cursors) == len(self._chats_of(device)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def add_guest(self, person: Person) -> Device:
        """A device of a person who only listens, connected to the end and judged like all
        others."""
        device = Device(person, self.history, name=person.username, pace=self._pace)
        self.guests.append(await self._stack.enter_async_context(device))
        return device

    async def talk(self, during: Callable[[], Awaitable[object]]) -> None:
        """All talk until `during()` has returned."""
        self._is_over = False
        async with asyncio.TaskGroup() as everybody:
            for device in self.devices:
                everybody.create_task(self._say_things(device))
            await during()
            self._is_over = True

    async def settle(self) -> None:
        """Waits until every device has everything, not for ever; `late` names what is missing."""
        tried: list[Sent | Changed] = [*self.history.sends, *self.history.changes]
        last = max(one.ended or one.started for one in tried)
        heads = {
            chat: max([sent.seq for sent in self.history.sends if sent.chat == chat], default=1)
            for chat in self.chats
        }
        for device in self.devices:
            for chat in self._chats_of(device):
                await self._until_seq(device, chat, heads[chat], last + SETTLE_SECONDS)
        self.settled_seconds = time.monotonic() - last

    async def conclude(self) -> History:
        """Reads what history holds and records it with what everyone saw."""
        history = self.history
        for chat, members in self.chats.items():
            logs = [
                await member.events(chat, retry_seconds=self._read_seconds)
                for member in (members[0], members[-1])
            ]
            assert logs[0] == logs[1], f"two people read different logs of {chat}"
            history.logs[chat] = logs[0]
            history.current[chat], _ = await members[0].messages(
                chat, retry_seconds=self._read_seconds
            )
            detail = await self._read(members[0], f"/api/chat/{chat}")
            history.participants[chat] = detail["participants"]
        for person in (*self.people, *(guest.person for guest in self.guests)):
            me = await self._read(person, "/api/user/me")
            history.memberships[person.id] = me["user"]["chats"]
            listed = await self._read(person, "/api/chat?order=activity&limit=200")
            history.lists[person.id] = {one["id"]: _listed(one) for one in listed["chats"]}
        await self._leave_out_moving(history)
        await self._fill_up(history.logs)
        history.connected = [device.name for device in (*self.devices, *self.guests)]
        history.ended = time.monotonic()
        return history

    async def _read(self, person: Person, path: str) -> dict[str, Any]:
        answer = await person.ask("GET", path, retry_seconds=self._read_seconds)
        assert answer.status == 200, answer
        return dict(answer.body)

    async def _leave_out_moving(self, history: History) -> None:
        # A send that was never answered may be stored while lists are read.
        for chat, members in self.chats.items():
            head = len(history.logs[chat])
            if await members[0].events(chat, head, retry_seconds=self._read_seconds):
                for listed in history.lists.values():
                    listed.pop(chat, None)

    async def _fill_up(self, logs: dict[str, list[Event]]) -> None:
        # Messages stored without an answer may be above the seq that settle() waited for.
        for device in self.devices:
            for chat in self._chats_of(device):
                await self._until_seq(
                    device, chat, len(logs[chat]), time.monotonic() + FILL_SECONDS
                )
        for guest in self.guests:
            for chat in self.history.memberships[guest.person.id]:
                if chat in logs:
                    await self._until_seq(
                        guest, chat, len(logs[chat]), time.monotonic() + FILL_SECONDS
                    )

    async def _until_seq(self, device: Device, chat: str, seq: int, deadline: float) -> None:
        try:
            await device.until_seq(chat, seq, max(0.2, deadline - time.monotonic()))
        except WaitedInVain as late:
            self.late.append(f"{chat} did not reach {seq}: {late}")

    def _chats_of(self, device: Device) -> list[str]:
        return [chat for chat, members in self.chats.items() if device.person in members]

    async def _say_things(self, device: Device) -> None:
        number = 0
        while not self._is_over:
            number += 1
            chat = self._pace.choice(self._chats_of(device))
            text = f"{device.name} says {number}".ljust(self._text_bytes, ".")
            if self._pace.random() < 0.5:
                await device.post(chat, text, retry_seconds=self._send_seconds)
            else:
                await self._post(device.person, chat, text)
            if self._pace.random() < CHANGES:
                await self._change_something(device, chat)
            if self._pace.random() < MARKERS:
                await self._move_marker(device, chat)
            await asyncio.sleep(self._pace.uniform(*self._pause_seconds))

    async def _change_something(self, device: Device, chat: str) -> None:
        changed = choose_change(device.person, chat, device.applied(chat)[-SEEN:], self._pace)
        if changed is not None:
            await try_change(device.person, changed, self.history, self._send_seconds)

    async def _move_marker(self, device: Device, chat: str) -> None:
        head = device.cursors.get(chat, 1)
        seq = self._pace.randint(max(1, head - NEAR), max(1, head))  # counts end at 100
        way, field = self._pace.choice((("read", "upTo"), ("unread", "from")))
        with contextlib.suppress(NoAnswer):
            await device.person.ask(
                "PUT", f"/api/chat/{chat}/{way}", {field: seq}, retry_seconds=self._send_seconds
            )

    async def _post(self, person: Person, chat: str, text: str) -> None:
        sent = Sent(person.id, chat, str(uuid.uuid4()), text, "rest", time.monotonic())
        self.history.sends.append(sent)
        mentions = [one.id for one in self.chats[chat] if self._pace.random() < MENTIONS]
        body = {"message": text, "clientId": sent.key, "mentions": mentions}
        try:
            answer = await person.ask(
                "POST", f"/api/chat/{chat}/message", body, retry_seconds=self._send_seconds
            )
        except NoAnswer:
            return
        sent.tries = answer.tries
        if answer.status in (200, 201):
            info = answer.body["messageInfo"]
            sent.ended, sent.message_id = time.monotonic(), info["messageId"]
            sent.seq = info["seq"]
        elif answer.status != 503:
            sent.refused = f"{answer.status} {answer.body}"


def _listed(chat: dict[str, Any]) -> Listed:
    own, last = chat["mine"], chat["last"]
    newest = last["messageId"] if last else ""
    return Listed(chat["seq"], own["read"], own["unread"], own["mentions"], newest)
