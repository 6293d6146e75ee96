"""Finding messages by their words, on two replicas and the real database."""

import asyncio
from typing import Any

import msgspec
import psycopg
import pytest

from chats.search.pace import Pace
from chats.search.rebuild import rebuild
from common.protocol.chats import (
    DeleteChat,
    Done,
    RemoveParticipant,
    SearchAnswer,
    SearchRequest,
)
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from tests.contract.chats.conftest import Person, Stage, World, new_message
from tests.contract.chats.scene import make_scene
from tests.fixtures.busy import bound

FOUND_SECONDS = bound(1.0, 30.0)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def search(
    world: World, reader: Person, typed: str, replica: int = 0, **options: Any
) -> SearchAnswer:
    request: dict[str, Any] = {"chat": None, "sender": None, "before": None, "limit": 20, **options}
    return await world.call(
        "search", SearchRequest(user=reader.id, query=typed, **request), SearchAnswer, replica
    )


async def texts(world: World, reader: Person, typed: str, **options: Any) -> list[str]:
    found = await search(world, reader, typed, **options)
    return [msgspec.json.decode(message)["message"] for message in found.messages]


async def until_found(
    world: World,
    reader: Person,
    typed: str,
    expected: list[str],
    within: float = FOUND_SECONDS,
    **options: Any,
) -> None:
    found: list[str] = []
    try:
        async with asyncio.timeout(within):
            # Repeated, as a user would.
            while (found := await texts(world, reader, typed, **options)) != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        assert found == expected


async def test_what_was_sent_is_found_by_those_who_take_part(world: World) -> None:
    """Newest first, by words, prefixes and phrases, on any replica; by nobody else."""
    ann, ben, eve = await world.make_people(3)
    chat = await world.make_chat(ann, ben)
    for text in ("The garden is ours", "a garden party", "nothing of it"):
        await world.send(new_message(chat.id, ann, text))
    both = ["a garden party", "The garden is ours"]
    await until_found(world, ben, "gard", both)
    await until_found(world, ann, "garden", both, replica=1)
    assert await texts(world, ben, '"garden is"') == ["The garden is ours"]
    assert await texts(world, ben, '"gard"') == []
    assert await texts(world, ben, "garden", sender=ben.id) == []
    assert await texts(world, ben, "garden", sender=ann.id) == both
    assert await texts(world, eve, "garden") == []


async def test_blocks_hold_what_open_rows_held(world: World) -> None:
    """Every one of two hundred messages, most of them in blocks, is found, page by page."""
    ann, ben = await world.make_people(2)
    chat, other = await world.make_chat(ann, ben), await world.make_chat(ben, ann)
    sent = [f"word number{n} {'rare' if n % 70 == 3 else 'often'}" for n in range(200)]
    for start in range(0, 200, 20):
        for one in (chat, other):
            await world.send(*(new_message(one.id, ann, t) for t in sent[start : start + 20]))
    await until_found(world, ben, "number199", [sent[199]] * 2)
    rare = [text for text in reversed(sent) if "rare" in text]
    assert await texts(world, ben, "rare", chat=chat.id) == rare
    sevens = await texts(world, ben, "number7", chat=chat.id, limit=50)
    assert sorted(sevens) == sorted(text for text in sent if " number7" in text)
    for typed in ("often", "word of", '"often" word'):
        pages: list[str] = []
        before = None
        while True:
            found = await search(world, ben, typed, before=before, limit=50)
            pages += [msgspec.json.decode(m)["messageId"] for m in found.messages]
            before = found.next
            if before is None:
                break
            assert len(found.messages) == 50
        assert len(pages) == len(set(pages)) == 2 * 197


async def test_a_phrase_is_found_behind_many_blocks_that_only_have_its_words(world: World) -> None:
    """Newest first, page by page: blocks are read in batches, and these are more than three."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    phrases = {3: "first", 700: "second", 801: "third"}  # each with its own time
    for start in range(0, 1_300, 100):
        await world.send(
            *(
                new_message(
                    chat.id, ann,
                    f"lantern harbour {phrases[n]}" if n in phrases else f"harbour {n} lantern",
                )
                for n in range(start, start + 100)
            )
        )  # fmt: skip
    wanted = [f"lantern harbour {phrases[n]}" for n in sorted(phrases, reverse=True)]
    await until_found(world, ben, "1299", ["harbour 1299 lantern"])
    assert await texts(world, ben, '"lantern harbour"') == wanted
    assert await texts(world, ben, '"lantern harbour"', chat=chat.id) == wanted
    assert await texts(world, ben, '"lantern harbour"', limit=1) == wanted[:1]


async def test_what_was_sent_is_found_while_feeding_gives_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the first search a second later, on the replica that did not store it too."""
    ann, ben = await world.make_people(2)
    chat, other = await world.make_chat(ann, ben), await world.make_chat(ann)
    monkeypatch.setattr(Pace, "pause", lambda *_: 60.0)
    # The longest that a search waits for feeding.
    monkeypatch.setattr("chats.search.feeder.SEARCH_SECONDS", bound(0.5, 30.0))
    await world.send(new_message(other.id, ann, "the last that is fed"))
    await until_found(world, ann, "fed", ["the last that is fed"])
    sent = [f"a quince {n}" for n in range(3)]
    for text in sent:
        await world.send(new_message(chat.id, ann, text))
    await asyncio.sleep(1.0)
    assert await texts(world, ben, "quince", replica=1) == sent[::-1]
    assert await texts(world, ben, "quince", chat=chat.id) == sent[::-1]


async def test_long_messages_are_fed_in_pieces_and_all_are_found(world: World) -> None:
    """From several chats, some of them cut in the middle."""
    ann, ben = await world.make_people(2)
    chats = [await world.make_chat(ann, ben) for _ in range(3)]
    long = "long " * 1_600
    for n in range(20):
        await world.send(*(new_message(chat.id, ann, f"{long} n{n}") for chat in chats))
    for n in (19, 0):
        await until_found(world, ben, f'"n{n}"', [f"{long} n{n}"] * 3)


async def test_a_long_run_without_spaces_keeps_nothing_from_the_index(
    world: World, stage: Stage
) -> None:
    """It is longer than a word of PostgreSQL's index may be, in a new message as in an edited one.
    Any part of it is found, and the index can be made anew."""
    scene = await make_scene(world, text="a plum")
    ann, bob = scene.people
    runs = ["漢字" * 350, "\U00020000\U00020001" * 260]
    for run in runs:
        await world.send(new_message(scene.id, ann, run))
    await world.send(*(new_message(scene.id, ann, f"garden {n}") for n in range(40)))
    await scene.append(scene.edit(ann, f"{runs[0]}梅"))
    for _ in range(2):
        for n in (0, 39):
            found = [f"garden {n}"]
            await until_found(world, bob, f'"garden {n}"', found)
        await until_found(world, bob, "字漢", [runs[0], f"{runs[0]}梅"])
        assert await texts(world, bob, "梅") == [f"{runs[0]}梅"]
        assert await texts(world, bob, "\U00020001\U00020000") == [runs[1]]
        assert await texts(world, bob, "plum") == []
        await rebuild(stage.chats_database_url)


async def test_what_was_edited_or_deleted_is_found_as_it_is_now(world: World) -> None:
    """The text before an edit is not found any more, nor is a deleted text, wherever in the index
    they are; results show reactions and edits."""
    scene = await make_scene(world, text="alpha one")
    ann, bob = scene.people
    await until_found(world, bob, "alpha", ["alpha one"])
    await scene.append(scene.edit(ann, "beta one"))
    await scene.append(scene.react(bob))
    await until_found(world, bob, "beta", ["beta one"])
    assert await texts(world, bob, "alpha") == []
    for n in range(0, 40, 10):
        await world.send(*(new_message(scene.id, ann, f"filler {m}") for m in range(n, n + 10)))
    await until_found(world, bob, "filler 39", ["filler 39"])
    [shown] = (await search(world, bob, "beta one")).messages
    message = msgspec.json.decode(shown)
    assert "editedAt" in message
    assert message["reactions"][0]["count"] == 1
    await scene.append(scene.edit(ann, "gamma one"))
    await until_found(world, bob, "gamma", ["gamma one"])
    assert await texts(world, bob, "beta") == []
    await scene.append(scene.delete(ann))
    assert await texts(world, bob, "gamma") == []
    assert await texts(world, bob, "one") == []


async def test_who_was_removed_finds_nothing_more_and_a_deleted_chat_leaves_the_index(
    world: World,
) -> None:
    """At once: participation is checked in the statement that searches."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    await world.send(new_message(chat.id, ann, "secretary"))
    await until_found(world, ben, "secretary", ["secretary"])
    removal = RemoveParticipant(
        user=ann.id, session=ann.session, chat=chat.id, key=new_id(), participant=ben.id
    )
    await world.call("remove_participant", removal, Done)
    assert await texts(world, ben, "secretary") == []
    with pytest.raises(Refusal, match="not_found"):
        await search(world, ben, "secretary", chat=chat.id)
    end = DeleteChat(user=ann.id, session=ann.session, chat=chat.id, key=new_id())
    await world.call("delete_chat", end, Done)
    assert await texts(world, ann, "secretary") == []


@pytest.mark.parametrize(
    ("typed", "options"),
    [("", {}), ("...", {}), ("x" * 201, {}), ("x", {"before": "1-2"}), ("x", {"before": "soon"})],
)
async def test_what_is_no_query_is_refused(
    world: World, typed: str, options: dict[str, Any]
) -> None:
    """Without letter or digit, too long, or with an invalid cursor."""
    (ann,) = await world.make_people(1)
    with pytest.raises(Refusal, match="invalid_request"):
        await search(world, ann, typed, **options)


async def test_an_emptied_index_is_fed_again_from_the_log(world: World, stage: Stage) -> None:
    """As after a crash between the commit and the feeding, even without a further event."""
    ann, ben = await world.make_people(2)
    chat = await world.make_chat(ann, ben)
    for n in range(40):
        await world.send(new_message(chat.id, ann, f"renewed {n}"))
    await until_found(world, ben, "renewed 39", ["renewed 39"])
    await rebuild(stage.chats_database_url)
    await until_found(world, ben, "renewed 0", ["renewed 0"])


async def test_names_of_files_are_found_until_the_message_is_deleted(
    world: World, stage: Stage
) -> None:
    """An edit of the text keeps the names."""
    scene = await make_scene(world, text="holidays")
    ann, bob = scene.people
    files = ',"attachments":[{"id":"f","name":"Übersee 2026.png","type":"image/png","size":1}]}'
    async with await psycopg.AsyncConnection.connect(
        stage.chats_database_url, autocommit=True
    ) as database:
        await database.execute(
            "UPDATE log SET event = substr(event, 1, octet_length(event) - 1) || %s"
            " WHERE chat = %s AND kind = 'message'",
            (files.encode(), scene.id),
        )
    await rebuild(stage.chats_database_url)
    await until_found(world, bob, "ubersee png", ["holidays"])
    assert await texts(world, bob, '"holidays ubersee"') == []
    await scene.append(scene.edit(ann, "a journey"))
    await until_found(world, bob, "journey ubersee", ["a journey"])
    assert await texts(world, bob, "holidays") == []
    await scene.append(scene.delete(ann))
    assert await texts(world, bob, "ubersee") == []
