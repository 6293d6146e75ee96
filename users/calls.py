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
        Call("sign_up", u.SignUp, u.Grant, accounts.sign_up),
        Call("log_in", u.LogIn, u.Grant, accounts.log_in),
        Call("get_profile", u.GetProfile, u.Profile, accounts.get_profile),
        Call("change_profile", u.ChangeProfile, u.OwnAccount, accounts.change_profile),
        Call("get_person", u.GetPerson, u.Person, people.get_person),
        Call("list_people", u.ListPeople, u.PeopleFound, people.list_people),
        Call("search_people", u.SearchPeople, u.PeopleFound, people.search_people),
        Call("refresh", u.RefreshSession, u.Grant, sessions.refresh),
        Call("log_out", u.EndSession, Empty, sessions.log_out),
        Call("end_other_sessions", u.EndOtherSessions, Empty, sessions.end_other_sessions),
        Call("list_sessions", u.ListSessions, u.SessionList, sessions.list_sessions),
        Call("tokens_used", u.TokensUsed, Empty, sessions.tokens_used),
        Call("revocations", u.RevocationsRequest, u.Revocations, sessions.revocations),
        Call("keys", Empty, u.KeySet, keys_published),
        Call("set_avatar", SetAvatar, AvatarSet, avatars.set_avatar),
        Call("known_avatars", AvatarIds, AvatarIds, avatars.known_avatars),
        Call("prepare", u.PrepareMemberships, Empty, memberships.prepare),
        Call("finish", u.FinishMemberships, Empty, memberships.finish),
        Call("get_instance", Empty, i.Instance, instance.get_instance),
        Call("change_instance", i.ChangeInstance, i.Instance, instance.change_instance),
        Call("demand_role", i.DemandRole, Empty, instance.demand_role),
        Call("list_log", i.ListLog, i.LogPage, instance.list_log),
        Call("make_owner_code", Empty, i.Code, instance.make_owner_code),
        Call("make_owner", i.MakeOwner, u.Account, instance.make_owner),
        Call("list_users", i.ListUsers, i.UserPage, administration.list_users),
        Call("count_users", Empty, i.UsersCounted, administration.count_users),
        Call("change_user", i.ChangeUser, i.ManagedUser, administration.change_user),
        Call("create_reset", i.CreateReset, i.Code, administration.create_reset),
        Call("create_invitation", i.CreateInvitation, i.Invitation, invitations.create_invitation),
        Call("list_invitations", i.ListInvitations, i.InvitationList, invitations.list_invitations),
        Call("revoke_invitation", i.RevokeInvitation, Empty, invitations.revoke_invitation),
        Call("take_invitation", i.TakeInvitation, i.Taken, invitations.take_invitation),
        Call("delete_user", i.DeleteUser, Empty, deletions.delete_user),
        Call("delete_own_account", i.DeleteOwnAccount, Empty, deletions.delete_own),
        Call("use_reset", i.UseReset, Empty, administration.use_reset),
        Call("get_push_key", Empty, p.PushKey, push.get_key),
        Call("save_push", p.SavePush, Empty, push.save),
        Call("drop_push", p.DropPush, Empty, push.drop),
        Call("offer_pushes", p.OfferPushes, p.PushesOffered, push.offer),
        Call("claim_pushes", p.ClaimPushes, p.PushesClaimed, push.claim),
        Call("settle_pushes", p.SettlePushes, Empty, push.settle),
    ]
