"""The users whom sockets of this node watch: asks other nodes, hears them, and tells the sockets.

While Valkey is down the clock stands still, and nothing changes. Messages of that time are lost:
afterwards nodes say again which users they have, and ask for the users that they watch.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal
from common.protocol.frames import Presence as PresenceFrame
from common.valkey.rates import Buckets, Rate
from common.valkey.valkey import Answered, Valkey
from realtime.counters import Counters
from realtime.fan_out.hub import Hub, Write
from realtime.fan_out.subscriptions import Subscriptions
from realtime.presence.clock import StoppableClock
from realtime.presence.messages import (
    Asks,
    decode_asks,
    decode_kept,
    decode_tells,
    encode,
    said_at,
)
from realtime.presence.node_leases import NodeLeases
from realtime.presence.telling import USERS_A_MESSAGE, Teller
from realtime.presence.watching import Watching
from realtime.protocol.frames import encode_frame
from realtime.tasks import Spawn

WATCHES: Final = Rate(per_second=1, burst=10)  # per socket
TICK_SECONDS: Final = 0.25
ANSWERS_SECONDS: Final = 0.5  # how long nodes may take to say which users they have

Companions = Callable[[str, Sequence[str]], Coroutine[Any, Any, set[str]]]


class Watcher(Protocol):
    """A socket that may watch."""

    user: str
    write: Write

    @property
    def name(self) -> str: ...

    def reply(self, frame: bytes) -> None: ...

    def refuse(self, refusal: Refusal) -> None: ...


class _Question:
    """Is put to all nodes. `receivers` is how many of them got it, None until that is known."""

    def __init__(self) -> None:
        self.receivers: int | None = None
        self.answers = 0
        self.is_answered = asyncio.Event()

    def note_answer(self) -> None:
        self.answers += 1
        if self.answers == self.receivers:
            self.is_answered.set()


class Presence:
    """`node` is a name that no other process has or had; `companions` says which of some users
    share a chat with a user, and raises Refusal."""

    def __init__(
        self,
        node: str,
        hub: Hub,
        valkey: Valkey,
        subscriptions: Subscriptions,
        companions: Companions,
        rate_factor: int,
        counters: Counters,
        spawn: Spawn,
        clock: Callable[[], float],
        rest: Rest = NEVER,
    ) -> None:
        self._node = node
        self._rest = rest
        self._valkey = valkey
        self._topics = valkey.topics
        self._bus = valkey.bus
        self._subscriptions = subscriptions
        self._companions = companions
        self._rate = WATCHES.times(rate_factor)
        self._buckets = Buckets()
        self._counters = counters
        self._spawn = spawn
        self._clock = clock
        self._now = StoppableClock(clock)
        self._teller = Teller(node, hub, valkey, counters, clock)
        self._leases = NodeLeases(node, valkey, self._teller.keep, self._hear_dead, self._now)
        self._watching: Watching[Watcher] = Watching()
        self._lists: dict[Watcher, list[list[str]]] = {}  # that are not answered yet
        self._learning: dict[str, asyncio.Event] = {}  # by user: set when nodes have answered
        self._ups = 0  # how often the bus came up, as far as noticed
        self._asks_all = False  # at the next beat: Valkey did not accept the last time
        self._last_number = 0
        self._questions: dict[int, _Question] = {}  # that wait for answers, by number
        subscriptions.add(self._topics.presence_asks, self._hear_asks)
        subscriptions.add(self._topics.presence_node(node), self._hear)

    @property
    def watchers(self) -> int:
        """Sockets that watch other users."""
        return self._watching.watchers

    @property
    def watched(self) -> int:
        """Users whom sockets of this node watch, or did a minute ago."""
        return len(self._watching)

    @property
    def watched_here(self) -> int:
        """Users with sockets of this node whom any socket watches."""
        return self._teller.watched

    # ---- sockets

    def watch(self, watcher: Watcher, users: Sequence[str]) -> None:
        """Answers later with a `presence` frame; lists of one socket are answered in order."""
        verdict = self._buckets.take(watcher.name, self._rate, self._clock())
        if not verdict.allowed:
            detail = "Too many lists of users to watch."
            watcher.refuse(Refusal("rate_limited", detail, retry_after=verdict.retry_after))
        elif (waiting := self._lists.get(watcher)) is not None:
            waiting.append(list(users))
        else:
            self._lists[watcher] = [list(users)]
            self._spawn(self._answer_lists(watcher))

    def leave(self, watcher: Watcher) -> None:
        """The socket is gone."""
        self._lists.pop(watcher, None)
        self._watching.drop(watcher, self._now())

    async def _answer_lists(self, watcher: Watcher) -> None:
        waiting = self._lists[watcher]
        try:
            while waiting and self._lists.get(watcher) is waiting:
                await self._answer_list(watcher, waiting.pop(0))
        finally:
            if self._lists.get(watcher) is waiting:
                del self._lists[watcher]

    async def _answer_list(self, watcher: Watcher, users: list[str]) -> None:
        try:
            allowed = await self._companions(watcher.user, users) if users else set()
        except Refusal as refusal:
            watcher.refuse(refusal)
            return
        wanted = [user for user in dict.fromkeys(users) if user in allowed]
        if fresh := self._watching.begin(wanted, self._now()):
            await self._begin(fresh)
        for learned in {self._learning[user] for user in wanted if user in self._learning}:
            await learned.wait()  # another list of this moment has asked about them
        if watcher in self._lists:
            states = self._watching.replace(watcher, wanted, self._now())
            watcher.reply(encode_frame(PresenceFrame(users=states)))

    # ---- nodes

    async def _begin(self, users: Sequence[str]) -> None:
        """Subscribes to the users, and asks about them."""
        learned = asyncio.Event()
        self._learning |= dict.fromkeys(users, learned)
        try:
            for user in users:
                self._subscriptions.add(self._topics.presence(user), self._hear)
            await self._learn(users)
        finally:
            learned.set()
            for user in users:
                self._learning.pop(user, None)

    async def _learn(self, users: Sequence[str]) -> None:
        """Asks nodes about users whom this node did not watch; takes all answers that come soon."""
        if not await self._bus.settled():  # all are asked when it is up
            for one in self._teller.say(users):
                self._watching.hear(one.user, self._node, said_at(one, self._now()))
            return
        await self._leases.beat()
        await self._read_kept(users)
        try:
            async with asyncio.timeout(ANSWERS_SECONDS):
                await self._ask(users)
        except TimeoutError:
            self._counters.drop("presence not answered in time")

    async def _read_kept(self, users: Sequence[str]) -> None:
        """What nodes have said that may be gone by now; the others will say it again."""
        nodes = self._leases.others
        keys = [self._topics.presence_of(node) for node in nodes]
        found = await self._valkey.get_fields(keys, users)
        now, now_ms = self._now(), self._valkey.now_ms()
        for node, values in zip(nodes, found or [], strict=False):
            for user, value in zip(users, values, strict=True):
                if value is not None:
                    self._watching.hear(user, node, decode_kept(value, now, now_ms))

    async def _ask(self, users: Sequence[str]) -> None:
        """Returns when all nodes that receive it have answered."""
        self._last_number += 1
        number = self._last_number
        question = self._questions[number] = _Question()
        try:
            data = encode(Asks(self._node, number, list(users)))
            heard = await self._valkey.publish([(self._topics.presence_asks, data)])
            if heard is not None and question.answers < heard[0]:
                question.receivers = heard[0]
                await question.is_answered.wait()
        finally:
            del self._questions[number]

    def _hear_asks(self, data: bytes) -> None:
        self._spawn(self._teller.answer(decode_asks(data)))

    def _hear(self, data: bytes) -> None:
        """An answer, or news of users who are watched here."""
        tells = decode_tells(data)
        now = self._now()
        self._watching.hear_alive(tells.node)
        for one in tells.people:
            self._watching.hear(one.user, tells.node, said_at(one, now))
        if (question := self._questions.get(tells.number)) is not None:
            question.note_answer()

    # ---- time

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._rest.pause(TICK_SECONDS)
            if self._notice_bus():
                await self._teller.tell()
                await self._tick()

    def _notice_bus(self) -> bool:
        """Whether the bus is up; starts over if it was down."""
        if not self._bus.is_up:
            self._now.stop()
            return False
        self._now.start()
        if self._bus.ups != self._ups:
            self._leases.start_over(again=self._ups > 0)
            self._ups = self._bus.ups
            self._teller.tell_of_all()
            self._ask_again(everybody=True)
        return True

    async def _tick(self) -> None:
        now = self._now()
        if self._leases.is_due and (self._watching or self._teller.watched):
            await self._leases.beat()
            self._teller.forget_gone()
            asks_all, self._asks_all = self._asks_all, False
            self._ask_again(everybody=asks_all)
            for user in self._watching.take_idle(now):
                self._subscriptions.remove(self._topics.presence(user))
        for change in self._watching.take_changes(self._now()):
            self._counters.presence_changes += 1
            frame = encode_frame(PresenceFrame(users={change.user: change.state}))
            for watcher in change.watchers:
                watcher.write(frame)

    def _hear_dead(self, dead: Mapping[str, float], is_back: bool) -> None:
        self._watching.hear_dead(dead, self._now())
        if is_back:  # it was only paused, and what it had said is forgotten
            self._ask_again(everybody=True)

    def _ask_again(self, *, everybody: bool) -> None:
        now = self._now()
        users = self._watching.list_unasked(now, everybody=everybody)
        asked = self._valkey.publish(
            (
                self._topics.presence_asks,
                encode(Asks(self._node, 0, users[start : start + USERS_A_MESSAGE])),
            )
            for start in range(0, len(users), USERS_A_MESSAGE)
        )
        asked.add_done_callback(partial(self._note_asked, users, now, everybody))

    def _note_asked(self, users: list[str], at: float, everybody: bool, asked: Answered) -> None:
        if asked.result() is not None:
            self._watching.note_asked(users, at)
        elif everybody:
            self._asks_all = True
