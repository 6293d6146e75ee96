"""History is the fold of the log: at every seq, on every replica, from any starting point."""

import asyncio
import random
from typing import Any

import msgspec
import psycopg
import pytest

from chats.rebuild import rebuild
from chats.store.rebuilding import hold_chat, read_changes
from common.database.pool import Connection, begin, create_pool
from common.protocol.chats import (
    Chat,
    ChatPage,
    GetMessages,
    ListChats,
    MessagePage,
    SlicesAnswer,
    SlicesRequest,
    SliceWanted,
)
from common.protocol.events import LinkPreview
from common.protocol.fold import fold
from common.protocol.ids import new_id
from common.protocol.items import (
    AnyItem,
    DeleteItem,
    EditItem,
    MessageStored,
    PreviewItem,
    ReactItem,
    UnreactItem,
)
from common.protocol.own import Mine
from tests.contract.chats.conftest import Person, Stage, World, new_message

pytestmark = pytest.mark.asyncio(loop_scope="module")

EMOJI = ("👍", "❤️", "🎉", "😀")
WRITERS, TURNS = 4, 50


class Crowd:
    """Users who send, change and delete at random, on two replicas, while others read."""

    def __init__(self, world: World, chat: Chat, people: list[Person], seed: int) -> None:
        self.world, self.chat, self.people = world, chat.id, people
        self.random = random.Random(seed)
        self.messages: list[str] = []
        self.texts: dict[str, int] = {}  # the events that have texts, as far as known
        self.reactions: dict[str, list[tuple[str, str]]] = {p.id: [] for p in people}
        self.pages: list[dict[str, Any]] = []

    def some_item(self, by: Person) -> AnyItem:
        about: dict[str, Any] = {"chat": self.chat, "user": by.id}
        mentions = [p.id for p in self.random.sample(self.people, self.random.randrange(4))]
        if not self.messages or self.random.random() < 0.3:
            more: dict[str, Any] = {"mentions": mentions} if mentions else {}
            if self.messages and self.random.random() < 0.3:
                more["reply_to"] = self.random.choice(self.messages)
            return new_message(self.chat, by, f"text {self.random.random()}", **more)
        message = self.random.choice(self.messages[-8:])
        emoji = self.random.choice(EMOJI)
        kinds = ("edit", "delete", "preview", "add", "remove")
        match self.random.choices(kinds, (25, 13, 15, 32, 15))[0]:
            case "edit":
                return EditItem(
                    **about, key=new_id(), message_id=message,
                    message=f"edit {self.random.randrange(3)}",
                    mentions=mentions or msgspec.UNSET,
                )  # fmt: skip
            case "delete":
                return DeleteItem(**about, key=new_id(), message_id=message)
            case "preview":  # sometimes of a text that has changed since
                url = f"https://example.org/{self.random.random()}"
                return PreviewItem(
                    **about, message_id=message, text_seq=self.texts[message],
                    previews=[LinkPreview(url=url, title="A page")],
                )  # fmt: skip
            case "add":
                self.reactions[by.id].append((message, emoji))
                return ReactItem(**about, message_id=message, emoji=emoji)
            case _:
                own = self.reactions[by.id][-8:] or [(message, emoji)]
                message, emoji = self.random.choice(own)
                return UnreactItem(**about, key=new_id(), message_id=message, emoji=emoji)

    async def write(self, by: Person) -> None:
        for _ in range(TURNS):
            items = [self.some_item(by) for _ in range(self.random.randrange(1, 5))]
            replica = self.random.randrange(2)
            for result in await self.world.append(*items, replica=replica):
                if getattr(result, "seq", 0) and getattr(result, "is_new", False):
                    assert isinstance(result, MessageStored)
                    self.messages.append(result.message_id)
                    self.texts[result.message_id] = result.seq

    async def read(self, until: asyncio.Event) -> None:
        while not until.is_set():
            before = self.random.choice((None, self.random.randrange(1, 40)))
            self.pages.append(await self.page(before, self.random.randrange(2)))

    async def page(self, before: int | None, replica: int = 0) -> dict[str, Any]:
        request = GetMessages(user=self.people[0].id, chat=self.chat, before=before, limit=100)
        page = await self.world.call("get_messages", request, MessagePage, replica)
        decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(page))
        return {**decoded, "before": before}


async def run_crowd(world: World, seed: int) -> Crowd:
    people = await world.make_people(WRITERS)
    crowd = Crowd(world, await world.make_chat(*people), people, seed)
    is_over = asyncio.Event()
    reading = asyncio.create_task(crowd.read(is_over))
    await asyncio.gather(*(crowd.write(person) for person in people))
    is_over.set()
    await reading
    return crowd


def forget_deletions(messages: list[dict[str, Any]], deleted: set[str]) -> list[dict[str, Any]]:
    """Without the messages deleted by now: their earlier state is no longer known."""
    return [message for message in messages if message["messageId"] not in deleted]


@pytest.mark.parametrize("seed", range(4))
async def test_history_is_the_fold_at_every_seq(world: World, seed: int) -> None:
    """Every page read, on any replica and during all these changes, is the fold of the events up to
    its seq."""
    crowd = await run_crowd(world, seed)
    events: list[Any] = await world.read_events(crowd.chat, crowd.people[0])
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["type"] for event in events} >= {
        "message", "message.edited", "message.deleted", "reaction.added", "reaction.removed",
        "links.previewed",
    }  # fmt: skip
    last = await crowd.page(None)
    assert last["seq"] == len(events)
    assert last["messages"] == list(fold({}, events).values())[::-1][:100]
    deleted = {event["messageId"] for event in events if event["type"] == "message.deleted"}
    for event in events:
        if event.get("messageId") in deleted:
            assert not event.get("message")
            assert not event.get("previews")
    for page in crowd.pages:
        at_its_seq = fold({}, events[: page["seq"]]).values()
        upto = page["before"] or page["seq"] + 1
        expected = [message for message in at_its_seq if message["seq"] < upto][::-1][:100]
        assert forget_deletions(page["messages"], deleted) == forget_deletions(expected, deleted)


async def test_whoever_was_away_catches_up(world: World) -> None:
    """A page of history folded with the events since then is the current history; events of slices,
    from the windows of both replicas, are those of the log."""
    crowd = await run_crowd(world, 7)
    events: list[Any] = await world.read_events(crowd.chat, crowd.people[0])
    now = await crowd.page(None)
    for page in crowd.pages:
        if page["before"] is None:
            held = {message["seq"]: message for message in page["messages"][::-1]}
            folded = fold(held, events[page["seq"] :])
            assert list(folded.values())[::-1][:100] == now["messages"][: len(folded)]
    for replica in (0, 1):
        for _ in range(2):  # from the log, then from the window
            wanted = [
                SliceWanted(chat=crowd.chat, after=after) for after in (0, 5, len(events) - 9)
            ]
            request = SlicesRequest(wanted=wanted)
            answer = await world.call("slices", request, SlicesAnswer, replica)
            for slice_ in answer.slices:
                got = [msgspec.json.decode(event) for event in slice_.events]
                assert got == events[slice_.after : slice_.after + len(got)]


async def test_a_rebuild_changes_nothing(stage: Stage, world: World) -> None:
    """The tables derived from the log are what the fold makes of the log."""
    crowd = await run_crowd(world, 11)
    many = await crowd_of_reactors(world)
    before, pages = read_derived(stage), [await crowd.page(None), await many.page(None)]
    with psycopg.connect(stage.chats_database_url) as connection:
        connection.execute("TRUNCATE changed_messages, unnamed_reactions")
    assert read_derived(stage) == []
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        await rebuild(pool)
        assert read_derived(stage) == before
        assert [await crowd.page(None), await many.page(None)] == pages
        await rebuild(pool)
    assert read_derived(stage) == before


async def test_a_chat_is_listed_while_it_is_rebuilt(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although most events above the reader's marker are their own: they are counted in blocks, and
    before the chat is held."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    for _ in range(3):
        await world.send(*(new_message(chat, bob) for _ in range(300)))
    await world.send(new_message(chat, ann))
    listed, listing = [], ListChats(user=bob.id, before=None, limit=10, by_activity=True)

    async def read_changes_slowly(connection: Connection, held: str) -> Any:
        if held == chat:
            listed.append(await world.call("list_chats", listing, ChatPage))
        return await read_changes(connection, held)

    monkeypatch.setattr("chats.rebuild.read_changes", read_changes_slowly)
    async with create_pool(stage.chats_database_url, size=1, min_size=1) as pool:
        await rebuild(pool)
    [[shown]] = [page.chats for page in listed]
    assert isinstance(shown.mine, Mine)
    assert shown.mine.unread == 1


async def test_a_rebuild_waits_for_a_chat_that_is_held(
    stage: Stage, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes, as by another rebuild: the blocks for readers do not matter then."""
    ann, bob = await world.make_people(2)
    chat = (await world.make_chat(ann, bob)).id
    is_waiting = asyncio.Event()

    async def hold(connection: Connection, held: str) -> None:
        if held == chat:
            is_waiting.set()
        await hold_chat(connection, held)

    monkeypatch.setattr("chats.rebuild.hold_chat", hold)
    async with create_pool(stage.chats_database_url, size=2, min_size=2) as pool:
        async with begin(pool) as connection:
            await hold_chat(connection, chat)
            rebuilding = asyncio.create_task(rebuild(pool))
            waiting = asyncio.create_task(is_waiting.wait())
            await asyncio.wait((rebuilding, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            assert not rebuilding.done()
        await rebuilding


async def crowd_of_reactors(world: World) -> Crowd:
    """More users than are listed react to a message; some of them have removed their reaction."""
    people = await world.make_people(110)
    crowd = Crowd(world, await world.make_chat(*people), people, 0)
    [message] = await world.send(new_message(crowd.chat, people[0]))
    about = {"chat": crowd.chat, "message_id": message.message_id, "emoji": "👍"}
    await world.append(*(ReactItem(**about, user=person.id) for person in people))
    gone = [people[n] for n in (3, 50, 105)]
    await world.append(*(UnreactItem(**about, user=p.id, key=new_id()) for p in gone))
    await world.append(
        *(ReactItem(**about, user=p.id) for p in (people[3], people[4], people[108]))
    )
    [current] = (await crowd.page(None))["messages"]
    [reaction] = current["reactions"]
    assert (reaction["count"], len(reaction["users"])) == (108, 98)
    events: list[Any] = await world.read_events(crowd.chat, people[0])
    assert fold({}, events) == {2: current}
    return crowd


def read_derived(stage: Stage) -> list[Any]:
    """All meaningful columns, as values."""
    with psycopg.connect(stage.chats_database_url) as connection:
        rows: list[Any] = connection.execute(
            "SELECT chat, seq, edits, previewed, convert_from(current, 'UTF8')::json,"
            " reactions::json, is_deleted FROM changed_messages"
            " WHERE current IS NOT NULL OR reactions IS NOT NULL ORDER BY chat, seq"
        ).fetchall()
        rows += connection.execute(
            "SELECT * FROM unnamed_reactions ORDER BY chat, seq, emoji, member"
        ).fetchall()
        return rows
