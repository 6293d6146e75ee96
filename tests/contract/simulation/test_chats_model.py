"""The simulation's model of chats' database answers like PostgreSQL."""

import random
import re
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chats.log.encoding import UNSTAMPED, draft_controls, draft_event
from chats.store import (
    canaries,
    changes,
    chats,
    cleanup,
    decisions,
    direct,
    history,
    log,
    markers,
    messages,
    outbox,
    own,
    views,
)
from chats.store.changes import Change, NotCommitted, ResultKey
from chats.store.markers import Move
from chats.store.query import PLAN_OPTIONS
from chats.store.stretches import Stretch
from common.database.pool import Pool, create_pool
from common.protocol.chats import Control, JoinWanted, ViewWanted
from common.protocol.companions import CompanionsWanted
from common.protocol.events import ChatUpdated, Message
from common.protocol.ids import new_id
from simulation.store.chats import ChatsDatabase

OPERATIONS = 400
LONG_AGO = timedelta(seconds=60)


def plain(answer: Any) -> Any:
    """The answer without legitimate differences: times, and the ids of the outbox's rows."""
    match answer:
        case bytes():
            return re.sub(rb'"at":"[^"]*"', b"", answer)
        case str():
            return re.sub(r'"at":"[^"]*"|\d{4}-\d\d-\d\dT[0-9:.]*Z', "", answer)
        case changes.Committed():
            return answer.seq
        case changes.Attempt():
            return answer.known
        case outbox.OutboxRow():
            return answer.chat, answer.first, answer.last
        case outbox.OutboxSize():
            return answer.rows
        case dict():
            return {plain(key): plain(value) for key, value in answer.items()}
        case set():
            return sorted(answer)
        case list() | tuple():
            return [plain(one) for one in answer]
        case _:
            return answer


class Both:
    """PostgreSQL and the model, given the same requests."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool = pool
        self.model = ChatsDatabase(time.time, "")
        self.random = random.Random(seed)
        self.people = [new_id() for _ in range(4)]
        self.chats = [new_id()]  # the first is never created
        self.keys = [new_id() for _ in range(12)]
        self.transactions = [new_id() for _ in range(6)]
        self.versions: dict[str, int] = {}
        self.direct: list[str] = []
        self.rows: dict[int, int] = {}  # ids of the outbox: PostgreSQL's, and the model's
        self.number = 0

    async def ask(self, function: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        """The model's answer, which must equal PostgreSQL's. A refusal is an answer."""
        name = function.__name__
        real = await _outcome(function(self.pool, *args, **options))
        modelled = await _outcome(_at_once(getattr(self.model, name), *args, **options))
        assert plain(real) == plain(modelled), f"{name}{args}{options}"
        return real, modelled

    def chat(self) -> str:
        return self.random.choice(self.chats)

    def person(self) -> str:
        return self.random.choice(self.people)

    def some(self) -> list[str]:
        return self.random.sample(self.people, self.random.randint(1, len(self.people)))

    def seq(self) -> int:
        return self.random.choice((0, 1, 2, 5, 9))

    # ---- changes

    async def change(self) -> None:
        """Of any chat: valid, outdated, repeated, too old, or already decided."""
        r = self.random
        chat = self.chat()
        if r.random() < 0.2:
            chat = new_id()
            self.chats.append(chat)
            self.versions[chat] = 0
        version = self.versions.get(chat, 1)
        if r.random() < 0.1:
            version += 1
        members = self.model.list_participants(chat, 10)
        is_new = version == 0
        is_end = not is_new and r.random() < 0.15
        joining = tuple(p for p in self.some() if p not in members) if r.random() < 0.5 else ()
        leaving = tuple(r.sample(members, 1)) if members and r.random() < 0.4 else ()
        if is_end:
            joining = leaving = ()
        by = self.person()
        event = ChatUpdated(chat=chat, by=by, chat_name="n", owner=by, **UNSTAMPED)
        control = Control(seq=0, action="join", users=list(joining))
        change = Change(
            chat=chat, version=version, name=f"name {r.random()}", owner=by,
            topic=r.choice((None, "t")),
            kind="chat.updated", by=by, draft=draft_event(event),
            controls=draft_controls([control]) if joining else None,
            joining=joining or ((by,) if is_new else ()), leaving=leaving,
            is_end=is_end,
        )  # fmt: skip
        began = datetime.now(UTC) - (LONG_AGO if r.random() < 0.1 else timedelta(0))
        real, modelled = await self.ask(
            changes.commit_change, change, self._key(by), b'{"changed":true}',
            transaction=r.choice((None, r.choice(self.transactions), new_id())),
            began=began, max_age_seconds=20,
        )  # fmt: skip
        if isinstance(real, changes.Committed):
            self.versions[chat] = version + 1
            self.rows[real.outbox_id] = modelled.outbox_id

    def _key(self, caller: str) -> ResultKey:
        fresh = new_id() if self.random.random() < 0.8 else self.random.choice(self.keys)
        return ResultKey(caller, "scope", fresh)

    async def post(self) -> None:
        """A batch of messages to several chats, some of them known, some by strangers."""
        found: dict[tuple[str, str, str], messages.NewMessage] = {}
        for _ in range(self.random.randint(1, 6)):
            chat = self.random.choice([*self.chats, *self.direct])
            sender, key = self.person(), self.random.choice(self.keys)
            text = "x" * self.random.choice((1, 30, 70_000))
            draft = draft_event(
                Message(chat=chat, by=sender, message_id=new_id(), message=text, **UNSTAMPED)
            )
            found[chat, sender, key] = messages.NewMessage(chat, sender, key, draft)
        batch = list(found.values())
        real, real_rows = await messages.append_events(self.pool, batch)
        modelled, rows = self.model.append_events(batch)
        assert plain(real) == plain(modelled)
        assert sorted(real_rows) == sorted(rows)
        self.rows.update((real_rows[chat], rows[chat]) for chat in rows)

    async def open_direct_chat(self) -> None:
        """For two users who may have one; now and then all direct chats of a user are closed."""
        pair = self.random.sample(self.people, 2)
        chat, by = new_id(), pair[0]
        event = ChatUpdated(chat=chat, by=by, chat_name="", owner=by, **UNSTAMPED)
        change = Change(
            chat=chat, version=0, name="", owner=None, topic=None, kind="chat.created", by=by,
            draft=draft_event(event), controls=None, joining=tuple(pair),
        )  # fmt: skip
        real, modelled = await self.ask(
            changes.commit_change, change, self._key(by), b"{}",
            transaction=new_id(), began=datetime.now(UTC), max_age_seconds=20,
        )  # fmt: skip
        if isinstance(real, changes.Committed):
            self.direct.append(chat)
            self.rows[real.outbox_id] = modelled.outbox_id
        await self.ask(direct.find_direct_chat, *self.random.sample(self.people, 2))
        if self.random.random() < 0.1:
            member = self.person()
            real_closed = await direct.close_direct_chats(self.pool, member)
            assert sorted(real_closed) == sorted(self.model.close_direct_chats(member))

    # ---- the outbox

    async def claim(self) -> None:
        """No row is older than an hour; every row is older than 0 ms."""
        age = self.random.choice((0, 3_600_000))
        await self.ask(outbox.claim_rows, above=0, older_than_ms=age, limit=500)

    async def publish(self) -> None:
        """Removes some rows."""
        gone = self.random.sample(sorted(self.rows), len(self.rows) // 2)
        await outbox.mark_published(self.pool, gone)
        self.model.mark_published([self.rows.pop(id_) for id_ in gone])

    async def look_at_outbox(self) -> None:
        real = await outbox.list_unpublished(self.pool, 10_000)
        modelled = self.model.list_unpublished(10_000)
        assert real[0] == modelled[0]
        assert sorted(plain(real[1])) == sorted(plain(modelled[1]))
        await self.ask(outbox.measure, above=0)
        ranges = [(self.chat(), self.seq(), self.seq() + 3) for _ in range(3)]
        await self.ask(outbox.read_claimed_events, ranges, newest=2)
        newest = await outbox.find_newest_id(self.pool)
        assert await outbox.is_empty_between(self.pool, 0, newest) == self.model.is_empty_between(
            0, self.model.find_newest_id()
        )

    # ---- the rest

    async def decide(self) -> None:
        transaction = self.random.choice(self.transactions)
        if self.random.random() < 0.3:
            await self.ask(decisions.forget_commits, [transaction])
        await self.ask(decisions.decide, transaction)
        await self.ask(decisions.list_old_commits, older_than_seconds=3600, limit=50, skip=0)

    async def clean_up(self) -> None:
        """Aborts and results that are too young stay; one deleted chat is purged in slices."""
        await self.ask(cleanup.drop_old_aborts, 3600)
        await self.ask(cleanup.drop_old_results, 3600, 50)
        await self.ask(canaries.forget_silent_canaries, older_than_seconds=3600)
        dead = [chat for chat in self.model.chats.values() if chat.deleted_at and not chat.purged]
        if len(dead) == 1:  # PostgreSQL takes any of several
            await self.ask(cleanup.purge_deleted_chat, older_than_seconds=0, rows=2)

    async def mark(self) -> None:
        """Moves some markers: forward, back, above the head, of strangers, requested long ago."""
        asked = {
            (self.chat(), self.person()): (self.seq(), self.random.random() < 0.3)
            for _ in range(self.random.randint(1, 4))
        }
        now = time.time_ns() // 1000
        moves = [
            Move(chat, member, seq, back, now - self.random.choice((0, 10**10)))
            for (chat, member), (seq, back) in asked.items()
        ]
        await self.ask(markers.move_markers, moves)

    async def publish_canary(self) -> None:
        self.number += 1
        canary = new_id()
        real = await canaries.store_canary_message(self.pool, canary, self.number)
        self.rows[real] = self.model.store_canary_message(canary, self.number)

    async def read(self) -> None:
        """All reads of chats, participants and the log."""
        chat, person, people = self.chat(), self.person(), self.some()
        await self.ask(chats.find_chat_of_member, chat, person)
        await self.ask(markers.find_marker, chat, person)
        await self.ask(chats.find_shown_chat, chat, person)
        await self.ask(chats.find_shown_chats, person, self.chats)
        lists = [own.ListWanted(one, "", self.chat(), 3) for one in (person, self.person())]
        listed = await own.list_chats_by_making(self.pool, lists)
        modelled = self.model.list_chats_by_making(lists)
        without_epoch = [
            [[(one.chat, one.state[1:]) for one in page] for page in pages]
            for pages in (listed, modelled)
        ]
        assert without_epoch[0] == without_epoch[1]
        await self.ask(chats.list_participants, chat, 2)
        await self.ask(chats.find_participants, chat, people)
        companions = [
            CompanionsWanted(user=person, others=people),
            CompanionsWanted(user=self.person(), others=self.some()),
        ]
        await self.ask(chats.list_companions, companions)
        real = await chats.list_memberships(self.pool, people)
        assert sorted(real[1]) == sorted(self.model.list_memberships(people)[1])
        stretches = [Stretch(self.chat(), self.person(), self.seq(), 3) for _ in range(3)]
        await self.ask(history.list_messages_below, stretches)
        await self.ask(log.list_events_for, stretches, 100_000)
        doubted = [
            log.Doubted(self.chat(), self.seq(), self.random.choice((None, 3))) for _ in range(4)
        ]
        await self.ask(log.read_slices, doubted)
        await self.ask(log.compare_heads, {one: self.seq() for one in self.chats})
        joins = [JoinWanted(user=self.person(), chat=self.chat()) for _ in range(3)]
        await self.ask(log.find_last_joins, joins)
        asked = [
            ViewWanted(
                chat=self.chat(),
                user=self.person(),
                details=self.random.random() < 0.5,
                after=self.seq(),
                amount=2,
            )
            for _ in range(4)
        ]
        real_views = await views.read_views(self.pool, asked)
        modelled_views = self.model.read_views(asked)
        assert plain(real_views[1]) == plain(modelled_views[1])
        assert bool(real_views[0]) == bool(modelled_views[0])
        await self.ask(changes.begin_attempt, self._key(person))
        await self.ask(changes.keep_result, self._key(person), b"{}")


async def _outcome(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except NotCommitted as refusal:
        return type(refusal).__name__


async def _at_once(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    return method(*args, **options)


@pytest.mark.parametrize("seed", [1, 2])
async def test_model_answers_as_postgresql_does(
    make_database: Callable[[str], str], seed: int
) -> None:
    """For all requests in any order, including refused ones."""
    url = make_database("chats")
    pool = create_pool(url, size=2, options=PLAN_OPTIONS)
    await pool.open()
    both = Both(pool, seed)
    both.model.epoch = await chats.read_epoch(pool)
    doings = [
        *[both.change] * 6, *[both.post] * 5, *[both.read] * 3, both.claim, both.publish,
        *[both.mark] * 3, both.look_at_outbox, both.decide, both.clean_up, both.publish_canary,
        both.open_direct_chat,
    ]  # fmt: skip
    try:
        for _ in range(OPERATIONS):
            await both.random.choice(doings)()
    finally:
        await pool.close()
