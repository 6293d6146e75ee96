"""The instance: its settings, and the audit log for owners and admins."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from common.identity.tokens import Claims
from common.protocol.fields import MAX_INSTANCE_NAME_CHARACTERS, wrong_with_instance_name
from common.protocol.instance import ChangeInstance, Instance, ListLog, LogPage, SignUpMode
from common.protocol.wire import Id
from edge.bodies import AnswerBody, Query, RequestBody, Wrongs, or_none
from edge.operation import Who, get, patch
from edge.upstream import Administration


class InstanceBody(RequestBody):
    """At least one of the two."""

    name: (
        Annotated[
            str,
            Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_INSTANCE_NAME_CHARACTERS}),
        ]
        | UnsetType
    ) = UNSET
    signup: SignUpMode | UnsetType = UNSET

    def wrong_fields(self) -> Wrongs:
        if self.name is UNSET:
            return {"name": "is missing, and so is signup" if self.signup is UNSET else None}
        return {"name": wrong_with_instance_name(self.name)}


class InstanceChangedAnswer(AnswerBody):
    instance: Instance
    message: Literal["Instance updated successfully"] = "Instance updated successfully"


class LogQuery(Query):
    before: (
        Annotated[Id, Meta(description="The id of the last entry of the page before.")] | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=200, description="How many at most.")] = 100


class InstanceRoutes:
    """/api/instance, and the parts that only owners and admins see."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    @get("/api/instance", "The instance: its name and sign-up mode", {200: Instance},
         who=Who.EVERYBODY)  # fmt: skip
    async def get_instance(self) -> Instance:
        return await self._administration.get_instance()

    @patch(
        "/api/admin/instance",
        "Change the instance's name or sign-up mode",
        {200: InstanceChangedAnswer},
        who=Who.OWNERS,
    )
    async def change_instance(self, caller: Claims, body: InstanceBody) -> InstanceChangedAnswer:
        instance = await self._administration.change_instance(
            ChangeInstance(
                caller=caller.user,
                name=or_none(body.name),
                signup=or_none(body.signup),
            )
        )
        return InstanceChangedAnswer(instance=instance)

    @get("/api/admin/log", "The audit log, newest first", {200: LogPage}, who=Who.ADMINS)
    async def list_log(self, caller: Claims, query: LogQuery) -> LogPage:
        return await self._administration.list_log(
            ListLog(caller=caller.user, before=query.before, limit=query.limit)
        )
