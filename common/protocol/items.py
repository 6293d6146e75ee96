"""Events that belong to messages: what a caller wants appended to a chat's log, and the result.

Items of all kinds travel together, in batches, from edge and realtime to chats.
"""

import msgspec

from common.protocol.events import LinkPreview
from common.protocol.wire import Internal


class Item(Internal, tag_field="kind", kw_only=True):
    """One event that `user` wants appended to the chat's log. `trace` is present if the client
    asked for tracing."""

    chat: str
    user: str
    trace: str | msgspec.UnsetType = msgspec.UNSET


class SendItem(Item, tag="message", kw_only=True):
    """`key` identifies the message among the sender's in that chat; if `show_key`, the event shows
    it as `clientId`."""

    key: str
    show_key: bool
    message: str
    reply_to: str | msgspec.UnsetType = msgspec.UNSET
    mentions: list[str] | msgspec.UnsetType = msgspec.UNSET
    attachments: list[str] | msgspec.UnsetType = msgspec.UNSET


class ChangeItem(Item, kw_only=True):
    message_id: str


class EditItem(ChangeItem, tag="message.edited", kw_only=True):
    """Without `mentions` the message keeps its own."""

    key: str
    message: str
    mentions: list[str] | msgspec.UnsetType = msgspec.UNSET


class DeleteItem(ChangeItem, tag="message.deleted", kw_only=True):
    """`former`: the user's account is deleted; then they need not take part, and the key is
    ignored."""

    key: str
    former: bool = False


class ReactItem(ChangeItem, tag="reaction.added", kw_only=True):
    """Needs no key: reacting twice changes nothing."""

    emoji: str


class UnreactItem(ChangeItem, tag="reaction.removed", kw_only=True):
    key: str
    emoji: str


class PreviewItem(ChangeItem, tag="links.previewed", kw_only=True):
    """By chats itself, in the name of the sender. `text_seq` is the event with the text whose links
    these are: if the text has changed since, nothing happens."""

    text_seq: int
    previews: list[LinkPreview]


AnyItem = SendItem | EditItem | DeleteItem | ReactItem | UnreactItem | PreviewItem


class AppendRequest(Internal):
    items: list[AnyItem]


class MessageStored(Internal, tag="message"):
    """The event of a SendItem or EditItem: the first one of its key. `is_new` is false for a repeat
    and for an edit that changed nothing."""

    message_id: str
    seq: int
    at: str
    message: str
    client_id: str | None
    is_new: bool


class ChangeStored(Internal, tag="change"):
    """The event of any other item is in the log. `is_new` is false if it already was."""

    is_new: bool


class Refused(Internal, tag="refused"):
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None


AppendResult = MessageStored | ChangeStored | Refused


class AppendAnswer(Internal):
    """A result for each item, in order."""

    results: list[AppendResult]
