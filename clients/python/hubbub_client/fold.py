"""The current state of a message: its event and every later event about it, folded together. Pure.

`fold(history at some seq, events after it)` is the history after them, for every chat and seq.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hubbub_client.events import (
    Attachment,
    Event,
    LinkPreview,
    LinksPreviewed,
    MessageChanged,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    ReactionAdded,
    ReactionRemoved,
)

MAX_USERS_SHOWN: Final = 100  # per reaction


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """`users` are the first 100, in the order in which they reacted."""

    emoji: str
    count: int
    users: tuple[str, ...]


class Message(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True,
    tag_field="type", tag="message",
):  # fmt: skip
    """The current state of a message. A deleted one has no text, but `deleted_at` and
    `deleted_by`."""

    chat: str
    seq: int
    at: str
    by: str
    message_id: str
    message: str
    client_id: str | None = None
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    edited_at: str | None = None
    deleted_at: str | None = None
    deleted_by: str | None = None
    reactions: tuple[Reaction, ...] = ()
    previews: tuple[LinkPreview, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether its text is permanently gone."""
        return not self.message and not self.attachments


def fold(messages: Mapping[int, Message], events: Iterable[Event]) -> dict[int, Message]:
    """Messages by seq, as they are after these events, which are the next of their chat. Events
    about other messages change nothing."""
    after = dict(messages)
    for event in events:
        if isinstance(event, MessageSent):
            after[event.seq] = begin(event)
        elif isinstance(event, MessageChanged) and event.of in after:
            after[event.of] = change(after[event.of], event)
    return after


def begin(event: MessageSent) -> Message:
    """A message after only its own event; a blanked one is empty."""
    if event.deleted:
        return _blank(event)
    return Message(
        chat=event.chat, seq=event.seq, at=event.at, by=event.by, message_id=event.message_id,
        message=event.message, client_id=event.client_id, reply_to=event.reply_to,
        mentions=event.mentions, attachments=event.attachments,
    )  # fmt: skip


def change(message: Message, event: MessageChanged) -> Message:
    """A message after an event about it."""
    if isinstance(event, MessageDeleted):
        return msgspec.structs.replace(_blank(message), deleted_at=event.at, deleted_by=event.by)
    if message.is_blank:
        return message  # the event is from before its deletion
    match event:
        case MessageEdited(deleted=True) | LinksPreviewed(deleted=True):
            return _blank(message)
        case MessageEdited():
            return msgspec.structs.replace(
                message, message=event.message, mentions=event.mentions, edited_at=event.at,
                previews=(),
            )  # fmt: skip
        case ReactionAdded():
            return msgspec.structs.replace(message, reactions=_add(message.reactions, event))
        case ReactionRemoved():
            return msgspec.structs.replace(message, reactions=_remove(message.reactions, event))
        case LinksPreviewed():
            return msgspec.structs.replace(message, previews=event.previews)
        case _:
            return message


def _blank(message: Message | MessageSent) -> Message:
    return Message(
        chat=message.chat, seq=message.seq, at=message.at, by=message.by,
        message_id=message.message_id, message="",
    )  # fmt: skip


def _add(reactions: tuple[Reaction, ...], event: ReactionAdded) -> tuple[Reaction, ...]:
    if all(reaction.emoji != event.emoji for reaction in reactions):
        return (*reactions, Reaction(emoji=event.emoji, count=1, users=(event.by,)))
    return tuple(
        _join(reaction, event.by) if reaction.emoji == event.emoji else reaction
        for reaction in reactions
    )


def _join(reaction: Reaction, user: str) -> Reaction:
    # If some users are only counted, a later one is not among the first.
    is_shown = reaction.count == len(reaction.users) < MAX_USERS_SHOWN
    users = (*reaction.users, user) if is_shown else reaction.users
    return Reaction(emoji=reaction.emoji, count=reaction.count + 1, users=users)


def _remove(reactions: tuple[Reaction, ...], event: ReactionRemoved) -> tuple[Reaction, ...]:
    left = (
        Reaction(
            emoji=reaction.emoji,
            count=reaction.count - 1,
            users=tuple(user for user in reaction.users if user != event.by),
        )
        if reaction.emoji == event.emoji
        else reaction
        for reaction in reactions
    )
    return tuple(reaction for reaction in left if reaction.count)
