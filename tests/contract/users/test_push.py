"""Subscriptions for push notifications, and what is pending for them, as stored by users."""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any, cast

import jwt
import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from common.calls.calls import Calls
from common.database.failures import DatabaseBusy
from common.database.pool import Pool, begin, create_pool
from common.identity.wrapping import Wrapping
from common.protocol.errors import Refusal
from common.protocol.ids import new_id
from common.protocol.push import (
    ClaimPushes,
    OfferPushes,
    OlderPush,
    PushOffer,
    PushOutcome,
    SavePush,
    SettlePushes,
)
from common.protocol.users import Empty
from tests.fixtures.servers import PostgresServer
from users.push import Push
from users.signing import SigningKeysError
from users.store import push as store
from users.store.sessions import revoke_sessions_of
from users.vapid import PushKey

WRAPPING = Wrapping("what wraps the keys of tests")
NO_CHATS = cast("Calls", None)  # for calls that ask nothing of chats


@pytest_asyncio.fixture
async def pool(postgres: PostgresServer) -> AsyncIterator[Pool]:
    url = postgres.make_database("users")
    async with create_pool(url, size=3, min_size=1) as pool:
        yield pool
    postgres.drop_database(url)


async def make_user(pool: Pool) -> str:
    user = new_id()
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO users (id, username, email) VALUES (%s, %s, %s)",
            (user, user[-12:], f"{user}@example.org"),
        )
    return user


async def subscribe(pool: Pool, user: str, **more: Any) -> SavePush:
    """With a separate session."""
    session = new_id()
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO sessions (id, user_id, expires_at)"
            " VALUES (%s, %s, now() + interval '1 day')",
            (session, user),
        )
    usual = {"endpoint": f"https://push.example.org/{session}", "level": "all", "silent": False}
    wanted = SavePush(user=user, session=session, p256dh="x", auth="y", **{**usual, **more})
    assert await store.save_subscription(pool, wanted)
    return wanted


async def offer(pool: Pool, user: str, chat: str, seq: int, *, personal: bool = False) -> int:
    one = PushOffer(user=user, chat=chat, first=seq, seq=seq, by=user, personal=personal)
    return await store.keep_offers(pool, [one])


async def claim(pool: Pool) -> list[tuple[str, int]]:
    """Session and seq of everything pending, due or not."""
    return [(row.session, row.seq) for row in await claim_rows(pool)]


async def claim_rows(pool: Pool) -> list[store.ClaimedRow]:
    """Everything pending, due or not."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE pushes SET due_at = '-infinity' WHERE due_at < 'infinity'")
    return await store.claim_pushes(pool, 100, 60.0)


def done(wanted: SavePush, chat: str, seq: int) -> PushOutcome:
    return PushOutcome(
        session=wanted.session, chat=chat, seq=seq, endpoint=wanted.endpoint, outcome="done"
    )


async def test_a_message_is_told_once(pool: Pool) -> None:
    """A repeated offer is ignored, and for each chat only the newest message counts."""
    ann, chat = await make_user(pool), new_id()
    one = await subscribe(pool, ann)
    assert [await offer(pool, ann, chat, seq) for seq in (7, 7, 6, 8)] == [1, 0, 0, 1]
    assert await claim(pool) == [(one.session, 8)]
    await offer(pool, ann, chat, 9)  # while 8 is being sent
    await store.settle_pushes(pool, [done(one, chat, 8)])
    assert await claim(pool) == [(one.session, 9)]
    await store.settle_pushes(pool, [done(one, chat, 9)])
    assert [await offer(pool, ann, chat, seq) for seq in (8, 9)] == [0, 0]
    assert await claim(pool) == []


async def test_an_older_message_takes_the_place_of_a_newer_one(pool: Pool) -> None:
    """With its own sender; a message that was sent before never does, nor does one if a newer one
    has come."""
    ann, ben, chat = await make_user(pool), await make_user(pool), new_id()
    one = await subscribe(pool, ann)
    for seq in (7, 8):
        await offer(pool, ann, chat, seq)
    older = OlderPush(seq=7, by=ben)
    instead = msgspec.structs.replace(done(one, chat, 8), outcome="older", older=older)
    (claimed,) = await claim_rows(pool)
    assert (claimed.first, claimed.seq) == (7, 8)
    await store.settle_pushes(pool, [instead])
    (claimed,) = await claim_rows(pool)
    assert (claimed.first, claimed.seq, claimed.sender) == (7, 7, ben[-12:])
    await offer(pool, ann, chat, 9)
    await store.settle_pushes(pool, [instead])
    await store.settle_pushes(pool, [done(one, chat, 7)])
    (claimed,) = await claim_rows(pool)
    assert (claimed.first, claimed.seq) == (8, 9)
    await store.settle_pushes(pool, [done(one, chat, 9)])
    await offer(pool, ann, chat, 10)
    (claimed,) = await claim_rows(pool)
    assert claimed.first == 10


async def test_each_browser_hears_what_it_wants(pool: Pool) -> None:
    """Everything, or only what is personal; a user without any subscription is reported."""
    ann, ben, chat = await make_user(pool), await make_user(pool), new_id()
    usual, calm = await subscribe(pool, ann), await subscribe(pool, ann, level="mentions")
    offers = [
        PushOffer(user=ann, chat=chat, first=5, seq=seq, by=ben, personal=seq == 5)
        for seq in (5, 6)
    ]
    await store.keep_offers(pool, offers)
    assert sorted(await claim(pool)) == sorted([(usual.session, 6), (calm.session, 5)])
    assert await store.list_unsubscribed(pool, [ann, ben]) == [ben]


async def test_a_browser_that_cannot_be_reached_uses_up_no_other_s_room(pool: Pool) -> None:
    """Fifty pushes wait for it at most, at the price of its own further ones."""
    ann, chats = await make_user(pool), [new_id() for _ in range(51)]
    one = await subscribe(pool, ann)
    assert [await offer(pool, ann, chat, 1) for chat in chats] == [1] * 50 + [0]
    assert await offer(pool, ann, chats[0], 2) == 1  # instead of the one that waits
    other = await subscribe(pool, ann)
    assert await offer(pool, ann, chats[50], 2) == 1
    assert (other.session, 2) in await claim(pool)
    await store.settle_pushes(pool, [done(one, chats[0], 2)])
    assert await offer(pool, ann, chats[50], 3) == 2


async def test_a_session_that_has_ended_takes_no_browser_from_another(pool: Pool) -> None:
    """Its request to save it may arrive late."""
    ann = await make_user(pool)
    former = await subscribe(pool, ann)
    async with begin(pool) as connection:
        await revoke_sessions_of(connection, ann, None)
    current = await subscribe(pool, ann, endpoint=former.endpoint)
    assert not await store.save_subscription(pool, former)
    assert await offer(pool, ann, new_id(), 1) == 1
    assert await claim(pool) == [(current.session, 1)]


async def test_a_subscription_ends_with_its_session(pool: Pool) -> None:
    """What is pending for it is deleted too; a browser's next session takes over its address."""
    ann, ben = await make_user(pool), await make_user(pool)
    one = await subscribe(pool, ann)
    await offer(pool, ann, new_id(), 3)
    async with pool.connection() as connection:
        await revoke_sessions_of(connection, ann, keep=None)
    assert await claim(pool) == []
    assert not await store.save_subscription(pool, one)
    first = await subscribe(pool, ann)
    other = await subscribe(pool, ben, endpoint=first.endpoint)
    assert await store.list_unsubscribed(pool, [ann, ben]) == [ann]
    await store.drop_subscription(pool, ann, other.session)  # another user's
    assert await store.list_unsubscribed(pool, [ben]) == []


async def test_sessions_that_save_one_browser_at_once_take_turns(pool: Pool) -> None:
    """One of the sessions has it afterwards, and no call fails."""
    ann = await make_user(pool)
    sessions = [await subscribe(pool, ann) for _ in range(3)]
    for number in range(5):
        endpoint = f"https://push.example.org/{number}"
        wanted = [msgspec.structs.replace(one, endpoint=endpoint) for one in sessions]
        assert all(await asyncio.gather(*(store.save_subscription(pool, one) for one in wanted)))
        async with pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT FROM push_subscriptions WHERE endpoint = %s", (endpoint,)
            )
        assert cursor.rowcount == 1


@pytest.mark.parametrize(
    ("endpoint", "audience"),
    [
        ("HTTPS://Push.Example.org:443/x", "https://push.example.org"),
        ("https://push.example.org/x?y", "https://push.example.org"),
        ("http://127.0.0.1:8443/x", "http://127.0.0.1:8443"),
    ],
)
async def test_a_push_service_is_called_by_its_origin(
    pool: Pool, endpoint: str, audience: str
) -> None:
    """However the address is spelled: a push service refuses a token for another origin."""
    ann = await make_user(pool)
    await subscribe(pool, ann, endpoint=endpoint)
    await offer(pool, ann, new_id(), 3)
    async with pool.connection() as connection:
        await connection.execute("UPDATE pushes SET due_at = '-infinity'")
    push = Push(pool, PushKey(pool, WRAPPING), NO_CHATS, "local")
    (claimed,) = (await push.claim(ClaimPushes(limit=1, contact=""))).pushes
    token = claimed.authorization.removeprefix("vapid t=").partition(",")[0]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == audience


async def test_a_user_has_twenty_at_most(pool: Pool) -> None:
    """The one that was saved longest ago is removed."""
    ann = await make_user(pool)
    subscriptions = [await subscribe(pool, ann) for _ in range(store.MAX_SUBSCRIPTIONS + 1)]
    await offer(pool, ann, new_id(), 3)
    told = {session for session, _ in await claim(pool)}
    assert told == {one.session for one in subscriptions[1:]}


async def find_file(pool: Pool) -> str:
    """The file of the table with the key."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT pg_relation_filepath('push_key')")
        ((path,),) = await cursor.fetchall()
    return str(path)


async def test_the_key_is_made_once(pool: Pool) -> None:
    """Every replica finds the same key, and signs with it for each push service."""
    one, other = PushKey(pool, WRAPPING), PushKey(pool, WRAPPING)
    assert await one.public() == await other.public()
    assert len(await one.public()) == 87
    header = await one.authorization("https://push.example.org", "")
    assert header == await one.authorization("https://push.example.org", "")
    assert header != await one.authorization("https://other.example.org", "")


async def test_a_token_is_made_anew_when_it_is_old_or_of_a_later_clock(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push service refuses one that has expired, or expires more than a day later."""
    key, now = PushKey(pool, WRAPPING), time.time()

    async def expires(seconds: float) -> int:
        monkeypatch.setattr(time, "time", lambda: now + seconds)
        header = await key.authorization("https://push.example.org", "")
        token = header.removeprefix("vapid t=").partition(",")[0]
        claims = jwt.decode(token, options={"verify_signature": False})
        return int(claims["exp"]) - int(now + seconds)

    first = await expires(0)
    assert await expires(1800) == first - 1800
    assert await expires(5400) == first
    assert await expires(-86_400) == first


async def test_a_key_from_before_there_was_a_secret_is_wrapped(pool: Pool) -> None:
    """By the first replica to start; browsers keep using it, and the plain key is no longer in the
    database."""
    private = generate_private_key(SECP256R1())
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    async with pool.connection() as connection:
        await connection.execute("INSERT INTO push_key (private_key) VALUES (%s)", (plain,))
    before = await find_file(pool)
    ann = await make_user(pool)
    await subscribe(pool, ann)
    replicas = [PushKey(pool, WRAPPING) for _ in range(3)]
    await asyncio.gather(*(one.open() for one in replicas))
    public = urlsafe_b64encode(point).rstrip(b"=").decode()
    assert {await one.public() for one in replicas} == {public}
    async with pool.connection() as connection:
        rows = await connection.execute("SELECT private_key, wrapped FROM push_key")
        ((kept, wrapped),) = await rows.fetchall()
    assert (kept, WRAPPING.unwrap("push", wrapped)) == (None, plain)
    assert await find_file(pool) != before  # nor in what a page keeps of changed rows
    assert await store.list_unsubscribed(pool, [ann]) == []


async def test_another_secret_does_not_open_the_key(pool: Pool) -> None:
    """A replica that starts with it says what to do. If the old secret is lost, a revocation
    removes the key and the subscriptions tied to it; a key that can be decrypted stays."""
    key = PushKey(pool, WRAPPING)
    before = await key.public()
    await subscribe(pool, await make_user(pool))
    assert await key.forget_unless_opened() is None
    other = PushKey(pool, Wrapping("another secret"))
    with pytest.raises(SigningKeysError, match="HUBBUB_SIGNING_SECRET_FILE does not open"):
        await other.open()
    assert await other.forget_unless_opened() == 1
    assert await other.forget_unless_opened() is None
    await other.open()
    assert await other.public() != before


async def test_nothing_is_told_where_push_is_off(pool: Pool) -> None:
    """The page gets no key, and saving a subscription is refused."""
    push = Push(pool, PushKey(pool, WRAPPING), NO_CHATS, "off")
    assert (await push.get_key(Empty())).key is None
    wanted = SavePush(
        user=new_id(), session=new_id(), endpoint="https://push.example.org/x", p256dh="x",
        auth="y", level="all", silent=False,
    )  # fmt: skip
    with pytest.raises(Refusal) as refused:
        await push.save(wanted)
    assert refused.value.code == "not_found"


@pytest.mark.usefixtures("patient_sessions")
async def test_what_is_settled_waits_in_the_order_of_offers(pool: Pool) -> None:
    """Whatever the order of the outcomes: while it waits it holds no lock that an offer may need
    first. The result it waited for counts."""
    ann, chat = await make_user(pool), new_id()
    first, last = sorted([await subscribe(pool, ann) for _ in range(2)], key=lambda s: s.session)
    await offer(pool, ann, chat, 7)
    newer = "UPDATE pushes SET seq = seq + 1 WHERE session_id = %s"
    for order in ([first, last], [last, first]):
        async with begin(pool) as connection:
            await connection.execute(newer, (first.session,))
            outcomes = [done(one, chat, 7) for one in order]
            settling = asyncio.create_task(store.settle_pushes(pool, outcomes))
            await wait_for_lock(pool)
            await connection.execute(
                "SELECT FROM pushes WHERE session_id = %s FOR UPDATE NOWAIT", (last.session,)
            )
        await settling
    assert await claim(pool) == [(first.session, 9)]


async def wait_for_lock(pool: Pool) -> None:
    """Waits until some transaction of the database waits for another one."""
    question = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock')"
    )
    async with pool.connection() as connection, asyncio.timeout(20):
        while await (await connection.execute(question)).fetchone() != (True,):
            pass


async def test_a_deadlock_costs_no_offer_and_no_outcome(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction that PostgreSQL ended is retried, so nothing is sent twice."""
    ann, chat = await make_user(pool), new_id()
    one = await subscribe(pool, ann)
    push = Push(pool, PushKey(pool, WRAPPING), NO_CHATS, "local")
    for name in ("keep_offers", "settle_pushes"):
        monkeypatch.setattr(store, name, ending_first(getattr(store, name)))
    offered = PushOffer(user=ann, chat=chat, first=7, seq=7, by=ann, personal=False)
    await push.offer(OfferPushes(offers=[offered]))
    assert await claim(pool) == [(one.session, 7)]
    await push.settle(SettlePushes(outcomes=[done(one, chat, 7)]))
    assert await claim(pool) == []


def ending_first(statement: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Loses once against another transaction."""
    tries = count(1)

    async def execute(*arguments: Any) -> Any:
        if next(tries) == 1:
            raise DatabaseBusy("deadlock detected")
        return await statement(*arguments)

    return execute
