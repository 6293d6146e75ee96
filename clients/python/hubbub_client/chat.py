"""One chat: what it says now, and what one does in it."""

import uuid
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from hubbub_client.events import Event, MessageChanged, MessageSent
from hubbub_client.fold import Message, begin, change
from hubbub_client.outbox import Change

if TYPE_CHECKING:
    from hubbub_client.client import Client

PAGE: Final = 50
_REPLIES: Final = uuid.UUID("5f0c8a1e-6d0b-4a56-9a3e-2f4f2f1f9b77")
MAX_KEPT: Final = 5_000  # messages; the oldest go first


class Sent(msgspec.Struct, frozen=True):
    """Where a message or an edit is in its chat. `at` is a time as in events."""

    message_id: str
    seq: int
    at: str


class File(msgspec.Struct, frozen=True):
    """An uploaded file, to be attached to a message by its id. `size` in bytes."""

    id: str
    name: str
    type: str
    size: int


class Chat:
    """Get one from `Client.chat`. Changes are made in the order of the calls; each call returns
    when its change is stored, and raises Refused where the server will not have it. After
    Unauthenticated, when the session has ended, and NoAnswer, when the client was closed, the
    change is kept and made when the same user is back: do not call again."""

    def __init__(self, client: "Client", chat: str) -> None:
        self.id = chat
        self._client = client
        self._path = f"/api/chat/{chat}"
        self._messages: dict[int, tuple[Message, int]] = {}  # with the seq it is folded up to
        self._floor = 0  # events up to here are in what was loaded first
        self._is_loaded = False
        self._meanwhile: list[Event] | None = None  # events that come while a page travels
        self.has_older = False

    # ---- reading

    @property
    def messages(self) -> list[Message]:
        """What was loaded and what came since, oldest first, each as it is now."""
        return [self._messages[seq][0] for seq in sorted(self._messages)]

    async def load(self, limit: int = PAGE) -> list[Message]:
        """Begins with the newest messages; from then on `messages` stays current."""
        self._messages.clear()
        self._is_loaded = True
        await self._load(f"limit={limit}")
        return self.messages

    async def load_older(self, limit: int = PAGE) -> list[Message]:
        """One more page before the oldest one that is here."""
        if self._messages:
            await self._load(f"before={min(self._messages)}&limit={limit}")
        return self.messages

    async def details(self) -> dict[str, Any]:
        """The chat as `GET /api/chat/{id}` answers it."""
        return await self._client.rest.call("GET", self._path)

    async def _load(self, query: str) -> None:
        while True:
            applied = self._client.cursor(self.id)
            self._meanwhile = []
            try:
                page = await self._client.rest.call("GET", f"{self._path}/message?{query}")
            finally:
                meanwhile, self._meanwhile = self._meanwhile, None
            if page["seq"] >= applied:  # else it is older than what the program has seen
                break
        for message in msgspec.convert(page["messages"], list[Message]):
            self._messages[message.seq] = (message, page["seq"])
        self.has_older = page["more"]
        self._floor = max(self._floor, page["seq"])
        for event in meanwhile:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """The client tells of each event of the chat, in order."""
        if self._meanwhile is not None:
            self._meanwhile.append(event)
        if not self._is_loaded:
            return
        if isinstance(event, MessageSent):
            if event.seq not in self._messages:
                self._messages[event.seq] = (begin(event), event.seq)
                self._forget_oldest()
        elif isinstance(event, MessageChanged) and event.of in self._messages:
            message, folded = self._messages[event.of]
            if event.seq > folded:
                self._messages[event.of] = (change(message, event), event.seq)

    def forget(self) -> None:
        """The history is another one now: `load` begins anew."""
        self._messages.clear()
        self._is_loaded = False

    def _forget_oldest(self) -> None:
        if len(self._messages) > MAX_KEPT:
            del self._messages[min(self._messages)]
            self.has_older = True

    # ---- changing

    async def send(
        self,
        text: str,
        *,
        reply_to: str | None = None,
        mentions: Iterable[str] = (),
        attachments: Iterable[str] = (),
        key: str | None = None,
    ) -> Sent:
        """`key` is a UUID; a second send with the same one is the first. A bot that makes it of
        what it answers (`reply_key`) answers once, however often it is started."""
        body: dict[str, Any] = {"message": text}
        if reply_to is not None:
            body["replyTo"] = reply_to
        if mentioned := list(mentions):
            body["mentions"] = mentioned
        if attached := list(attachments):
            body["attachments"] = attached
        body["clientId"] = key or str(uuid.uuid4())
        answer = await self._put("POST", "/message", body, body["clientId"])
        return _sent(answer)

    async def edit(self, message: str, text: str, *, mentions: Iterable[str] | None = None) -> Sent:
        """Without `mentions` those stay as they are."""
        body: dict[str, Any] = {"message": text}
        if mentions is not None:
            body["mentions"] = list(mentions)
        return _sent(await self._put("PATCH", f"/message/{message}", body))

    async def delete(self, message: str) -> None:
        """For everybody, and for good."""
        await self._put("DELETE", f"/message/{message}")

    async def react(self, message: str, emoji: str) -> None:
        await self._put("PUT", f"/message/{message}/reaction/{quote(emoji, safe='')}")

    async def unreact(self, message: str, emoji: str) -> None:
        await self._put("DELETE", f"/message/{message}/reaction/{quote(emoji, safe='')}")

    async def read(self, up_to: int) -> None:
        """Moves the user's read marker forward to this seq, on all devices."""
        await self._put("PUT", "/read", {"upTo": up_to})

    async def mark_unread(self, seq: int) -> None:
        """From this seq on."""
        await self._put("PUT", "/unread", {"from": seq})

    async def typing(self) -> None:
        """Tells the others that the user is typing. Nothing comes of it while unconnected."""
        await self._client.say({"type": "typing", "chat": self.id})

    async def add(self, *users: str) -> None:
        await self._put("POST", "/participant", {"userIds": list(users)})

    async def remove(self, user: str) -> None:
        await self._put("DELETE", f"/participant/{user}")

    async def leave(self) -> None:
        await self.remove(self._client.user)

    async def rename(self, name: str) -> None:
        await self._put("PATCH", "", {"chatName": name})

    async def _put(
        self, method: str, path: str, body: dict[str, Any] | None = None, key: str | None = None
    ) -> dict[str, Any]:
        change = Change(key or str(uuid.uuid4()), self.id, method, self._path + path, body)
        return await self._client.outbox.put(change)

    # ---- files

    async def upload(self, name: str, data: bytes) -> File:
        """For `send(attachments=[file.id])`."""
        answer = await self._client.rest.upload(f"{self._path}/file", data, name)
        return msgspec.convert(answer["file"], File)

    def download(self, file: str) -> AsyncIterator[bytes]:
        """The file's bytes in pieces."""
        return self._client.rest.download(f"{self._path}/file/{file}")


def reply_key(event: Event) -> str:
    """A key for the one answer to an event."""
    return str(uuid.uuid5(_REPLIES, f"{event.chat} {event.seq}"))


def _sent(answer: dict[str, Any]) -> Sent:
    info = answer["messageInfo"]
    return Sent(info["messageId"], info["seq"], info["at"])
