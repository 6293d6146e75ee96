"""Checks the items of a batch, drafts them as events, and answers them. Pure."""

from typing import Any, Final, NamedTuple, TypeGuard, assert_never

from msgspec import UNSET, UnsetType

from chats.log.encoding import UNSTAMPED, decode_said, draft_event
from chats.store.messages import NewEvent, NewMessage, OtherEvent, Outcome
from common.protocol.emoji import WRONG_EMOJI, qualify_emoji
from common.protocol.errors import Refusal, invalid, not_found
from common.protocol.events import (
    LinksPreviewed,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    ReactionAdded,
    ReactionRemoved,
)
from common.protocol.fields import WRONG_MESSAGE, wrong_with_mentions, wrong_with_message
from common.protocol.ids import WRONG_ID, is_id, new_id
from common.protocol.items import (
    AnyItem,
    AppendResult,
    ChangeItem,
    ChangeStored,
    DeleteItem,
    EditItem,
    MessageStored,
    PreviewItem,
    ReactItem,
    Refused,
    SendItem,
    UnreactItem,
)
from common.protocol.limits import MAX_ATTACHMENTS, MAX_EDITS_A_MESSAGE, MAX_EMOJI_A_MESSAGE

_WITH_TEXT: Final = (SendItem, EditItem)  # searching a tuple is faster than a union
_WHY_NOT: Final = {
    "not_found": not_found(),
    "forbidden": Refusal("forbidden", "Only who sent a message may change it."),
    "closed": Refusal("forbidden", "The other user's account is deleted."),
    "no_such_message": invalid("replyTo", "must be a message of this chat that is not deleted"),
    "no_such_file": invalid(
        "attachments",
        f"must be at most {MAX_ATTACHMENTS} files that you have uploaded to this chat, "
        "none of them twice or in another message",
    ),
    "no_text": invalid("message", WRONG_MESSAGE),
    "too_many_emoji": invalid("emoji", f"must not be more than {MAX_EMOJI_A_MESSAGE} a message"),
    "too_many_edits": invalid(
        "message", f"must not be edited more than {MAX_EDITS_A_MESSAGE:,} times"
    ),
}


class Draft(NamedTuple):
    """An event before it is appended, and the id of its message."""

    item: AnyItem
    event: NewEvent
    message_id: str


def judge(item: AnyItem) -> Refusal | None:
    """Checks everything that does not depend on the chat: the item's form first, then what it
    names."""
    refusal = _judge_send(item) if isinstance(item, SendItem) else _judge_change(item)
    if refusal is not None:
        return refusal
    return None if is_id(item.chat) and is_id(item.user) else not_found()


def _judge_send(item: SendItem) -> Refusal | None:
    if not is_id(item.key):
        return invalid("clientId", WRONG_ID)
    if wrong := wrong_with_message(item.message, may_be_empty=bool(item.attachments)):
        return invalid("message", wrong)
    if item.mentions is not UNSET and (wrong := wrong_with_mentions(item.mentions)):
        return invalid("mentions", wrong)
    if item.reply_to is not UNSET and not is_id(item.reply_to):
        return invalid("replyTo", WRONG_ID)
    if item.attachments is not UNSET and not all(map(is_id, item.attachments)):
        return invalid("attachments", WRONG_ID)
    return None


def _judge_change(
    item: EditItem | DeleteItem | ReactItem | UnreactItem | PreviewItem,
) -> Refusal | None:
    if isinstance(item, ReactItem | UnreactItem) and qualify_emoji(item.emoji) is None:
        return invalid("emoji", WRONG_EMOJI)
    if not isinstance(item, ReactItem | PreviewItem) and not is_id(item.key):
        return invalid("Idempotency-Key", WRONG_ID)
    if isinstance(item, EditItem):
        if wrong := wrong_with_message(item.message, may_be_empty=True):  # if it has files
            return invalid("message", wrong)
        if item.mentions is not UNSET and (wrong := wrong_with_mentions(item.mentions)):
            return invalid("mentions", wrong)
    return None if is_id(item.message_id) else not_found()


def draft(item: AnyItem) -> Draft:
    """The event of an item that is well-formed."""
    match item:
        case SendItem():
            return _draft_message(item)
        case EditItem():
            # The database fills in the mentions: those who take part, or the previous ones.
            edit = MessageEdited(message=item.message, mentions=[], **_begin(item))
            return _draft_change(
                item, edit, item.key, text=item.message, mentions=_distinct(item.mentions)
            )
        case DeleteItem():
            deleted = MessageDeleted(**_begin(item))
            if item.former:
                return _draft_change(item, deleted, None, former=True)
            return _draft_change(item, deleted, item.key)
        case ReactItem():
            emoji = qualify_emoji(item.emoji) or ""
            added = ReactionAdded(emoji=emoji, **_begin(item))
            return _draft_change(item, added, None, emoji=emoji)
        case UnreactItem():
            emoji = qualify_emoji(item.emoji) or ""
            removed = ReactionRemoved(emoji=emoji, **_begin(item))
            return _draft_change(item, removed, item.key, emoji=emoji)
        case PreviewItem():
            previewed = LinksPreviewed(previews=item.previews, **_begin(item))
            return _draft_change(
                item, previewed, None, former=True, previews=item.previews, text_seq=item.text_seq
            )
        case _:
            assert_never(item)


def is_plain(item: AnyItem) -> TypeGuard[SendItem]:
    """Whether it is a message that requires only the right to send."""
    return isinstance(item, SendItem) and not (
        item.mentions or item.attachments or item.reply_to is not UNSET
    )


def _draft_message(item: SendItem) -> Draft:
    mentions = _distinct(item.mentions)
    message = Message(
        chat=item.chat,
        by=item.user,
        message_id=new_id(),
        message=item.message,
        client_id=item.key if item.show_key else UNSET,
        reply_to=item.reply_to,
        mentions=[] if mentions else UNSET,  # the database fills in those who take part
        attachments=[] if item.attachments else UNSET,  # and the files' details
        **UNSTAMPED,
    )
    drafted = draft_event(message)
    if is_plain(item):
        return Draft(item, NewMessage(item.chat, item.user, item.key, drafted), message.message_id)
    event = OtherEvent(
        kind="message",
        chat=item.chat,
        sender=item.user,
        draft=drafted.decode(),
        key=item.key,
        message=None if item.reply_to is UNSET else item.reply_to,
        mentions=mentions,
        attachments=item.attachments or None,
    )
    return Draft(item, event, message.message_id)


def _draft_change(
    item: AnyItem,
    event: MessageChange,
    key: str | None,
    emoji: str | None = None,
    **more: Any,
) -> Draft:
    kind = str(event.__struct_config__.tag)
    other = OtherEvent(
        kind=kind,
        chat=item.chat,
        sender=item.user,
        draft=draft_event(event).decode(),
        key=key,
        scope=f"{kind} {event.message_id} {emoji or ''}",
        message=event.message_id,
        emoji=emoji,
        **more,
    )
    return Draft(item, other, event.message_id)


def _begin(item: ChangeItem) -> dict[str, Any]:
    return {
        "chat": item.chat, "by": item.user, "message_id": item.message_id, "of": 0, **UNSTAMPED
    }  # fmt: skip


def _distinct(users: list[str] | UnsetType) -> list[str] | None:
    return None if users is UNSET else list(dict.fromkeys(users))


def answer(draft: Draft, outcome: Outcome) -> AppendResult:
    """The result for the item's caller."""
    if outcome.what not in ("appended", "known"):
        return refuse(_WHY_NOT[outcome.what])
    item, is_new = draft.item, outcome.what == "appended"
    if not isinstance(item, _WITH_TEXT):
        return ChangeStored(is_new=is_new)
    if is_new:
        return MessageStored(
            message_id=draft.message_id,
            seq=outcome.seq,
            at=outcome.at,
            message=item.message,
            client_id=item.key if isinstance(item, SendItem) and item.show_key else None,
            is_new=True,
        )
    assert outcome.event is not None
    said = decode_said(outcome.event)
    client_id = said.client_id if isinstance(said, Message) else UNSET
    return MessageStored(
        message_id=said.message_id,
        seq=said.seq,
        at=said.at,
        message=said.message,
        client_id=None if client_id is UNSET else client_id,
        is_new=False,
    )


def refuse(refusal: Refusal) -> Refused:
    """A refusal as one item's result."""
    return Refused(code=refusal.code, detail=refusal.detail, errors=refusal.errors)
