"""Participants: adding, removing, leaving, and who owns the chat after that."""

import msgspec

from chats.access import chat_for_owner, chat_for_participant, direct_stays, owner_only
from chats.log.encoding import UNSTAMPED
from chats.membership.chats import (
    CHANGED,
    change_of,
    draft_snapshot,
    plan_end,
    show_chat,
    too_many_participants,
)
from chats.membership.coordinator import Coordinator, Memberships, Plan
from chats.store.changes import ResultKey
from chats.store.chats import ChatRow, find_participants, list_participants
from common.database.pool import Pool
from common.protocol.chats import AddParticipants, Control, Done, JoinChat, RemoveParticipant
from common.protocol.errors import not_found
from common.protocol.events import ParticipantAdded, ParticipantRemoved
from common.protocol.fields import check_fields, wrong_with_participants
from common.protocol.limits import MAX_PARTICIPANTS_A_CHAT, MAX_PARTICIPANTS_SHOWN

_decode_done = msgspec.json.Decoder(Done).decode
_UNCHANGED = msgspec.json.encode(Done(changed=False))


async def add_participants(pool: Pool, coordinator: Coordinator, request: AddParticipants) -> Done:
    """The owner adds those who are not in yet, with one event in the request's order.

    Raises Refusal: `invalid_request`, also at a limit, `not_found`, `forbidden`, `unknown_user`.
    """
    check_fields({"userIds": wrong_with_participants(request.users)})

    async def make_plan() -> Plan:
        row = await chat_for_owner(pool, request.chat, request.user)
        present = await find_participants(pool, row.id, request.users)
        new = tuple(user for user in dict.fromkeys(request.users) if user not in present)
        if not new:
            return Plan(_UNCHANGED)
        if row.participant_count + len(new) > MAX_PARTICIPANTS_A_CHAT:
            raise too_many_participants()
        shown = await list_participants(pool, row.id, MAX_PARTICIPANTS_SHOWN)
        return _plan_addition(row, [*shown, *new][:MAX_PARTICIPANTS_SHOWN], new, request)

    key = ResultKey(request.user, f"add_participants {request.chat}", request.key)
    return _decode_done(await coordinator.change(key, make_plan, request.chat))


async def join_chat(pool: Pool, coordinator: Coordinator, request: JoinChat) -> Done:
    """A user joins by an invitation of the owner, as if added by them.

    Raises Refusal: `not_found`, `forbidden` if the inviter no longer owns the chat,
    `unauthenticated` if they are not in and users does not want them in, `invalid_request` at a
    limit.
    """
    added = AddParticipants(
        user=request.inviter, session="", chat=request.chat, key=request.key, users=[request.user]
    )
    return await add_participants(pool, coordinator, added)


def _plan_addition(
    row: ChatRow, shown: list[str], new: tuple[str, ...], request: AddParticipants
) -> Plan:
    after = show_chat(row._replace(participant_count=row.participant_count + len(new)), shown)
    snapshot = msgspec.Raw(draft_snapshot(after, by=request.user))
    event = ParticipantAdded(chat=row.id, by=request.user, users=list(new), **UNSTAMPED)
    join = Control(seq=0, action="join", users=list(new), snapshot=snapshot)
    change = change_of(row, event, join)._replace(joining=new)
    return Plan(CHANGED, change, Memberships(request.session, add=new))


async def remove_participant(
    pool: Pool, coordinator: Coordinator, request: RemoveParticipant
) -> Done:
    """The owner removes anyone, everyone may leave. When the owner leaves, the first of the others
    owns the chat; when the last one leaves, the chat is deleted. Nobody leaves a direct one.

    Raises Refusal: `not_found` (also for a user who is not in the chat), `forbidden`.
    """

    async def make_plan() -> Plan:
        row = await chat_for_participant(pool, request.chat, request.user)
        if not await find_participants(pool, row.id, [request.participant]):
            raise not_found()
        if row.owner is None:
            raise direct_stays()
        if request.user not in (row.owner, request.participant):
            raise owner_only()
        if row.participant_count == 1:
            return plan_end(row, by=request.user, session=request.session)
        owner = row.owner
        if request.participant == owner:
            first_two = await list_participants(pool, row.id, 2)
            owner = next((p for p in first_two if p != owner), owner)
        return _plan_removal(row, owner, request)

    key = ResultKey(
        request.user, f"remove_participant {request.chat} {request.participant}", request.key
    )
    return _decode_done(await coordinator.change(key, make_plan, request.chat))


def _plan_removal(row: ChatRow, owner: str, request: RemoveParticipant) -> Plan:
    leaving = (request.participant,)
    event = ParticipantRemoved(
        chat=row.id, by=request.user, users=list(leaving), owner=owner, **UNSTAMPED
    )
    leave = Control(seq=0, action="leave", users=list(leaving))
    change = change_of(row, event, leave)._replace(owner=owner, leaving=leaving)
    return Plan(CHANGED, change, Memberships(request.session, remove=leaving))
