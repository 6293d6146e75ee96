"""Search compared with a plain scan of all messages, while users keep sending."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from common.protocol.chats import (
    AddParticipants,
    Chat,
    Done,
    RemoveParticipant,
    SearchAnswer,
    SearchRequest,
)
from common.protocol.ids import new_id
from common.protocol.items import DeleteItem, EditItem, MessageStored
from tests.contract.chats.conftest import Person, World, new_message

CASES: Final = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "search_cases.json").read_text()
)
FOUND_SECONDS: Final = 60.0  # promised within one, to which test_search.py holds it
SEED: Final = 7
ROUNDS: Final = 4
CHANGES_A_ROUND: Final = 60
# Spellings of a word, and how a scan normalises it.
WORDS: Final = {
    "alpha": "alpha", "Beta": "beta", "GAMMA": "gamma", "alphabet": "alphabet", "Straße": "strasse",
    "café": "cafe", "ёлка": "елка", "rare": "rare",
}  # fmt: skip
Message = tuple[str, str, str]  # at, messageId, chat

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def search_all(world: World, reader: Person, typed: str) -> list[dict[str, Any]]:
    """The results of all pages."""
    found: list[dict[str, Any]] = []
    before = None
    while True:
        request = SearchRequest(
            user=reader.id, query=typed, chat=None, sender=None, before=before, limit=7
        )
        page = await world.call("search", request, SearchAnswer)
        found += [msgspec.json.decode(message) for message in page.messages]
        before = page.next
        if before is None:
            return found


class Talk:
    """Chats, what was said in them, and who takes part, as this test knows it."""

    def __init__(self, world: World, people: list[Person], chats: list[Chat]) -> None:
        self.world, self.people, self.chats = world, people, chats
        self.random = random.Random(SEED)
        self.said: dict[Message, tuple[Person, list[str]]] = {}
        self.members = {chat.id: set(people) for chat in chats}
        self.deleted: set[str] = set()

    async def post(self) -> None:
        chat = self.random.choice(self.chats).id
        by = self.random.choice(sorted(self.members[chat]))
        words = self._words()
        replica = self.random.randrange(2)
        [stored] = await self.world.send(new_message(chat, by, " ".join(words)), replica=replica)
        self.said[stored.at, stored.message_id, chat] = by, words

    async def edit(self, message: Message) -> None:
        by, _ = self.said[message]
        words = self._words()
        item = EditItem(
            chat=message[2],
            user=by.id,
            message_id=message[1],
            key=new_id(),
            message=" ".join(words),
        )
        [result] = await self.world.append(item)
        if isinstance(result, MessageStored):  # refused if they no longer take part
            self.said[message] = by, words

    async def delete(self, message: Message) -> None:
        by, _ = self.said[message]
        item = DeleteItem(chat=message[2], user=by.id, message_id=message[1], key=new_id())
        await self.world.append(item)
        if by in self.members[message[2]]:
            del self.said[message]
            self.deleted.add(message[1])

    async def turn(self) -> None:
        """A participant who owns nothing leaves a chat, or comes back."""
        chat, person = self.random.choice(self.chats).id, self.random.choice(self.people[1:])
        owner = self.people[0]
        who = {"user": owner.id, "session": owner.session, "chat": chat, "key": new_id()}
        if person in self.members[chat]:
            removal = RemoveParticipant(**who, participant=person.id)
            await self.world.call("remove_participant", removal, Done)
            self.members[chat].discard(person)
        else:
            await self.world.call(
                "add_participants", AddParticipants(**who, users=[person.id]), Done
            )
            self.members[chat].add(person)

    async def go_on(self) -> None:
        """Makes many changes, several at a time; at most one per message."""
        for _ in range(CHANGES_A_ROUND // 6):
            known = self.random.sample(sorted(self.said), min(3, len(self.said)))
            changes = [self.post() for _ in range(3)]
            changes += [self.edit(m) for m in known[:2]] + [self.delete(m) for m in known[2:]]
            await asyncio.gather(*changes)
            if self.random.random() < 0.3:
                await self.turn()

    def scan(self, reader: Person, typed: str) -> list[str]:
        """Ids of the messages that the reader should find, newest first."""
        return [
            message_id
            for (_, message_id, chat), (_, words) in sorted(self.said.items(), reverse=True)
            if reader in self.members[chat] and _matches([WORDS[word] for word in words], typed)
        ]

    def _words(self) -> list[str]:
        *common, rare = WORDS
        words = self.random.choices(common, k=self.random.randint(1, 5))
        return [*words, rare] if self.random.random() < 0.05 else words


def _matches(words: list[str], typed: str) -> bool:
    """`typed` is a phrase in quotes, or words of which the last may be a prefix."""
    if typed.startswith('"'):
        return f" {typed[1:-1]} " in f" {' '.join(words)} "
    *whole, beginning = typed.split()
    return set(whole) <= set(words) and any(word.startswith(beginning) for word in words)


QUERIES: Final = (
    "alpha", '"alpha"', "al", "beta", "gamma beta", '"gamma beta"', '"alpha alpha"', "strasse cafe",
    '"елка"', "rare", "rare al", "nothing",
)  # fmt: skip


async def test_search_finds_what_a_scan_finds_while_people_post_edit_delete_join_and_leave(
    world: World,
) -> None:
    """Meanwhile there are no duplicates, nothing deleted before, nothing from other users' chats;
    and within a second everything is found, in order, over many pages."""
    people = sorted(await world.make_people(4))
    chats = [await world.make_chat(*people, name=f"chat {n}") for n in range(3)]
    talk = Talk(world, people, chats)
    for _ in range(ROUNDS):
        changes = asyncio.create_task(talk.go_on())
        while not changes.done():
            reader, typed = talk.random.choice(people[1:]), talk.random.choice(QUERIES)
            deleted = set(talk.deleted)
            outside = {c for c, members in talk.members.items() if reader not in members}
            found = await search_all(world, reader, typed)
            outside &= {c for c, members in talk.members.items() if reader not in members}
            ids = [message["messageId"] for message in found]
            assert len(ids) == len(set(ids))
            assert not deleted & set(ids)
            assert not outside & {message["chat"] for message in found}
            assert [m["at"] for m in found] == sorted((m["at"] for m in found), reverse=True)
        await changes
        for reader in people:
            for typed in QUERIES:
                await _until_as_scanned(talk, reader, typed)


async def _until_as_scanned(talk: Talk, reader: Person, typed: str) -> None:
    wanted = talk.scan(reader, typed)
    found = await _ids(talk.world, reader, typed)
    try:
        async with asyncio.timeout(FOUND_SECONDS):
            # Repeated, as a user would.
            while found != wanted:
                found = await _ids(talk.world, reader, typed)
    except TimeoutError:
        assert found == wanted, typed


async def _ids(world: World, reader: Person, typed: str) -> list[str]:
    return [message["messageId"] for message in await search_all(world, reader, typed)]


async def test_texts_of_many_scripts_are_found_by_what_people_type(world: World) -> None:
    """In the database as by the rules: every text of the table, in blocks of the word index, is
    found by each of its queries."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    texts = [case["text"] for case in CASES]
    await world.send(*(new_message(chat.id, ann, text) for text in texts))
    for start in range(0, 120, 40):
        filler = (new_message(chat.id, ann, f"filler {start + n}") for n in range(40))
        await world.send(*filler)
    async with asyncio.timeout(FOUND_SECONDS):
        while not await search_all(world, ben, '"filler 119"'):
            pass
    for case in CASES:
        for typed in case["finds"]:
            assert case["text"] in await _texts(world, ben, typed), typed
        for typed in case["misses"]:
            assert case["text"] not in await _texts(world, ben, typed), typed


async def _texts(world: World, reader: Person, typed: str) -> list[str]:
    return [message["message"] for message in await search_all(world, reader, typed)]
