"""Finishes transactions that stayed prepared: asks chats for the decision and applies it.

Runs in every replica; several may resolve the same transaction, which is harmless. Decides nothing:
asking makes chats decide.
"""

import asyncio
from contextlib import closing
from functools import partial

from prometheus_client import Gauge

from common.calls.calls import Calls
from common.calls.replicas import Replicas, watch_replicas
from common.database.failures import DatabaseUnavailable
from common.database.pool import Pool, create_pool
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.service import open_http
from common.protocol.chats import DecisionAnswer, DecisionRequest, ForgetDecisions
from common.protocol.errors import Refusal
from common.protocol.users import Empty
from common.valkey.valkey import Valkey
from users.background import ROUND_SECONDS, repeated
from users.settings import Settings
from users.store.memberships import finish_prepared, list_in_doubt

IN_DOUBT_AFTER_SECONDS = 3.0
ANSWER_TIMEOUT_SECONDS = 2.0

IN_DOUBT = Gauge("hubbub_users_in_doubt_transactions", "Transactions prepared for over 3 s")
OLDEST = Gauge("hubbub_users_oldest_prepared_seconds", "Age of the oldest prepared transaction")


async def resolve_in_doubt(
    pool: Pool, chats: Calls, *, after_seconds: float = IN_DOUBT_AFTER_SECONDS
) -> int:
    """One round; returns how many were finished.

    Raises Refusal `unavailable` while no chats replica answers, and DatabaseUnavailable; the rest
    then waits for the next round.
    """
    prepared = await list_in_doubt(pool)
    in_doubt = [row for row in prepared if row.age_seconds >= after_seconds]
    IN_DOUBT.set(len(in_doubt))
    OLDEST.set(prepared[0].age_seconds if prepared else 0)
    for transaction, age_seconds in in_doubt:
        answer = await chats.call(
            "decide",
            DecisionRequest(transaction=transaction),
            DecisionAnswer,
            key=transaction,
            timeout=ANSWER_TIMEOUT_SECONDS,
        )
        await finish_prepared(pool, transaction, commit=answer.decision == "commit")
        log("resolved", transaction=transaction, decision=answer.decision, age=age_seconds)
        if answer.decision == "commit":
            await chats.call(
                "forget",
                ForgetDecisions(transactions=[transaction]),
                Empty,
                key=transaction,
                timeout=ANSWER_TIMEOUT_SECONDS,
            )
    return len(in_doubt)


async def keep_resolving(pool: Pool, chats: Calls, rest: Rest = NEVER) -> None:
    """A round every second, until cancelled."""
    resolve = partial(resolve_in_doubt, pool, chats)
    survives = (Refusal, DatabaseUnavailable)
    await repeated("resolve", ROUND_SECONDS, resolve, survives=survives, rest=rest)


async def keep_resolving_at_start(settings: Settings) -> None:
    """The same while migrations are applied, until cancelled: they wait for the locks of prepared
    transactions, and if every replica restarts nobody else finishes those."""
    await asyncio.sleep(IN_DOUBT_AFTER_SECONDS)  # most startups are over by then
    common = settings.service
    chats = Replicas("chats", common.chats_seeds)
    with (
        closing(Valkey(common.valkey_url, common.topic_prefix)) as valkey,
        closing(open_http(common)) as http,
    ):
        async with create_pool(settings.database_url, size=1) as pool:
            await asyncio.gather(
                watch_replicas(valkey, chats), keep_resolving(pool, Calls(http, chats))
            )
