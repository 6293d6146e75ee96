"""A repeated request gets the first result and takes effect once."""

import asyncio
import uuid

from tests.fixtures.person import Person, Rest


async def test_a_message_repeated_serially_is_stored_once(ann: Person) -> None:
    """The first result with the first text, whatever the body."""
    chat = await ann.create_chat("notes")
    key = str(uuid.uuid4())
    first = await ann.post(chat, "first", key=key)
    for _ in range(3):
        again = await ann.post(chat, "something else", key=key)
        assert again.body["messageInfo"] == first.body["messageInfo"]
    by_header = await ann.ask("POST", f"/api/chat/{chat}/message", {"message": "third"}, key=key)
    assert by_header.body["messageInfo"] == first.body["messageInfo"]
    assert len(await ann.events(chat)) == 2


async def test_a_message_repeated_50_times_in_parallel_is_stored_once(ann: Person) -> None:
    """All 50 get the same answer."""
    chat = await ann.create_chat("notes")
    key = str(uuid.uuid4())
    answers = await asyncio.gather(*(ann.post(chat, "once", key=key) for _ in range(50)))
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({str(answer.body["messageInfo"]) for answer in answers}) == 1
    assert len(await ann.events(chat)) == 2


async def test_a_key_belongs_to_its_sender_and_chat(ann: Person, ben: Person) -> None:
    """Another user's key, or the user's own key in another chat, makes another message."""
    first, second = await ann.create_chat("one", ben.id), await ann.create_chat("two", ben.id)
    key = str(uuid.uuid4())
    answers = [
        await ann.post(first, "a", key=key),
        await ben.post(first, "b", key=key),
        await ann.post(second, "c", key=key),
    ]
    assert [answer.body["messageInfo"]["message"] for answer in answers] == ["a", "b", "c"]


async def test_two_different_keys_for_one_message_are_refused(ann: Person) -> None:
    """The header and the body must not contradict each other."""
    chat = await ann.create_chat("notes")
    body = {"message": "which?", "clientId": str(uuid.uuid4())}
    answer = await ann.ask("POST", f"/api/chat/{chat}/message", body, key=str(uuid.uuid4()))
    assert (answer.status, answer.body["code"]) == (400, "invalid_request")


async def test_a_chat_repeated_50_times_in_parallel_is_made_once(ann: Person, ben: Person) -> None:
    """One chat, one event, one membership."""
    key = str(uuid.uuid4())
    body = {"participants": [ben.id], "chatName": "once"}
    answers = await asyncio.gather(
        *(ann.ask("POST", "/api/chat", body, key=key, retry_seconds=10) for _ in range(50))
    )
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.body["chat"]["id"] for answer in answers}) == 1
    chats = (await ann.ask("GET", "/api/chat")).body["chats"]
    assert [chat["chatName"] for chat in chats] == ["once"]


async def test_a_repeated_addition_is_one_event(ann: Person, ben: Person) -> None:
    """With a key, in parallel."""
    chat = await ann.create_chat("club")
    key = str(uuid.uuid4())
    answers = await asyncio.gather(
        *(
            ann.ask(
                "POST", f"/api/chat/{chat}/participant", {"userId": ben.id}, key=key,
                retry_seconds=10,
            )
            for _ in range(10)
        )
    )  # fmt: skip
    assert {answer.status for answer in answers} <= {200, 201}
    assert [event["type"] for event in await ann.events(chat)] == [
        "chat.created",
        "participant.added",
    ]


async def test_a_repeated_sign_up_is_one_account(nobody: Rest) -> None:
    """If the body is the same; with another body the key is refused."""
    key, name = str(uuid.uuid4()), f"ann-{uuid.uuid4().hex[:12]}"
    body = {"username": name, "email": f"{name}@ex.org"}
    answers = await asyncio.gather(
        *(nobody.call("POST", "/api/user", body, key=key, retry_seconds=10) for _ in range(5))
    )
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.body["user"]["id"] for answer in answers}) == 1
    other = await nobody.call("POST", "/api/user", {**body, "email": "b@ex.org"}, key=key)
    assert (other.status, other.body["code"]) == (400, "invalid_request")
