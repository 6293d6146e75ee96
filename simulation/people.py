"""The users' steps of a plan, each until it has its final answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from chats.log.encoding import UNSTAMPED, draft_event
from chats.membership.chats import first_change
from chats.store.changes import ResultKey
from chats.store.messages import NewMessage
from common.protocol.chats import Chat
from common.protocol.events import Message
from common.protocol.ids import new_id
from simulation.device import Device, Problem
from simulation.inside import has_open_socket
from simulation.processes import Process

FINAL: Final = {
    "not_found", "forbidden", "invalid_request", "unknown_user", "unauthenticated", "sent",
}  # fmt: skip
REVOKED_SECONDS: Final = 1.6  # a second, and delays on the way and in tasks
UNEXCUSED: Final = ("unavailable", "internal")


class People:
    """Users, their devices, and the chats they know by number."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._witness = run.witness
        self.users: list[str] = []
        self.chats: dict[int, str] = {}
        self.devices: list[Device] = []
        self._pending: dict[int, tuple[Device, str, bool]] = {}
        self._number = 0

    # ---- beginning and end

    def arrive(self) -> None:
        """Creates users, their sessions and their first chats, directly in both databases."""
        run = self._run
        for number in range(run.plan.users):
            user = new_id()
            self.users.append(user)
            self._witness.names[user] = f"user{number}"
            run.users.add_person(user, f"user{number}")
        for number, (group, history) in enumerate(
            zip(run.plan.groups, run.plan.history, strict=True)
        ):
            self._found(number, [self.users[n] for n in group], history)
        run.chats.outbox.clear()

    def _found(self, number: int, members: list[str], history: int) -> None:
        chat = Chat(
            id=new_id(), chat_name="a chat", participants=members,
            participant_count=len(members), owner=members[0], seq=0, kind="group",
        )  # fmt: skip
        self._run.chats.commit_change(
            first_change(chat, tuple(members), by=members[0]),
            ResultKey(members[0], "create_chat", new_id()), b"{}",
            transaction=None,
            began=self._run.chats.begin_attempt(ResultKey("", "", "")).began,
            max_age_seconds=20,
        )  # fmt: skip
        self._run.users.memberships.update((user, chat.id) for user in members)
        self.chats[number] = chat.id
        for _ in range(history):
            message = Message(
                chat=chat.id, by=members[0], message_id=new_id(), message="long ago", **UNSTAMPED
            )
            self._run.chats.append_events(
                [NewMessage(chat.id, members[0], new_id(), draft_event(message))]
            )

    def connect(self) -> None:
        """Starts every device."""
        for user in self._run.plan.devices:
            self._add_device(user)

    def _add_device(self, user: int) -> None:
        run, id_ = self._run, self.users[user]
        session = new_id()
        run.users.add_session(session, id_)
        process = Process(run.loop, f"device-{len(self.devices)}")
        device = Device(
            process, self._witness, id_, session, run.fleet.of("realtime"), run.fleet.of("edge"),
            str(run.plan.seed),
        )  # fmt: skip
        self.devices.append(device)
        self._witness.names[device.host] = f"user{user}"
        process.start(device.stay_connected())

    def are_ready(self) -> bool:
        return all(device.is_ready for device in self.devices)

    def missing(self) -> str | None:
        """What somebody still waits for."""
        for device, what, is_change in self._pending.values():
            if device.is_there and not is_change:
                return f"{device.host} has no final answer to {what}"
        for device in self.devices:
            if not device.is_there:
                continue
            if not device.is_ready:
                return f"{device.host} is not connected"
            for id_, chat in self._witness.truth.chats_of(device.user).items():
                has = device.cursors.get(id_, 0)
                if has != chat.head:
                    name = self._witness.name(id_)
                    return f"{device.host} has {name} up to {has} of {chat.head}"
        return None

    def unfinished_change(self) -> str | None:
        """A change of a chat that waits for its final answer."""
        for device, what, is_change in self._pending.values():
            if device.is_there and is_change:
                return f"{device.host} has no final answer to {what}"
        return None

    def leave(self) -> None:
        """Everybody leaves for good."""
        for device in self.devices:
            device.stop()

    # ---- steps

    def do(self, step: Any) -> None:
        """One step; a step on a chat that does not exist (yet) is skipped."""
        device = self.devices[step.args[0]]
        if not device.is_there:
            return
        getattr(self, f"_{step.kind}")(device, *step.args[1:])

    def _spawn(
        self,
        device: Device,
        what: str,
        work: Coroutine[Any, Any, None],
        *,
        is_change: bool = False,
    ) -> None:
        self._number += 1
        number = self._number
        self._pending[number] = device, what, is_change
        self._witness.note(device.host, what)
        task = self._run.loop.create_task(work, context=device.process.context.copy())
        task.add_done_callback(lambda _: self._pending.pop(number))

    def _say(self, device: Device, chat: int, size: int) -> None:
        self._send(device, chat, size, "says")

    def _post(self, device: Device, chat: int, size: int) -> None:
        self._send(device, chat, size, "posts")

    def _send(self, device: Device, number: int, size: int, verb: str) -> None:
        chat = self.chats.get(number)
        if chat is None:
            return
        key, text = new_id(), "x" * size
        what = f"{verb} {key[-4:]} in {self._witness.name(chat)}"
        self._spawn(device, what, self._until_sent(device, chat, key, text, verb))

    def _twice(self, device: Device, number: int) -> None:
        """Sends the same message in two requests at once, as when a balancer repeats one."""
        chat = self.chats.get(number)
        if chat is None:
            return
        key = new_id()
        for _ in range(2):
            work = self._until_sent(device, chat, key, "twice", "posts", is_repeat=True)
            self._spawn(device, f"posts {key[-4:]} in {self._witness.name(chat)}", work)

    async def _until_sent(
        self, device: Device, chat: str, key: str, text: str, verb: str, *, is_repeat: bool = False
    ) -> None:
        # A client that repeats a key expects the result of its first use.
        before = 0 if is_repeat else self._witness.last_acknowledged(device.user, chat)
        while True:
            if verb == "says":
                outcome = await device.say(chat, key, text)
            else:
                outcome = await self._post_once(device, chat, key, text)
            if outcome in FINAL:
                self._witness.note(device.host, f"{key[-4:]}: {outcome}")
                self._witness.in_order(device.user, chat, key, before)
                return
            if outcome in UNEXCUSED and self._run.plan.spares_sends:
                self._witness.fail("refused", f"{device.host} {verb} {key[-4:]}: {outcome}")
            await asyncio.sleep(0.1)

    async def _post_once(self, device: Device, chat: str, key: str, text: str) -> str:
        try:
            raw = await device.ask("send", {"chat": chat, "key": key, "message": text})
        except Problem as problem:
            return problem.code
        answer = {name: msgspec.json.decode(value) for name, value in raw.items()}
        self._witness.sent(device.user, chat, key, text, answer)
        return "sent"

    def _change(self, device: Device, number: int, name: str, body: dict[str, Any]) -> None:
        chat = self.chats.get(number)
        if chat is None:
            return
        what = f"{name} {self._witness.name(chat)} {self._witness.name(body.get('user', ''))}"
        work = self._until_done(device, name, {"chat": chat, **body}, _ignore)
        self._spawn(device, what.strip(), work, is_change=True)

    async def _until_done(
        self, device: Device, name: str, body: dict[str, Any], done: Callable[[Any], None]
    ) -> None:
        body["key"] = new_id()
        while True:
            try:
                done(await device.ask(name, body))
                return
            except Problem as problem:
                if problem.code in FINAL:
                    return
            await asyncio.sleep(0.1)

    def _create(self, device: Device, number: int, users: tuple[int, ...]) -> None:
        members = [self.users[n] for n in users]

        def note(answer: Any) -> None:
            self.chats[number] = msgspec.json.decode(answer["id"])

        body = {"name": "new", "users": members}
        work = self._until_done(device, "create", body, note)
        self._spawn(device, f"creates {users}", work, is_change=True)

    def _rename(self, device: Device, chat: int) -> None:
        self._change(device, chat, "rename", {"name": "other"})

    def _delete(self, device: Device, chat: int) -> None:
        self._change(device, chat, "delete", {})

    def _add(self, device: Device, chat: int, user: int) -> None:
        self._change(self._owner(chat, device), chat, "add", {"users": [self.users[user]]})

    def _add_everybody(self, device: Device) -> None:
        for number in list(self.chats):
            body = {"users": list(self.users)}
            self._change(self._owner(number, device), number, "add", body)

    def _remove(self, device: Device, chat: int, user: int) -> None:
        self._change(self._owner(chat, device), chat, "remove", {"user": self.users[user]})

    def _owner(self, number: int, otherwise: Device) -> Device:
        """Usually the owner changes a chat: others are only refused."""
        chat = self._run.chats.chats.get(self.chats.get(number, ""))
        owned = (d for d in self.devices if chat is not None and d.user == chat.owner)
        return next((d for d in owned if d.is_there), otherwise)

    def _events(self, device: Device, number: int) -> None:
        chat = self.chats.get(number)
        if chat is not None:
            self._spawn(device, "reads events", self._read_events(device, chat))

    async def _read_events(self, device: Device, chat: str) -> None:
        try:
            await device.read_page(chat, 0)
        except Problem:
            return

    def _newest(self, device: Device, number: int) -> None:
        self._read(device, number, "newest", {})

    def _messages(self, device: Device, number: int) -> None:
        self._read(device, number, "messages", {"before": None})

    def _read(self, device: Device, number: int, name: str, body: dict[str, Any]) -> None:
        chat = self.chats.get(number)
        if chat is not None:
            self._spawn(device, "reads messages", self._read_messages(device, chat, name, body))

    async def _read_messages(
        self, device: Device, chat: str, name: str, body: dict[str, Any]
    ) -> None:
        low = self._witness.truth.chat(chat).head
        try:
            raw = await device.ask(name, {"chat": chat, **body})
        except Problem:
            return
        messages = msgspec.json.decode(raw["messages"], type=list[msgspec.Raw])
        self._witness.history(device.user, chat, low, messages)

    def _chat(self, device: Device, number: int) -> None:
        chat = self.chats.get(number)
        if chat is not None:
            self._spawn(device, "reads the chat", self._read_chat(device, chat))

    async def _read_chat(self, device: Device, chat: str) -> None:
        low = self._witness.truth.chat(chat).head
        try:
            raw = await device.ask("chat", {"chat": chat})
        except Problem:
            return
        seq = msgspec.json.decode(raw["seq"])
        self._witness.state(device.user, chat, low, seq)

    def _type(self, device: Device, number: int) -> None:
        if (chat := self.chats.get(number)) is not None:
            device.type(chat)

    def _cut_client(self, device: Device) -> None:
        self._witness.note(device.host, "is cut off")
        device.cut()

    def _flicker(self, device: Device, times: int) -> None:
        self._witness.note(
            device.host, f"ends its next {times} sockets as soon as it has connected"
        )
        device.flickers = times
        device.cut()

    def _hand_in(self, device: Device, number: int) -> None:
        """The last of the devices posts, because it is never away."""
        other = self.devices[-1]
        if other.is_there and (chat := self.chats.get(number)) is not None:
            self._spawn(other, "posts", self._until_sent(other, chat, new_id(), "late", "posts"))

    def _away(self, device: Device, seconds: float) -> None:
        self._witness.note(device.host, f"is away for {seconds} s")
        device.process.stop()
        device.cut()
        self._run.loop.call_later(seconds, device.process.go_on)

    def _slow_reader(self, device: Device, seconds: float) -> None:
        self._witness.note(device.host, f"reads nothing for {seconds} s")
        device.read_slowly(False)
        self._run.loop.call_later(seconds, device.read_slowly, True)

    def _log_out(self, device: Device) -> None:
        if not self._run.fleet.serves_for("users"):
            return  # the answer is 503, and the session goes on
        self._witness.note(device.host, "logs out")
        self._run.users.revoke_session(device.session)
        device.is_stopped = True
        if self._run.plan.spares_sends:
            self._run.loop.call_later(REVOKED_SECONDS, self._judge_end, device)
        self._add_device(self.users.index(device.user))

    def _judge_end(self, device: Device) -> None:
        missing = REVOKED_SECONDS - self._run.fleet.serves_for("users")
        if missing > 0:  # the only process that could have told the nodes was gone
            self._run.loop.call_later(missing + 0.01, self._judge_end, device)
        elif has_open_socket(self._run.fleet, device.session):
            self._witness.fail("revoked", f"{device.host} is connected without a session")


def _ignore(_: Any) -> None:
    pass
