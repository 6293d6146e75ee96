"""Web Push: a browser subscribes to notifications while its page is closed."""

from typing import Annotated

from msgspec import Meta

from common.identity.tokens import Claims
from common.protocol.push import (
    BROWSER_AUTH_PATTERN,
    BROWSER_KEY_PATTERN,
    MAX_ENDPOINT_CHARACTERS,
    PushLevel,
    SavePush,
)
from common.protocol.wire import Wire
from edge.bodies import AnswerBody, RequestBody
from edge.limits import Limits
from edge.operation import delete, get, put
from edge.upstream import Users


class PushKeyAnswer(AnswerBody):
    """`publicKey`, base64url, is the `applicationServerKey` of a subscription; null if this
    instance sends no notifications."""

    public_key: str | None


class BrowserKeys(Wire):
    p256dh: Annotated[
        str,
        Meta(
            pattern=BROWSER_KEY_PATTERN,
            description="The browser's public key, base64url.",
            examples=[
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNt"
                "oIAiw4"
            ],
        ),
    ]
    auth: Annotated[
        str,
        Meta(
            pattern=BROWSER_AUTH_PATTERN,
            description="Its authentication secret, base64url.",
            examples=["BTBZMqHH6r4Tts7J_aSIgg"],
        ),
    ]


class PushBody(RequestBody):
    """A `PushSubscription` as browsers write it, with what its user wants notifications about:
    `all`, or mentions and direct chats."""

    endpoint: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_ENDPOINT_CHARACTERS,
            description="https, on port 443 of a host with a public name.",
            examples=["https://push.example.org/send/8sVyuqAA"],
        ),
    ]
    keys: BrowserKeys
    level: PushLevel = "all"
    silent: Annotated[bool, Meta(description="The system plays no sound.")] = False


class PushRoutes:
    """/api/user/me/push."""

    def __init__(self, users: Users) -> None:
        self._users = users

    @get(
        "/api/user/me/push",
        "The key by which push services know this instance",
        {200: PushKeyAnswer},
    )
    async def get_key(self, caller: Claims) -> PushKeyAnswer:
        return PushKeyAnswer(public_key=await self._users.get_push_key())

    @put(
        "/api/user/me/push",
        "Be told of new messages while the page is closed",
        {200: "Push subscription saved successfully"},
        rate=Limits.take_change,
        refusals=("not_found",),
    )
    async def save(self, caller: Claims, body: PushBody) -> None:
        await self._users.save_push(
            SavePush(
                user=caller.user,
                session=caller.session,
                endpoint=body.endpoint,
                p256dh=body.keys.p256dh,
                auth=body.keys.auth,
                level=body.level,
                silent=body.silent,
            )
        )

    @delete(
        "/api/user/me/push",
        "Be told no more",
        {200: "Push subscription removed successfully"},
    )
    async def drop(self, caller: Claims) -> None:
        await self._users.drop_push(caller.user, caller.session)
