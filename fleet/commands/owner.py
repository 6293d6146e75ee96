"""The first owner of an instance: by a link shown only to the operator who started it, or by
name."""

from contextlib import closing
from typing import TypeVar

import msgspec

from common.calls.callers import Caller
from common.calls.calls import Calls
from common.calls.http_client import HttpClient
from common.calls.replicas import Replicas
from common.protocol.errors import Refusal
from common.protocol.instance import Code, MakeOwner
from common.protocol.users import Account, Empty
from fleet.control import Reply

T = TypeVar("T")


class UsersCaller:
    """Calls the users service running here with the fleet's own key."""

    def __init__(self, address: str, service_key: str) -> None:
        self._address = address
        self._service_key = service_key

    async def make_owner_code(self) -> str | None:
        """The link with which the first owner signs up; None once there is an owner, or while users
        does not answer."""
        try:
            return (await self._call("make_owner_code", Empty(), Code)).code
        except Refusal:
            return None

    async def make_owner(self, username: str) -> Reply:
        """The text for the operator."""
        try:
            account = await self._call("make_owner", MakeOwner(username=username), Account)
        except Refusal as refusal:
            if refusal.code == "not_found":
                return Reply(False, f"There is no account with the name {username!r}.")
            return Reply(False, "The users service does not answer. Try again soon.")
        return Reply(True, f"{account.username} is an owner of this instance now.")

    async def _call(self, name: str, request: msgspec.Struct, answer: type[T]) -> T:
        with closing(HttpClient(Caller("fleet", self._service_key))) as http:
            calls = Calls(http, Replicas("users", (self._address,)))
            return await calls.call(name, request, answer)
