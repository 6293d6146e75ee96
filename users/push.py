"""Browsers that want notifications while their page is closed, and the pushes that wait for them.

A subscription belongs to a session and ends with it. chats offers messages, files fetches the
pushes that are due and reports the outcome. No text of a message is ever here.
"""

from typing import Final
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge

from common.calls.calls import Calls
from common.database.failures import retry_busy
from common.database.pool import Pool
from common.process.variables import WEB_PORTS
from common.protocol.chats import Done
from common.protocol.errors import Refusal, invalid
from common.protocol.push import (
    AddPushReader,
    ClaimedPush,
    ClaimPushes,
    DropPush,
    OfferPushes,
    PushesClaimed,
    PushesOffered,
    PushMode,
    SavePush,
    SettlePushes,
    wrong_with_endpoint,
)
from common.protocol.push import PushKey as PublicKey
from common.protocol.users import Empty
from users.roles import unauthenticated
from users.store import push as store
from users.vapid import PushKey

CLAIM_SECONDS: Final = 60.0  # when another process of files may take over the work of one that died
OFFERED: Final = Counter("hubbub_users_push_offered", "Pushes that wait for a subscription")
WAITING: Final = Gauge("hubbub_users_push_waiting", "Pushes that are not delivered yet")
LATE: Final = Gauge("hubbub_users_push_late_seconds", "For how long the oldest push has been due")


class Push:
    """The calls about push. `mode` is the operator's setting."""

    def __init__(self, pool: Pool, key: PushKey, chats: Calls, mode: PushMode) -> None:
        self._pool = pool
        self._key = key
        self._chats = chats
        self._mode = mode

    async def get_key(self, _: Empty) -> PublicKey:
        return PublicKey(key=None if self._mode == "off" else await self._key.public())

    async def save(self, request: SavePush) -> Empty:
        """May be repeated. Raises Refusal: `not_found` if push is off, `invalid_request`,
        `unauthenticated`, `unavailable`."""
        if self._mode == "off":
            raise Refusal("not_found", "Push notifications are switched off here.")
        if (wrong := wrong_with_endpoint(request.endpoint, self._mode)) is not None:
            raise invalid("endpoint", wrong)
        if not await retry_busy(lambda: store.save_subscription(self._pool, request)):
            raise unauthenticated()
        # After the commit: then chats never forgets a user whom it could still find here.
        await self._chats.call("add_push_reader", AddPushReader(user=request.user), Done)
        return Empty()

    async def drop(self, request: DropPush) -> Empty:
        """May be repeated."""
        await store.drop_subscription(self._pool, request.user, request.session)
        return Empty()

    async def offer(self, request: OfferPushes) -> PushesOffered:
        if self._mode == "off":
            return PushesOffered(unknown=[])
        people = list(dict.fromkeys(offer.user for offer in request.offers))
        unknown = await store.list_unsubscribed(self._pool, people)
        OFFERED.inc(await retry_busy(lambda: store.keep_offers(self._pool, request.offers)))
        return PushesOffered(unknown=unknown)

    async def claim(self, request: ClaimPushes) -> PushesClaimed:
        rows = await store.claim_pushes(self._pool, request.limit, CLAIM_SECONDS)
        waiting, late = await store.measure_pushes(self._pool)
        WAITING.set(waiting)
        LATE.set(late)
        return PushesClaimed(
            pushes=[
                ClaimedPush(
                    **row._asdict(),
                    authorization=await self._key.authorization(
                        _origin(row.endpoint), request.contact
                    ),
                )
                for row in rows
            ]
        )

    async def settle(self, request: SettlePushes) -> Empty:
        await retry_busy(lambda: store.settle_pushes(self._pool, request.outcomes))
        return Empty()


def _origin(endpoint: str) -> str:
    """The origin as push services compare it (RFC 6454, section 6.2): in lower case and without the
    default port."""
    parts = urlsplit(endpoint)
    port = "" if parts.port in (None, WEB_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"
