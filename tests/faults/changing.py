"""Changes that the crowd makes to existing messages: edits, deletions, reactions. Judges
nothing."""

import random
import time
import uuid
from typing import Final
from urllib.parse import quote

from tests.fixtures.history import Changed, Event, History
from tests.fixtures.person import NoAnswer, Person

EMOJI: Final = ("👍", "❤️", "🎉")
KINDS: Final = ("message.edited", "message.deleted", "reaction.added", "reaction.removed")
SHARES: Final = (30, 10, 40, 20)
NEWEST: Final = 10  # of a chat's messages, in which people are still interested
METHODS: Final = {
    "message.edited": "PATCH",
    "message.deleted": "DELETE",
    "reaction.added": "PUT",
    "reaction.removed": "DELETE",
}


def choose_change(
    person: Person, chat: str, seen: list[Event], pace: random.Random
) -> Changed | None:
    """A change of one of the newest messages that the person has seen; None if there is none for
    it."""
    (kind,) = pace.choices(KINDS, SHARES)
    messages = [event for event in seen if event["type"] == "message"][-NEWEST:]
    if kind.startswith("message"):
        messages = [event for event in messages if event["by"] == person.id]
    if not messages:
        return None
    emoji = pace.choice(EMOJI) if kind.startswith("reaction") else ""
    text = f"edit {uuid.uuid4()}" if kind == "message.edited" else ""
    message = pace.choice(messages)["messageId"]
    return Changed(person.id, chat, kind, message, time.monotonic(), text=text, emoji=emoji)


async def try_change(person: Person, changed: Changed, history: History, seconds: float) -> None:
    """Retries until it is answered, with one key for all tries."""
    history.changes.append(changed)
    path = f"/api/chat/{changed.chat}/message/{changed.message_id}"
    if changed.emoji:
        path += f"/reaction/{quote(changed.emoji)}"
    body = {"message": changed.text} if changed.text else None
    try:
        answer = await person.ask(
            METHODS[changed.kind], path, body, key=str(uuid.uuid4()), retry_seconds=seconds
        )
    except NoAnswer:
        return
    changed.tries, changed.status = answer.tries, answer.status
    if answer.status in (200, 201):
        changed.ended = time.monotonic()
        if changed.text:
            changed.seq = answer.body["messageInfo"]["seq"]
