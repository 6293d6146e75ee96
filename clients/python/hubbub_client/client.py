"""A user's connection to Hubbub: reconnects, catches up, and sends pending changes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final, Self

from hubbub_client.chat import Chat
from hubbub_client.connection import REVOKED, Connection
from hubbub_client.errors import NoAnswer, Stopped, Unauthenticated, refusal
from hubbub_client.events import Event, Moment, Restarted
from hubbub_client.fold import Message
from hubbub_client.inbox import Inbox
from hubbub_client.kept import Kept
from hubbub_client.outbox import Change, Outbox
from hubbub_client.pages import find_messages, read_chats
from hubbub_client.queue import Queue
from hubbub_client.rest import Rest, Tokens
from hubbub_client.session import Ready, Refusal, Session
from hubbub_client.store import FileStore, MemoryStore, Store

MAX_MOMENTS: Final = 1_000  # that the program has not consumed yet


class Client:
    """Use it with `async with`; sign up or log in inside, unless the store already has a session.

    `events` yields each event of each chat once and in order; `chat(id).messages` are a chat's
    current messages. Without a store, every program starts from scratch. Chats that are new to the
    program begin with new events, or with `from_start` at their first event: for archives.
    """

    def __init__(
        self,
        origin: str = "http://127.0.0.1:8000",
        store: Store | None = None,
        *,
        from_start: bool = False,
    ) -> None:
        store = MemoryStore() if store is None else store
        self._kept = Kept(store)
        self.rest = Rest(origin, self._kept.tokens())
        self.rest.on_tokens, self.rest.on_end = self._keep_tokens, self._kept.forget_tokens
        self.rest.stored, self.rest.locked = self._kept.tokens, self._kept.locked
        self.outbox = Outbox(store, self._perform)
        self._session = Session("", self._kept.cursors(), self._kept.epoch, from_start=from_start)
        self._connection = Connection(
            self._session,
            self.rest.http,
            self.rest.origin + "/ws",
            token=lambda renew: self.rest.renew() if renew else self.rest.access_token(),
            fetch_events=self._fetch_events,
            take=self._take,
        )
        has_room = self._connection.has_room
        self._inbox = Inbox(self._kept, self._session, has_room, self._go_back)
        self._running: asyncio.Task[None] | None = None
        self._chats: dict[str, Chat] = {}
        self._moments: Queue[Moment] = Queue()
        self._ended: Exception | None = None
        self._is_closed = False
        self._is_leaving = False  # a log-out is under way
        self._credentials: tuple[str, str] | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """For bots and scripts. `HUBBUB_ORIGIN` is the server's address; `HUBBUB_STORE` a file for
        state that outlives the program; `HUBBUB_USERNAME` and `HUBBUB_PASSWORD` log in if the file
        has no session yet. Each is optional."""
        path = os.environ.get("HUBBUB_STORE")
        client = cls(
            os.environ.get("HUBBUB_ORIGIN", "http://127.0.0.1:8000"),
            FileStore(Path(path)) if path else None,
        )
        if client.rest.tokens is None and (name := os.environ.get("HUBBUB_USERNAME")):
            client._credentials = name, os.environ.get("HUBBUB_PASSWORD", "")
        return client

    async def __aenter__(self) -> Self:
        try:
            if self._credentials is not None:
                await self.log_in(*self._credentials)
            elif self.rest.tokens is not None:
                self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_closed = True
        await self.outbox.close()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._end(_closed_by_program())
        await self.rest.close()

    # ---- sessions

    @property
    def user(self) -> str:
        """The user's id. Raises Unauthenticated without a session."""
        if self.rest.tokens is None:
            raise Unauthenticated(401, "unauthenticated", "Sign up or log in first.")
        return self.rest.tokens.user

    async def sign_up(
        self, username: str, email: str, password: str | None = None, invite: str | None = None
    ) -> None:
        """Creates an account and connects. Raises Refused, and Stopped or NoAnswer if the client is
        closed meanwhile."""
        await self.rest.sign_up(username, email, password, invite)
        self._start()

    async def log_in(self, username: str, password: str) -> None:
        """Connects. Raises InvalidCredentials, and Stopped or NoAnswer if the client is closed
        meanwhile."""
        await self.rest.log_in(username, password)
        self._start()

    async def log_out(self) -> None:
        """Ends the session; removes it and the user's unsent changes from the store."""
        user, self._is_leaving = self._kept.user, True
        try:
            await self.rest.log_out()
        finally:
            self._is_leaving = False
        now = self.rest.tokens  # of a log-in meanwhile
        if user is not None and (now is None or now.user != user):
            self.outbox.forget(user)
        if now is not None:
            return
        self._connection.standing = None
        self._kept.forget()
        if self._running is not None:
            self._running.cancel()
        self._end(_closed_by_program())

    async def until_ready(self) -> None:
        """Waits until the socket is ready. Raises the error that ended the client permanently."""
        while self._ended is None and not self._connection.is_ready.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await self._connection.is_ready.wait()
        if self._ended is not None:
            raise self._ended

    # ---- what happens

    def events(self) -> AsyncGenerator[Event | Restarted, None]:
        """Yields each event once, in the order of each chat's seqs, across reconnects, from the
        first socket on: events received before this call wait for it. An event counts as processed
        when the next one is requested, by this loop or another: with a FileStore a restarted
        program continues after it. Raises Stopped, or Unauthenticated if the session has ended;
        Stopped with the code 1000 when the client is closed or has logged out."""
        return self._inbox.events()

    async def moments(self) -> AsyncGenerator[Moment, None]:
        """Typing, presence, and actions of the user's other devices; missed while disconnected.
        Ends as `events` do."""
        while True:
            yield await self._moments.take()

    def chat(self, chat: str) -> Chat:
        """The chat with this id; always the same object."""
        return self._chats.setdefault(chat, Chat(self, chat, self._session.show))

    async def chats(self, limit: int = 200) -> list[dict[str, Any]]:
        """The user's chats as returned by `GET /api/chat`, the newest message first: up to `limit`,
        whatever the page size."""
        return await read_chats(self.rest, limit)

    async def create_chat(self, name: str, *participants: str) -> Chat:
        answer = await self.rest.call(
            "POST", "/api/chat", {"chatName": name, "participants": list(participants)}
        )
        return self.chat(answer["chat"]["id"])

    async def direct_chat(self, user: str) -> Chat:
        """The direct chat of the two users, created if there is none."""
        answer = await self.rest.call("PUT", f"/api/user/{user}/direct")
        return self.chat(answer["chat"]["id"])

    async def users(self, *ids: str) -> list[dict[str, Any]]:
        """Profiles by id, at most 200."""
        answer = await self.rest.call("GET", f"/api/user?ids={','.join(ids)}")
        return list(answer["users"])

    async def search(
        self,
        text: str,
        *,
        chat: str | None = None,
        by: str | None = None,
        before: str | None = None,
        limit: int = 20,
    ) -> tuple[list[Message], str | None]:
        """Messages with these words, optionally only of a user or in a chat, newest first, and
        where the next page begins."""
        return await find_messages(self.rest, text, limit=limit, chat=chat, by=by, before=before)

    async def watch(self, *users: str) -> None:
        """From now on `moments` reports whether these users are online; replaces the previous
        list."""
        self._connection.standing = {"type": "watch", "users": list(users)}
        await self.say(self._connection.standing)

    def cursor(self, chat: str) -> int:
        """The seq up to which events of the chat have arrived."""
        return self._session.cursors.get(chat, 0)

    async def say(self, frame: dict[str, Any]) -> None:
        """Sends a frame that gets no answer; has no effect while disconnected."""
        with contextlib.suppress(NoAnswer):
            await self._connection.send(frame)

    # ---- what the connection asks for

    def _start(self) -> None:
        if self._is_closed:
            raise _closed_by_program()
        self._ended = self._inbox.waiting.error = self._moments.error = None
        self._reopen()
        self.outbox.resume(self.user)

    def _reopen(self) -> None:
        if self._running is not None:  # as another user, or again
            self._running.cancel()
            self._connection.is_ready.clear()
        self._running = asyncio.create_task(self._run())

    def _keep_tokens(self, tokens: Tokens) -> None:
        """The session is valid, or there is a new one: continues what had stopped without it."""
        if tokens.user != self._kept.user:
            self._begin_anew()
        self._kept.keep_tokens(tokens)
        self.outbox.resume(tokens.user)

    def _begin_anew(self) -> None:
        """Drops the previous user's events and position for the one who logs in."""
        if self._kept.user is not None:
            self._connection.standing = None
        self._kept.forget()
        self._session.begin_anew()
        self._inbox.clear()
        self._moments.clear()
        for chat in self._chats.values():
            chat.forget()

    async def _run(self) -> None:
        try:
            await self._connection.run()
        except Exception as error:
            if self._running is not asyncio.current_task():
                return  # another connection has replaced this one
            is_revoked = isinstance(error, Stopped) and error.code == REVOKED
            if is_revoked:
                # If the store fails, the next program is told that the session has ended.
                with contextlib.suppress(Exception):
                    self.rest.forget()
            # The end of the session may be noticed here before the log-out is answered.
            is_own = self._is_leaving and (is_revoked or isinstance(error, Unauthenticated))
            self._end(_closed_by_program() if is_own else error)

    def _end(self, error: Exception) -> None:
        if self._ended is None:
            self._ended = error
            self._inbox.waiting.fail(error)
            self._moments.fail(error)

    async def _fetch_events(self, chat: str, after: int) -> dict[str, Any]:
        path = f"/api/chat/{chat}/events?after={after}&limit=200"
        return await self.rest.call("GET", path, repeats=False)

    def _take(self, output: Ready | Event | Restarted | Moment | Refusal) -> None:
        match output:
            case Ready():
                self._inbox.begin(output.cursors)
                self.outbox.hurry()
                # The session is valid: an earlier refusal no longer stops anything.
                if self.rest.tokens is not None and self.rest.tokens.user == self._session.user:
                    self.outbox.resume(self._session.user)
            case Event() | Restarted():
                self._deliver(output)
            case Refusal():
                pass  # typing and the like: nothing depends on it
            case _:
                self._moments.push(output, MAX_MOMENTS)

    def _deliver(self, event: Event | Restarted) -> None:
        if isinstance(event, Restarted):
            for chat in self._chats.values() if event.chat is None else [self.chat(event.chat)]:
                chat.forget()
        elif (known := self._chats.get(event.chat)) is not None:
            known.apply(event)
        self._inbox.push(event)

    def _go_back(self, cursors: dict[str, int]) -> None:
        """To the place of the program, on another socket."""
        self._session.go_back(cursors)
        self._reopen()

    # ---- sending

    async def _perform(self, change: Change) -> dict[str, Any]:
        """Sends messages over the socket if there is one, everything else over REST."""
        body = change.body or {}
        frame = {"type": "send", "chat": change.chat, **body}
        is_own = "clientId" in body and self._session.user == self.user
        if not is_own or not self._connection.can_ask(change.key, frame):
            return await self.rest.call(
                change.method, change.path, change.body, key=change.key, repeats=False
            )
        outcome = await self._connection.ask(change.key, frame)
        if outcome.code:
            wait = outcome.frame.get("retryAfter", 0.0)
            raise refusal(0, outcome.code, outcome.frame["detail"], retry_after=wait)
        return {"messageInfo": outcome.frame}


def _closed_by_program() -> Stopped:
    return Stopped(1000, "closed by the program")
