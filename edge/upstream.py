"""Calls to users and chats, one method each. Decides nothing."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from common.calls.calls import Calls
from common.protocol import chats as c
from common.protocol import direct as d
from common.protocol import files as f
from common.protocol import instance as i
from common.protocol import own
from common.protocol import push as p
from common.protocol import users as u
from common.protocol.ids import new_id

T = TypeVar("T")

# chats and users call each other within these calls, and wait while the other restarts.
MEMBERSHIP_TRY_SECONDS = 2.4


class Users:
    """Calls to users. Each raises Refusal: users' own, or unavailable."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def sign_up(self, request: u.SignUp) -> u.Grant:
        return await self._calls.call("sign_up", request, u.Grant, key=request.username.lower())

    async def log_in(self, username: str, password: str) -> u.Grant:
        request = u.LogIn(username=username, password=password)
        return await self._calls.call("log_in", request, u.Grant, key=username.lower())

    async def refresh(self, refresh_token: str) -> u.Grant:
        request = u.RefreshSession(refresh_token=refresh_token)
        return await self._calls.call("refresh", request, u.Grant, key=refresh_token)

    async def log_out(self, user: str, session: str) -> None:
        request = u.EndSession(user=user, session=session)
        await self._calls.call("log_out", request, u.Empty, key=user)

    async def end_other_sessions(self, user: str, keep: str | None) -> None:
        request = u.EndOtherSessions(user=user, keep=keep)
        await self._calls.call("end_other_sessions", request, u.Empty, key=user)

    async def list_sessions(self, user: str) -> u.SessionList:
        request = u.ListSessions(user=user)
        return await self._calls.call("list_sessions", request, u.SessionList, key=user)

    async def get_profile(self, user: str) -> u.Profile:
        return await self._calls.call("get_profile", u.GetProfile(user=user), u.Profile, key=user)

    async def change_profile(self, request: u.ChangeProfile) -> u.OwnAccount:
        return await self._calls.call("change_profile", request, u.OwnAccount, key=request.user)

    async def get_person(self, person: str) -> u.Person:
        request = u.GetPerson(person=person)
        return await self._calls.call("get_person", request, u.Person, key=person)

    async def list_people(self, people: list[str]) -> u.PeopleFound:
        request = u.ListPeople(people=people)
        return await self._calls.call("list_people", request, u.PeopleFound, key=people[0])

    async def search_people(self, prefix: str) -> u.PeopleFound:
        request = u.SearchPeople(prefix=prefix)
        return await self._calls.call("search_people", request, u.PeopleFound, key=prefix)

    async def get_push_key(self) -> str | None:
        return (await self._calls.call("get_push_key", u.Empty(), p.PushKey)).key

    async def save_push(self, request: p.SavePush) -> None:
        await self._calls.call(
            "save_push", request, u.Empty, key=request.user, try_timeout=MEMBERSHIP_TRY_SECONDS
        )

    async def drop_push(self, user: str, session: str) -> None:
        request = p.DropPush(user=user, session=session)
        await self._calls.call("drop_push", request, u.Empty, key=user)


class Administration:
    """Calls to users about the instance and its administration. Each raises Refusal."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def get_instance(self) -> i.Instance:
        return await self._calls.call("get_instance", u.Empty(), i.Instance)

    async def change_instance(self, request: i.ChangeInstance) -> i.Instance:
        return await self._calls.call("change_instance", request, i.Instance, key=request.caller)

    async def demand_role(self, caller: str, roles: Sequence[i.Role]) -> None:
        request = i.DemandRole(caller=caller, roles=list(roles))
        await self._calls.call("demand_role", request, u.Empty, key=caller)

    async def list_log(self, request: i.ListLog) -> i.LogPage:
        return await self._calls.call("list_log", request, i.LogPage, key=request.caller)

    async def list_users(self, request: i.ListUsers) -> i.UserPage:
        return await self._calls.call("list_users", request, i.UserPage, key=request.caller)

    async def change_user(self, request: i.ChangeUser) -> i.ManagedUser:
        return await self._calls.call("change_user", request, i.ManagedUser, key=request.user)

    async def create_reset(self, request: i.CreateReset) -> str:
        found = await self._calls.call("create_reset", request, i.Code, key=request.user)
        assert found.code is not None
        return found.code

    async def create_invitation(self, request: i.CreateInvitation) -> i.Invitation:
        return await self._calls.call(
            "create_invitation", request, i.Invitation, key=request.caller,
            try_timeout=MEMBERSHIP_TRY_SECONDS,
        )  # fmt: skip

    async def list_invitations(self, caller: str) -> list[i.Invitation]:
        request = i.ListInvitations(caller=caller)
        found = await self._calls.call("list_invitations", request, i.InvitationList, key=caller)
        return found.invitations

    async def revoke_invitation(self, caller: str, code: str) -> None:
        request = i.RevokeInvitation(caller=caller, code=code, key=new_id())
        await self._calls.call("revoke_invitation", request, u.Empty, key=code)

    async def take_invitation(self, request: i.TakeInvitation) -> str | None:
        """The chat that the caller is in now."""
        taken = await self._calls.call(
            "take_invitation", request, i.Taken, key=request.code,
            try_timeout=MEMBERSHIP_TRY_SECONDS,
        )  # fmt: skip
        return taken.chat

    async def delete_user(self, request: i.DeleteUser) -> None:
        await self._calls.call("delete_user", request, u.Empty, key=request.user)

    async def delete_own_account(self, request: i.DeleteOwnAccount) -> None:
        await self._calls.call("delete_own_account", request, u.Empty, key=request.caller)

    async def use_reset(self, request: i.UseReset) -> None:
        await self._calls.call("use_reset", request, u.Empty)


class Chats:
    """Calls to chats, apart from sends. Each raises Refusal. Pages are returned as the bytes that
    chats encoded, and sent to clients unchanged."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def create_chat(self, request: c.CreateChat) -> c.Chat:
        # by key, so that a repeat reaches the replica that may still be processing it
        return await self._change("create_chat", request, c.Chat, key=request.key)

    async def open_direct_chat(self, request: d.OpenDirectChat) -> d.DirectChat:
        # by pair, so that concurrent calls reach one replica
        pair = " ".join(sorted((request.user, request.other)))
        return await self._change("open_direct_chat", request, d.DirectChat, key=pair)

    async def rename_chat(self, request: c.RenameChat) -> None:
        await self._calls.call("rename_chat", request, c.Done, key=request.chat)

    async def delete_chat(self, request: c.DeleteChat) -> None:
        await self._change("delete_chat", request, c.Done, key=request.chat)

    async def add_participants(self, request: c.AddParticipants) -> bool:
        """Whether any participant was added."""
        done = await self._change("add_participants", request, c.Done, key=request.chat)
        return done.changed

    async def remove_participant(self, request: c.RemoveParticipant) -> None:
        await self._change("remove_participant", request, c.Done, key=request.chat)

    async def _change(self, name: str, request: msgspec.Struct, answer: type[T], *, key: str) -> T:
        return await self._calls.call(
            name, request, answer, key=key, try_timeout=MEMBERSHIP_TRY_SECONDS
        )

    async def get_chat(self, user: str, chat: str) -> c.Chat:
        return await self._calls.call("get_chat", c.GetChat(user=user, chat=chat), c.Chat, key=chat)

    async def list_chats(self, request: c.ListChats) -> bytes:
        return await self._calls.fetch("list_chats", request, key=request.user)

    async def move_marker(self, request: own.MoveMarker) -> int:
        """The position of the marker afterwards."""
        marker = await self._calls.call(
            "move_marker", request, own.Marker, key=own.own_key(request.user)
        )
        return marker.read

    async def change_mine(self, request: own.ChangeMine) -> own.Mine:
        return await self._calls.call(
            "change_mine", request, own.Mine, key=own.own_key(request.user)
        )

    async def get_message(self, user: str, chat: str, message: str) -> c.OneMessage:
        request = c.GetMessage(user=user, chat=chat, message_id=message)
        return await self._calls.call("get_message", request, c.OneMessage, key=chat)

    async def get_messages(
        self, user: str, chat: str, before: int | None, limit: int, after: int | None = None
    ) -> bytes:
        request = c.GetMessages(user=user, chat=chat, before=before, limit=limit, after=after)
        return await self._calls.fetch("get_messages", request, key=chat)

    async def get_events(self, user: str, chat: str, after: int, limit: int) -> bytes:
        request = c.GetEvents(user=user, chat=chat, after=after, limit=limit)
        return await self._calls.fetch("get_events", request, key=chat)

    async def find_files(self, request: f.FindFiles) -> f.FilesFound:
        return await self._calls.call("find_files", request, f.FilesFound, key=request.chat)

    async def delete_file(self, request: f.DeleteFile) -> None:
        await self._calls.call("delete_file", request, c.Done, key=request.chat)

    async def search(self, request: c.SearchRequest) -> bytes:
        return await self._calls.fetch("search", request, key=request.user)
