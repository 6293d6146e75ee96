"""Creating, renaming and deleting chats, and how clients see one."""

import msgspec
from msgspec import UNSET

from chats.access import chat_for_owner
from chats.log.encoding import UNSTAMPED, draft_controls, draft_event
from chats.membership.coordinator import Coordinator, Memberships, Plan
from chats.store.changes import Change, ResultKey
from chats.store.chats import ChatRow, count_chats, list_owned
from common.database.pool import Pool
from common.protocol.chats import (
    Chat,
    ChatOwners,
    ChatsOwned,
    Control,
    CreateChat,
    DeleteChat,
    DemandChatOwner,
    Done,
    RenameChat,
)
from common.protocol.errors import Refusal, invalid
from common.protocol.events import ChatCreated, ChatDeleted, ChatUpdated, Event
from common.protocol.fields import (
    check_fields,
    wrong_with_chat_name,
    wrong_with_participants,
    wrong_with_topic,
)
from common.protocol.ids import new_id
from common.protocol.instance import ChatsCounted
from common.protocol.limits import MAX_PARTICIPANTS_A_CHAT, MAX_PARTICIPANTS_SHOWN
from common.protocol.own import Mine
from common.protocol.users import Empty

CHANGED = msgspec.json.encode(Done(changed=True))

_decode_chat = msgspec.json.Decoder(Chat).decode


async def create_chat(coordinator: Coordinator, request: CreateChat) -> Chat:
    """Listed participants keep their order, duplicates collapse, the creator is appended if absent.

    Raises Refusal: `invalid_request`, also at a limit, `unknown_user`, `unauthenticated`.
    """
    check_fields(
        {
            "chatName": wrong_with_chat_name(request.chat_name),
            "participants": wrong_with_participants(request.participants),
        }
    )
    participants = tuple(dict.fromkeys([*request.participants, request.user]))
    if len(participants) > MAX_PARTICIPANTS_A_CHAT:
        raise too_many_participants()
    chat = Chat(
        id=new_id(),
        chat_name=request.chat_name,
        participants=list(participants[:MAX_PARTICIPANTS_SHOWN]),
        participant_count=len(participants),
        owner=request.user,
        seq=1,
        kind="group",
        last=msgspec.Raw(b"null"),
        mine=Mine(read=1, unread=0, mentions=0, notify="all", archived=False),
    )
    plan = Plan(
        msgspec.json.encode(chat),
        first_change(chat, participants, by=request.user),
        Memberships(request.session, add=participants),
    )

    async def make_plan() -> Plan:
        return plan

    key = ResultKey(request.user, "create_chat", request.key)
    return _decode_chat(await coordinator.change(key, make_plan, " ".join(key)))


def first_change(chat: Chat, participants: tuple[str, ...], *, by: str) -> Change:
    """The event that creates the chat."""
    return Change(
        chat=chat.id,
        version=0,
        name=chat.chat_name,
        owner=chat.owner,
        topic=None,
        kind="chat.created",
        by=by,
        draft=draft_snapshot(chat, by=by),
        controls=draft_controls([Control(seq=0, action="join", users=list(participants))]),
        joining=participants,
    )


async def rename_chat(pool: Pool, coordinator: Coordinator, request: RenameChat) -> Done:
    """The owner only; the same name and topic also make an event. Raises Refusal."""
    check_fields(
        {
            "chatName": None
            if request.chat_name is UNSET
            else wrong_with_chat_name(request.chat_name),
            "topic": None if request.topic is UNSET else wrong_with_topic(request.topic),
        }
    )

    async def make_plan() -> Plan:
        row = await chat_for_owner(pool, request.chat, request.user)
        name = row.name if request.chat_name is UNSET else request.chat_name
        topic = row.topic if request.topic is UNSET else request.topic
        event = ChatUpdated(
            chat=row.id,
            by=request.user,
            chat_name=name,
            owner=request.user,
            topic=UNSET if topic is None else topic,
            **UNSTAMPED,
        )
        return Plan(CHANGED, change_of(row, event)._replace(name=name, topic=topic))

    key = ResultKey(request.user, f"rename_chat {request.chat}", request.key)
    await coordinator.change(key, make_plan, request.chat)
    return Done(changed=True)


async def delete_chat(pool: Pool, coordinator: Coordinator, request: DeleteChat) -> Done:
    """The owner only. Raises Refusal."""

    async def make_plan() -> Plan:
        row = await chat_for_owner(pool, request.chat, request.user)
        return plan_end(row, by=request.user, session=request.session)

    key = ResultKey(request.user, f"delete_chat {request.chat}", request.key)
    await coordinator.change(key, make_plan, request.chat)
    return Done(changed=True)


def plan_end(row: ChatRow, *, by: str, session: str) -> Plan:
    """The chat ends for everybody with one event."""
    event = ChatDeleted(chat=row.id, by=by, **UNSTAMPED)
    change = change_of(row, event, Control(seq=0, action="close", users=[]))
    return Plan(CHANGED, change._replace(is_end=True), Memberships(session, remove_all=True))


def change_of(row: ChatRow, event: Event, *controls: Control) -> Change:
    """A change that this event announces, and that leaves everything else of the chat as it is."""
    return Change(
        chat=row.id,
        version=row.version,
        name=row.name,
        owner=row.owner,
        topic=row.topic,
        kind=str(event.__struct_config__.tag),
        by=event.by,
        draft=draft_event(event),
        controls=draft_controls(list(controls)),
    )


async def demand_chat_owner(pool: Pool, request: DemandChatOwner) -> Done:
    """Raises Refusal: `not_found`, or `forbidden` for a participant who does not own it."""
    await chat_for_owner(pool, request.chat, request.user)
    return Done(changed=False)


async def list_chat_owners(pool: Pool, request: ChatOwners) -> ChatsOwned:
    """Of those that exist."""
    found = await list_owned(pool, request.chats)
    return ChatsOwned(
        owners={chat: owner for chat, owner, _ in found},
        full=[chat for chat, _, count in found if count >= MAX_PARTICIPANTS_A_CHAT],
    )


async def get_counts(pool: Pool, _: Empty) -> ChatsCounted:
    return await count_chats(pool)


def draft_snapshot(chat: Chat, *, by: str) -> bytes:
    """A `chat.created` with this state."""
    return draft_event(
        ChatCreated(
            chat=chat.id,
            by=by,
            chat_name=chat.chat_name,
            participants=chat.participants,
            participant_count=chat.participant_count,
            owner=chat.owner,
            kind=chat.kind,
            topic=chat.topic,
            **UNSTAMPED,
        )
    )


def too_many_participants() -> Refusal:
    """The refusal of a chat that would grow beyond its limit."""
    return invalid("participants", f"must be at most {MAX_PARTICIPANTS_A_CHAT:,} in a chat")


def show_chat(row: ChatRow, participants: list[str]) -> Chat:
    """As its participants see it."""
    return Chat(
        id=row.id,
        chat_name=row.name,
        participants=participants,
        participant_count=row.participant_count,
        owner=row.owner,
        seq=row.seq,
        kind="direct" if row.owner is None else "group",
        topic=UNSET if row.topic is None else row.topic,
    )
