"""Pending changes: in the order in which they were made in each chat, each until it is answered.

A change is in the store before anything is sent, and leaves it with its answer, so that a restarted
program continues where it ended. Its key makes every repeat safe. It belongs to the user who made
it: it stays in the store when the session ends, and is never sent as another user.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from hubbub_client.errors import HubbubError, NoAnswer, RateLimited, Transient, Unauthenticated
from hubbub_client.pace import Pace
from hubbub_client.store import Store

UNSENT: Final = "unsent "  # the prefix of names in the store
_KEPT: Final = "What is unsent is kept, and sent when the same user logs in again."


class Change(msgspec.Struct, frozen=True):
    """`method`, `path` and `body` of its call; `key` is its idempotency key, for a message its
    client id."""

    key: str
    chat: str
    method: str
    path: str
    body: dict[str, Any] | None = None


Perform = Callable[[Change], Awaitable[dict[str, Any]]]
Lane = deque[tuple[str, Change, asyncio.Future[dict[str, Any]]]]  # with the name in the store


class Outbox:
    """`perform` makes one attempt as the user of the last `resume`. Raises permanent refusals to
    the awaiting caller."""

    def __init__(self, store: Store, perform: Perform) -> None:
        self._store = store
        self._perform = perform
        self._user: str | None = None  # whose changes these are
        self._stopped: HubbubError | None = None  # why nothing is sent
        self._lanes: dict[str, Lane] = {}
        self._pace = Pace()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def resume(self, user: str) -> None:
        """The user has a session. Changes left by an earlier session of theirs are sent, once;
        nobody awaits them, and a refusal drops them. Has no effect after `close`."""
        if isinstance(self._stopped, NoAnswer) or (user == self._user and self._stopped is None):
            return
        self._stop(_unauthenticated("Another user has logged in."))
        self._user, self._stopped, self._lanes, self._pace = user, None, {}, Pace()
        for name in self._names(user):
            value = self._store.get(name)
            if value is not None:
                self._queue(name, msgspec.json.decode(value, type=Change))

    async def put(self, change: Change) -> dict[str, Any]:
        """Returns the answer. Cancelling the wait does not cancel the change. Nor do
        Unauthenticated (the session has ended) and NoAnswer (the client was closed): it stays in
        the store until the same user is back."""
        if self._user is None:
            raise Unauthenticated(401, "unauthenticated", "Sign up or log in first.")
        name = f"{UNSENT}{self._user} {change.chat} {change.key}"
        self._store.put(name, msgspec.json.encode(change))
        return await asyncio.shield(self._queue(name, change))

    def hurry(self) -> None:
        """There is a new socket: pending retries run at once."""
        self._pace.hurry()

    async def empty(self) -> None:
        """Waits until everything is answered. If something is unsent, raises Unauthenticated when
        the session has ended and NoAnswer after `close`."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._stopped is not None and len(self) > 0:
            raise self._stopped

    async def close(self) -> None:
        """Unsent changes stay in the store; their callers get NoAnswer."""
        tasks = set(self._tasks)
        self._stop(NoAnswer("The client was closed before the answer. What is unsent is kept."))
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self, user: str) -> None:
        """The user has logged out: removes their changes, but keeps those of other users."""
        if user == self._user:
            self._stop(Unauthenticated(401, "unauthenticated", "The user has logged out."))
            self._user, self._lanes = None, {}
        for name in self._names(user):
            self._store.remove(name)

    def _names(self, user: str) -> list[str]:
        return self._store.names(f"{UNSENT}{user} ")

    def _stop(self, error: HubbubError) -> None:
        """Stops sending; all unsent changes stay in the store."""
        self._stopped = error
        for _, _, answered in (one for lane in self._lanes.values() for one in lane):
            _tell(answered, error)
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()

    def _queue(self, name: str, change: Change) -> asyncio.Future[dict[str, Any]]:
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        answered.add_done_callback(_look)
        lane = self._lanes.setdefault(change.chat, deque())
        lane.append((name, change, answered))
        if self._stopped is not None:
            _tell(answered, self._stopped)
        elif len(lane) == 1:
            task = asyncio.create_task(self._run(change.chat, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return answered

    async def _run(self, chat: str, lane: Lane) -> None:
        try:
            while lane:
                await self._settle(*lane[0])
                lane.popleft()
        except Unauthenticated as ended:
            self._stop(_unauthenticated(ended.detail))
        else:
            del self._lanes[chat]

    async def _settle(
        self, name: str, change: Change, answered: asyncio.Future[dict[str, Any]]
    ) -> None:
        """Raises Unauthenticated."""
        failures = 0
        while True:
            try:
                async with self._pace.turn():
                    result = await self._perform(change)
            except (Transient, NoAnswer) as error:
                if error.retry_after > 0 and _is_for_all(error):
                    self._pace.hold(error.retry_after)
                else:
                    failures += 1
                    await self._pace.pause(failures, error.retry_after)
            except Unauthenticated:
                raise
            except Exception as error:
                _tell(answered, error)
                break
            else:
                with contextlib.suppress(asyncio.InvalidStateError):
                    answered.set_result(result)
                break
        # If the store fails, the next program sends it again with the same key.
        with contextlib.suppress(Exception):
            self._store.remove(name)


def _is_for_all(error: HubbubError) -> bool:
    """A rate, which is per user, or a refused frame, of which the socket takes only so many."""
    return isinstance(error, RateLimited) or (isinstance(error, Transient) and error.status == 0)


def _unauthenticated(detail: str) -> Unauthenticated:
    return Unauthenticated(401, "unauthenticated", f"{detail} {_KEPT}")


def _tell(answered: asyncio.Future[dict[str, Any]], error: Exception) -> None:
    if not answered.done():
        answered.set_exception(error)


def _look(answered: asyncio.Future[dict[str, Any]]) -> None:
    """Keeps asyncio from warning if nobody awaits the future."""
    if not answered.cancelled():
        answered.exception()
