"""Events that wait for the program, and how far it has processed them. Must not know the socket."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

from hubbub_client.events import Event, Restarted
from hubbub_client.kept import Kept
from hubbub_client.queue import Queue
from hubbub_client.session import Session

MAX_WAITING: Final = 10_000  # events that the program has not consumed yet

GoBack = Callable[[dict[str, int]], None]


class Inbox:
    """`session` knows how far events have arrived. While too many events wait, `has_room` is
    clear. `go_back` is called with the cursors after which all events were dropped."""

    def __init__(
        self, kept: Kept, session: Session, has_room: asyncio.Event, go_back: GoBack
    ) -> None:
        self.waiting: Queue[Event | Restarted] = Queue()
        self._kept = kept
        self._session = session
        self._has_room = has_room
        self._go_back = go_back
        self._begins: Mapping[str, int] = {}  # where chats begin on the latest socket
        # What to store when the program has processed each waiting `Restarted`.
        self._anew: deque[tuple[str | None, Mapping[str, int], str | None]] = deque()
        self._given: Event | Restarted | None = None  # to the program, not known to be processed
        self._is_heard = False  # the program iterates over `events`
        self._has_dropped = False  # events that the program has not had yet: they come again

    async def events(self) -> AsyncGenerator[Event | Restarted, None]:
        self._is_heard = True
        self._keep_given()
        if self._has_dropped and self.waiting.error is None:
            self._has_dropped = False
            self._go_back(self._kept.cursors())
        while True:
            event = await self.waiting.take()
            if len(self.waiting) < MAX_WAITING / 2:
                self._has_room.set()
            self._given = event
            yield event
            self._keep_given()

    def begin(self, cursors: Mapping[str, int]) -> None:
        """Chats begin at these on the socket that is ready now."""
        self._begins = cursors
        if self._kept.epoch is None:  # from here on no event is missed
            self._kept.keep_cursors(cursors, self._session.epoch)

    def push(self, event: Event | Restarted) -> None:
        if isinstance(event, Restarted):
            self._anew.append((event.chat, self._begins, self._session.epoch))
        if not self._has_dropped:
            self.waiting.push(event)
            if len(self.waiting) <= MAX_WAITING:
                return
            if self._is_heard:
                self._has_room.clear()
                return
        # No consumer yet: everything since its position comes again when there is one.
        self._has_dropped = True
        self.waiting.clear()
        while self._anew:
            self._keep_anew()

    def clear(self) -> None:
        """For another user."""
        self._given = None
        self._has_dropped = False
        self._anew.clear()
        self.waiting.clear()
        self._has_room.set()

    def _keep_given(self) -> None:
        """The program requests the next event: it has processed the one that it got."""
        event, self._given = self._given, None
        if event is None or self._kept.user is None:
            return
        if isinstance(event, Restarted):
            self._keep_anew()
        elif event.chat in self._session.cursors:
            self._kept.keep_cursors({event.chat: event.seq}, None)
        else:
            self._kept.forget_cursor(event.chat)

    def _keep_anew(self) -> None:
        """The program knows about the new history. Events received from it since are not yet
        processed."""
        chat, cursors, epoch = self._anew.popleft()
        if chat is None:
            self._kept.forget_cursors()
            self._kept.keep_cursors(cursors, epoch)
        else:
            self._kept.keep_cursors({chat: cursors[chat]}, epoch)
