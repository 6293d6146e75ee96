"""Takes fixes of defects out again, each under its number in the record of defects.

A simulation that finds nothing proves nothing. With any of these in a worker it must fail within
ten thousand seeds (tests/simulation/test_power.py). A mutation is for the rest of the process.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import chats.history
import chats.log.appending
import common.calls.lanes
import realtime.fan_out.bus_watch
import realtime.fan_out.hub
import realtime.fan_out.joining
import realtime.fan_out.notices
import realtime.fan_out.repair
import realtime.fan_out.replay
import realtime.fan_out.stream
from chats.log.drafts import answer, refuse
from chats.store.messages import BatchFailed
from common.process.logs import log
from common.protocol.chats import Slice
from common.protocol.errors import Refusal, unavailable
from common.protocol.pages import encode_event_page


def _put(owner: Any, name: str, replacement: Any) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} to take out"
    setattr(owner, name, replacement)


def silence_is_no_reason_to_poll() -> None:
    """1: a node whose own connection to Valkey works believes that chats' does, too."""

    def reasons(watch: Any, _: Any, __: Any) -> frozenset[str]:
        return frozenset() if watch._up_since is not None else frozenset({"bus_down"})

    _put(realtime.fan_out.bus_watch.BusWatch, "reasons", reasons)


def a_failed_batch_is_refused() -> None:
    """2: a batch that PostgreSQL failed is not appended again."""

    append_events = vars(chats.log.appending)["append_events"]  # the model's, by now

    async def append(appender: Any, batch: list[Any]) -> None:
        try:
            events = [entry.draft.event for entry in batch]
            outcomes, outbox = await append_events(appender._pool, events)
        except BatchFailed:
            for entry in batch:
                entry.settle(refuse(unavailable()))
            return
        appender._announce(batch, outcomes, outbox)
        for entry, outcome in zip(batch, outcomes, strict=True):
            entry.settle(answer(entry.draft, outcome))

    _put(chats.log.appending.Appender, "_append", append)


def joins_of_an_outage_are_lost() -> None:
    """5: memberships are not read again after a node was cut off."""

    async def find_lost_joins(_: Any) -> None:
        pass

    _put(realtime.fan_out.notices.Notices, "find_lost_joins", find_lost_joins)


def an_old_answer_settles_a_stream() -> None:
    """6: a head learned while a slice travelled is forgotten when the slice arrives."""

    def settle(stream: Any, head: int, _: int) -> None:
        if head <= stream.head:
            stream.known = stream.head

    _put(realtime.fan_out.stream.Stream, "settle", settle)


def a_socket_enters_when_its_join_begins() -> None:
    """7: a socket that ends before its join task runs is entered all the same."""
    join_itself = realtime.fan_out.joining.Joiner.join
    enter_itself = realtime.fan_out.joining.Joiner.enter

    def join(joiner: Any, guest: Any, connect: Any) -> None:
        async def join_later() -> None:
            enter_itself(joiner, guest)
            join_itself(joiner, guest, connect)

        joiner._spawn(join_later())

    _put(realtime.fan_out.joining.Joiner, "enter", lambda _, __: None)
    _put(realtime.fan_out.joining.Joiner, "join", join)


def readers_are_judged_before_they_read() -> None:
    """9: the check that somebody may read a page, and the page, are two statements."""

    async def read_events(pool: Any, wanted: list[Any]) -> list[bytes | None]:
        return [await read_one(pool, stretch) for stretch in wanted]

    async def read_one(pool: Any, wanted: Any) -> bytes | None:
        row = await pool.trip("find_chat_of_member", (wanted.chat, wanted.reader), {})
        if row is None:
            return None
        found = await pool.trip("list_events", (wanted.chat, wanted.start, wanted.limit), {})
        last = found[-1].seq if found else wanted.start
        head = max(row.seq, last)
        return encode_event_page(b",".join(e.event for e in found), head, more=last < head)

    _put(chats.history, "_read_events", read_events)


def a_room_is_swept_while_it_is_joined() -> None:
    """11: nobody holds a lingering room for a socket that is about to hear it."""

    def is_idle(hub: Any, one: Any, seconds: float) -> bool:
        return one.idle_since is not None and one.idle_since < hub._clock() - seconds

    _put(realtime.fan_out.hub.Hub, "is_idle", is_idle)


def a_slice_begins_after_what_was_asked_for() -> None:
    """13: the first seq of a slice is guessed, even in a chat that is being purged."""

    def first_seq(found: Slice) -> int:
        closing = [control.seq for control in found.controls if control.action == "close"]
        return closing[0] - len(found.events) + 1 if closing else found.after + 1

    _put(realtime.fan_out.repair, "first_seq", first_seq)
    _put(realtime.fan_out.replay, "first_seq", first_seq)


def an_answer_of_the_wrong_size_ends_a_lane() -> None:
    """14: items that wait in a lane, or come later, are never answered."""

    async def run(lanes: Any, name: str, lane: Any) -> None:
        while lane.waiting:
            batch = lanes._take_batch(lane)
            first = batch[0]
            left = max(0.0, first.deadline - lanes._clock())
            try:
                results = await lanes._call(first.key, [asked.item for asked in batch], left)
            except Refusal as refusal:
                results = [refusal] * len(batch)
            except Exception:
                log("batched call failed", exception=True)
                results = [unavailable()] * len(batch)
            for asked, result in zip(batch, results, strict=True):
                lanes._leave(asked.key)
                asked.done(result)
            if lanes._spacing.pause_seconds and len(lane.waiting) < lanes._max_items:
                await asyncio.sleep(lanes._spacing.pause_seconds)
        del lanes._lanes[name]

    _put(common.calls.lanes.Lanes, "_run", run)


MUTATIONS: Final[dict[int, Callable[[], None]]] = {
    1: silence_is_no_reason_to_poll,
    2: a_failed_batch_is_refused,
    5: joins_of_an_outage_are_lost,
    6: an_old_answer_settles_a_stream,
    7: a_socket_enters_when_its_join_begins,
    9: readers_are_judged_before_they_read,
    11: a_room_is_swept_while_it_is_joined,
    13: a_slice_begins_after_what_was_asked_for,
    14: an_answer_of_the_wrong_size_ends_a_lane,
}
