"""One chat: its current messages, and what a user can do in it."""

import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from hubbub_client.events import Attachment, Event
from hubbub_client.fold import Message
from hubbub_client.outbox import Change
from hubbub_client.timeline import Timeline

if TYPE_CHECKING:
    from hubbub_client.client import Client

PAGE: Final = 50
_REPLIES: Final = uuid.UUID("5f0c8a1e-6d0b-4a56-9a3e-2f4f2f1f9b77")


class Sent(msgspec.Struct, frozen=True):
    """Where a message or an edit is in its chat. `at` is a time as in events."""

    message_id: str
    seq: int
    at: str


class File(Attachment, frozen=True, kw_only=True):
    """An uploaded file, to be attached to a message by its id."""


class Chat:
    """Get one from `Client.chat`. Changes are made in the order of the calls; each call returns
    when its change is stored, and raises Refused if the server rejects it. After Unauthenticated
    (the session has ended) and NoAnswer (the client was closed), the change is kept and sent when
    the same user is back: do not call again."""

    def __init__(self, client: "Client", chat: str, show: Callable[[str, int], None]) -> None:
        self.id = chat
        self._client = client
        self._show = show  # called with the seq up to which the chat has been loaded
        self._path = f"/api/chat/{chat}"
        self._timeline: Timeline | None = None  # until `load`
        self.has_older = False

    # ---- reading

    @property
    def messages(self) -> list[Message]:
        """The loaded messages and those received since, oldest first, each in its current state."""
        return [] if self._timeline is None else self._timeline.messages

    async def load(self, limit: int = PAGE) -> list[Message]:
        """Loads the newest messages; from then on `messages` stays current."""
        own: Timeline | None = None
        self._timeline = None
        while True:
            if self._timeline is None:
                own = self._timeline = Timeline(self._client.cursor(self.id))
            timeline = self._timeline
            try:
                page = await self._page(f"limit={limit}")
            except BaseException:
                if own is self._timeline:  # not that of another call
                    self._timeline = None  # nothing is loaded
                raise
            if timeline is not self._timeline:
                continue  # reloaded meanwhile, or from another history
            # The page contains events up to its seq; those up to the cursor do not come again.
            seq = max(page["seq"], self._client.cursor(self.id))
            if seq > timeline.cursor:
                timeline.reset(seq)
            if self._cover(timeline, page):
                self._show(self.id, page["seq"])
                return self.messages

    async def load_older(self, limit: int = PAGE) -> list[Message]:
        """Loads one more page before the oldest loaded message, or the newest page if there is
        none."""
        if self._timeline is None:
            return await self.load(limit)
        while self.has_older:
            timeline, first = self._timeline, self._timeline.first
            page = await self._page(f"before={first}&limit={limit}")
            if timeline is not self._timeline or first != timeline.first:
                break  # another call has loaded it, or reloaded the chat
            if self._cover(timeline, page):
                break
        return self.messages

    async def details(self) -> dict[str, Any]:
        """The chat as returned by `GET /api/chat/{id}`."""
        return await self._client.rest.call("GET", self._path)

    async def _page(self, query: str) -> dict[str, Any]:
        return await self._client.rest.call("GET", f"{self._path}/message?{query}")

    def _cover(self, timeline: Timeline, page: dict[str, Any]) -> bool:
        """False if the page is older than what the program has seen."""
        messages = msgspec.convert(page["messages"], list[Message])
        first = messages[-1].seq if page["more"] else 1
        is_taken = timeline.cover(first, messages, page["seq"])
        if is_taken:
            self.has_older = page["more"]
        return is_taken

    def apply(self, event: Event) -> None:
        """Called by the client with each event of the chat, in order."""
        timeline = self._timeline
        if timeline is None:
            return
        if event.seq > timeline.cursor + 1:  # a user who is added again starts over
            timeline.reset(event.seq - 1)
            self.has_older = True
        timeline.apply(event)
        if timeline.trim():
            self.has_older = True

    def forget(self) -> None:
        """The server's history was replaced: `load` starts over."""
        self._timeline = None
        self.has_older = False

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
        """`key` is a UUID; a second send with the same key has no effect and returns the first
        result. A bot that derives it from what it answers (`reply_key`) answers once, however often
        it is started."""
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
        """Without `mentions` the message keeps its own."""
        body: dict[str, Any] = {"message": text}
        if mentions is not None:
            body["mentions"] = list(mentions)
        return _sent(await self._put("PATCH", f"/message/{message}", body))

    async def delete(self, message: str) -> None:
        """Deletes the message for everybody, permanently."""
        await self._put("DELETE", f"/message/{message}")

    async def react(self, message: str, emoji: str) -> None:
        await self._put("PUT", f"/message/{message}/reaction/{quote(emoji, safe='')}")

    async def unreact(self, message: str, emoji: str) -> None:
        await self._put("DELETE", f"/message/{message}/reaction/{quote(emoji, safe='')}")

    async def read(self, up_to: int) -> None:
        """Moves the user's read marker forward to this seq, on all devices."""
        await self._put("PUT", "/read", {"upTo": up_to})

    async def mark_unread(self, seq: int) -> None:
        """Marks the chat as unread from this seq on."""
        await self._put("PUT", "/unread", {"from": seq})

    async def typing(self) -> None:
        """Tells the others that the user is typing. Has no effect while disconnected."""
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

    def download(self, file: str) -> AsyncGenerator[bytes, None]:
        """The file's bytes in pieces."""
        return self._client.rest.download(f"{self._path}/file/{file}")


def reply_key(event: Event) -> str:
    """A deterministic key for the answer to an event."""
    return str(uuid.uuid5(_REPLIES, f"{event.chat} {event.seq}"))


def _sent(answer: dict[str, Any]) -> Sent:
    info = answer["messageInfo"]
    return Sent(info["messageId"], info["seq"], info["at"])
