"""Folds an event of a message and all later events about it into the message's current state. Pure.

History is the fold of a chat's log, so a client that folds later events into a page of history gets
what history will return. The page's fold.js is the same function; tests/fixtures/fold_cases.json
holds both to the same cases.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Current = dict[str, Any]
"""A message as history gives it."""
Event = Mapping[str, Any]

MAX_USERS_SHOWN: Final = 100  # of one reaction
_KEPT: Final = ("type", "chat", "seq", "at", "by", "messageId")


def fold(messages: Mapping[int, Current], events: Iterable[Event]) -> dict[int, Current]:
    """Messages by seq, as they are after these events, which are the next of their chat. Events
    about other messages are ignored."""
    after = dict(messages)
    for event in events:
        if event["type"] == "message":
            after[event["seq"]] = begin(event)
        elif (message := after.get(event.get("of", 0))) is not None:
            after[event["of"]] = change(message, event)
    return after


def begin(event: Event) -> Current:
    """A message as its own event leaves it; of a blanked one only the fixed fields."""
    return _blank(event) if event.get("deleted") else dict(event)


def change(message: Current, event: Event) -> Current:
    """A message after an event about it."""
    if event["type"] == "message.deleted":
        return {**_blank(message), "deletedAt": event["at"], "deletedBy": event["by"]}
    if is_blank(message):
        return message  # these events are from before its deletion
    if event.get("deleted"):
        return _blank(message)
    match event["type"]:
        case "message.edited":
            return _edit(message, event)
        case "reaction.added":
            return _with(message, "reactions", _add(message.get("reactions", []), event))
        case "reaction.removed":
            return _with(message, "reactions", _remove(message.get("reactions", []), event))
        case "links.previewed":
            return _with(message, "previews", event["previews"])
        case _:
            return message


def is_blank(message: Current) -> bool:
    """Whether its text has been removed for good."""
    return not message["message"] and not message.get("attachments")


def _blank(message: Event) -> Current:
    return {**{key: message[key] for key in _KEPT}, "message": ""}


def _edit(message: Current, event: Event) -> Current:
    # Other text has other links.
    edited = {key: v for key, v in message.items() if key not in ("mentions", "previews")}
    edited |= {"message": event["message"], "editedAt": event["at"]}
    if mentions := event.get("mentions"):
        edited["mentions"] = mentions
    return edited


def _with(message: Current, field: str, found: list[Current]) -> Current:
    """The message with the field, which is left out if the list is empty."""
    rest = {key: value for key, value in message.items() if key != field}
    return {**rest, field: found} if found else rest


def _add(reactions: list[Current], event: Event) -> list[Current]:
    emoji, user = event["emoji"], event["by"]
    if all(reaction["emoji"] != emoji for reaction in reactions):
        return [*reactions, {"emoji": emoji, "count": 1, "users": [user]}]
    return [
        _join(reaction, user) if reaction["emoji"] == emoji else reaction for reaction in reactions
    ]


def _join(reaction: Current, user: str) -> Current:
    count, users = reaction["count"], reaction["users"]
    # Above the limit users are only counted, so one who reacts later is not listed.
    is_shown = count == len(users) < MAX_USERS_SHOWN
    return {**reaction, "count": count + 1, "users": [*users, user] if is_shown else users}


def _remove(reactions: list[Current], event: Event) -> list[Current]:
    emoji, user = event["emoji"], event["by"]
    left = [
        reaction
        if reaction["emoji"] != emoji
        else {
            **reaction,
            "count": reaction["count"] - 1,
            "users": [one for one in reaction["users"] if one != user],
        }
        for reaction in reactions
    ]
    return [reaction for reaction in left if reaction["count"]]
