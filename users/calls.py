"""The calls of docs/internals.md, one line each; other modules implement them."""

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
        Call("sign_up", "edge", "key", u.SignUp, u.Grant, accounts.sign_up),
        Call("log_in", "edge", "anew", u.LogIn, u.Grant, accounts.log_in),
        Call("get_profile", "edge", "reads", u.GetProfile, u.Profile, accounts.get_profile),
        Call(
            "change_profile", "edge", "key", u.ChangeProfile, u.OwnAccount, accounts.change_profile,
        ),
        Call("get_person", "edge", "reads", u.GetPerson, u.Person, people.get_person),
        Call("list_people", "edge", "reads", u.ListPeople, u.PeopleFound, people.list_people),
        Call("search_people", "edge", "reads", u.SearchPeople, u.PeopleFound, people.search_people),
        Call("refresh", "edge", "anew", u.RefreshSession, u.Grant, sessions.refresh),
        Call("log_out", "edge", "state", u.EndSession, Empty, sessions.log_out),
        Call(
            "end_other_sessions", "edge", "state", u.EndOtherSessions, Empty,
            sessions.end_other_sessions,
        ),
        Call(
            "list_sessions", "edge", "reads", u.ListSessions, u.SessionList, sessions.list_sessions,
        ),
        Call(
            "tokens_used", "edge realtime files", "state", u.TokensUsed, Empty,
            sessions.tokens_used,
        ),
        Call(
            "revocations", "edge realtime files", "reads", u.RevocationsRequest, u.Revocations,
            sessions.revocations, round=True,
        ),
        Call("keys", "edge realtime files", "reads", Empty, u.KeySet, keys_published, round=True),
        Call("set_avatar", "files", "state", SetAvatar, AvatarSet, avatars.set_avatar),
        Call(
            "known_avatars", "files", "reads", AvatarIds, AvatarIds, avatars.known_avatars,
            round=True,
        ),
        Call("prepare", "chats", "key", u.PrepareMemberships, Empty, memberships.prepare),
        Call("finish", "chats", "state", u.FinishMemberships, Empty, memberships.finish),
        Call("get_instance", "edge", "reads", Empty, i.Instance, instance.get_instance),
        Call(
            "change_instance", "edge", "state", i.ChangeInstance, i.Instance,
            instance.change_instance,
        ),
        Call("demand_role", "edge", "reads", i.DemandRole, Empty, instance.demand_role),
        Call("list_log", "edge", "reads", i.ListLog, i.LogPage, instance.list_log),
        Call("make_owner_code", "fleet", "anew", Empty, i.Code, instance.make_owner_code),
        Call("make_owner", "fleet", "state", i.MakeOwner, u.Account, instance.make_owner),
        Call("list_users", "edge", "reads", i.ListUsers, i.UserPage, administration.list_users),
        Call("count_users", "edge", "reads", Empty, i.UsersCounted, administration.count_users),
        Call("change_user", "edge", "key", i.ChangeUser, i.ManagedUser, administration.change_user),
        Call("create_reset", "edge", "key", i.CreateReset, i.Code, administration.create_reset),
        Call(
            "create_invitation", "edge", "key", i.CreateInvitation, i.Invitation,
            invitations.create_invitation,
        ),
        Call(
            "list_invitations", "edge", "reads", i.ListInvitations, i.InvitationList,
            invitations.list_invitations,
        ),
        Call(
            "revoke_invitation", "edge", "key", i.RevokeInvitation, Empty,
            invitations.revoke_invitation,
        ),
        Call(
            "take_invitation", "edge", "key", i.TakeInvitation, i.Taken,
            invitations.take_invitation,
        ),
        Call("delete_user", "edge", "key", i.DeleteUser, Empty, deletions.delete_user),
        Call("delete_own_account", "edge", "key", i.DeleteOwnAccount, Empty, deletions.delete_own),
        Call("use_reset", "edge", "key", i.UseReset, Empty, administration.use_reset),
        Call("get_push_key", "edge", "state", Empty, p.PushKey, push.get_key),
        Call("save_push", "edge", "state", p.SavePush, Empty, push.save),
        Call("drop_push", "edge", "state", p.DropPush, Empty, push.drop),
        Call("offer_pushes", "chats", "state", p.OfferPushes, p.PushesOffered, push.offer),
        Call(
            "claim_pushes", "files", "anew", p.ClaimPushes, p.PushesClaimed, push.claim, round=True,
        ),
        Call("settle_pushes", "files", "state", p.SettlePushes, Empty, push.settle),
    ]  # fmt: skip
