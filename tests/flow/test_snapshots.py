"""The central property: a snapshot plus the events since give the next snapshot."""

import random
from typing import Any

from tests.fixtures.history import Event
from tests.fixtures.person import Person

CHANGES = 40
Chat = dict[str, Any]


def _apply(chat: Chat, event: Event) -> Chat:
    people: list[str] = chat["participants"]
    match event["type"]:
        case "chat.updated":
            chat = {**chat, "chatName": event["chatName"], "owner": event["owner"]}
            chat.pop("topic", None)
            chat |= {"topic": event["topic"]} if "topic" in event else {}
        case "participant.added":
            people = [*people, *event["users"]]
        case "participant.removed":
            people = [person for person in people if person not in event["users"]]
            chat = {**chat, "owner": event["owner"]}
        case "message":
            chat = {**chat, "last": event}
    return {
        **chat,
        "participants": people,
        "participantCount": len(people),
        "seq": event["seq"],
    }


async def test_a_snapshot_and_the_events_since_give_the_next_snapshot(
    ann: Person, ben: Person, cat: Person
) -> None:
    """Over every kind of change, in random order; and history before plus the events since is
    history now."""
    people, pace = {person.id: person for person in (ann, ben, cat)}, random.Random(4)
    chat = await ann.create_chat("club", ben.id)
    before = (await ann.ask("GET", f"/api/chat/{chat}")).body
    history = await ann.events(chat)
    kinds, topics = set[str](), set[str | None]()
    body: dict[str, Any]
    for number in range(CHANGES):
        members = before["participants"]
        owner = people[before["owner"]]
        chance, outside = pace.random(), [p for p in people if p not in members]
        if outside and chance < 0.4:
            path, body = f"/api/chat/{chat}/participant", {"userIds": outside}
            answer = await owner.ask("POST", path, body)
        elif len(members) > 1 and chance < 0.6:
            gone = pace.choice(members)
            answer = await owner.ask("DELETE", f"/api/chat/{chat}/participant/{gone}")
        elif chance < 0.8:
            body = pace.choice([{"chatName": f"name {number}"}, {"topic": f"topic {number}"},
                                {"topic": None}])  # fmt: skip
            answer = await owner.ask("PATCH", f"/api/chat/{chat}", body)
            topics.add(body.get("topic", ""))
        else:
            answer = await people[pace.choice(members)].post(chat, f"message {number}")
        assert answer.status in (200, 201), answer
        readers = [
            person
            for person in people.values()
            if (await person.ask("GET", f"/api/chat/{chat}")).status == 200
        ]
        reader = pace.choice(readers)
        now = (await reader.ask("GET", f"/api/chat/{chat}")).body
        since = await reader.events(chat, before["seq"])
        kinds.update(event["type"] for event in since)
        for event in since:
            before = _apply(before, event)
        # The reader's own state is in no event, and differs for each user.
        assert {**before, "mine": None} == {**now, "mine": None}
        history += since
        assert await reader.events(chat) == history
        before = now
    assert len(topics) > 2  # also none, and changes that leave it as it is
    assert kinds == {"message", "chat.updated", "participant.added", "participant.removed"}
