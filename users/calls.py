"""The calls of docs/internals.md, a line each; what they do is elsewhere."""

from typing import Any

from common.calls.service import Call
from common.protocol import instance as i
from common.protocol import push as p
from common.protocol import users as u
from common.protocol.avatars import AvatarIds, AvatarSet, SetAvatar
from common.protocol.users import Empty
from users.accounts import Accounts
from users.administration import Administration
from users.avatars import Avatars
from users.deletions import Deletions
from users.instance import InstanceCalls
from users.invitations import Invitations
from users.memberships import Memberships
from users.people import People
from users.push import Push
from users.sessions import Sessions
from users.signing import SigningKeys


def create_calls(
    accounts: Accounts,
    people: People,
    avatars: Avatars,
    sessions: Sessions,
    memberships: Memberships,
    instance: InstanceCalls,
    administration: Administration,
    invitations: Invitations,
    deletions: Deletions,
    keys: SigningKeys,
    push: Push,
) -> list[Call[Any, Any]]:
    """Everything that users answers."""

    async def keys_published(_: Empty) -> u.KeySet:
        return u.KeySet(keys=keys.published())

    return [
        Call("sign_up", "edge", u.SignUp, u.Grant, accounts.sign_up),
        Call("log_in", "edge", u.LogIn, u.Grant, accounts.log_in),
        Call("get_profile", "edge", u.GetProfile, u.Profile, accounts.get_profile),
        Call("change_profile", "edge", u.ChangeProfile, u.OwnAccount, accounts.change_profile),
        Call("get_person", "edge", u.GetPerson, u.Person, people.get_person),
        Call("list_people", "edge", u.ListPeople, u.PeopleFound, people.list_people),
        Call("search_people", "edge", u.SearchPeople, u.PeopleFound, people.search_people),
        Call("refresh", "edge", u.RefreshSession, u.Grant, sessions.refresh),
        Call("log_out", "edge", u.EndSession, Empty, sessions.log_out),
        Call("end_other_sessions", "edge", u.EndOtherSessions, Empty, sessions.end_other_sessions),
        Call("list_sessions", "edge", u.ListSessions, u.SessionList, sessions.list_sessions),
        Call("tokens_used", "edge realtime files", u.TokensUsed, Empty, sessions.tokens_used),
        Call(
            "revocations", "edge realtime files", u.RevocationsRequest, u.Revocations,
            sessions.revocations, round=True,
        ),
        Call("keys", "edge realtime files", Empty, u.KeySet, keys_published, round=True),
        Call("set_avatar", "files", SetAvatar, AvatarSet, avatars.set_avatar),
        Call("known_avatars", "files", AvatarIds, AvatarIds, avatars.known_avatars, round=True),
        Call("prepare", "chats", u.PrepareMemberships, Empty, memberships.prepare),
        Call("finish", "chats", u.FinishMemberships, Empty, memberships.finish),
        Call("get_instance", "edge", Empty, i.Instance, instance.get_instance),
        Call("change_instance", "edge", i.ChangeInstance, i.Instance, instance.change_instance),
        Call("demand_role", "edge", i.DemandRole, Empty, instance.demand_role),
        Call("list_log", "edge", i.ListLog, i.LogPage, instance.list_log),
        Call("make_owner_code", "fleet", Empty, i.Code, instance.make_owner_code),
        Call("make_owner", "fleet", i.MakeOwner, u.Account, instance.make_owner),
        Call("list_users", "edge", i.ListUsers, i.UserPage, administration.list_users),
        Call("count_users", "edge", Empty, i.UsersCounted, administration.count_users),
        Call("change_user", "edge", i.ChangeUser, i.ManagedUser, administration.change_user),
        Call("create_reset", "edge", i.CreateReset, i.Code, administration.create_reset),
        Call(
            "create_invitation", "edge", i.CreateInvitation, i.Invitation,
            invitations.create_invitation,
        ),
        Call(
            "list_invitations", "edge", i.ListInvitations, i.InvitationList,
            invitations.list_invitations,
        ),
        Call("revoke_invitation", "edge", i.RevokeInvitation, Empty, invitations.revoke_invitation),
        Call("take_invitation", "edge", i.TakeInvitation, i.Taken, invitations.take_invitation),
        Call("delete_user", "edge", i.DeleteUser, Empty, deletions.delete_user),
        Call("delete_own_account", "edge", i.DeleteOwnAccount, Empty, deletions.delete_own),
        Call("use_reset", "edge", i.UseReset, Empty, administration.use_reset),
        Call("get_push_key", "edge", Empty, p.PushKey, push.get_key),
        Call("save_push", "edge", p.SavePush, Empty, push.save),
        Call("drop_push", "edge", p.DropPush, Empty, push.drop),
        Call("offer_pushes", "chats", p.OfferPushes, p.PushesOffered, push.offer),
        Call("claim_pushes", "files", p.ClaimPushes, p.PushesClaimed, push.claim, round=True),
        Call("settle_pushes", "files", p.SettlePushes, Empty, push.settle),
    ]  # fmt: skip
