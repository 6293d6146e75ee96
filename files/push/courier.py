"""Delivers due notifications to push services and reports the outcome.

users knows what is due and for whom, realtime who is active just now, chats what a message says.
Connections are opened before chats is asked, so that nothing delays sending after its answer:
messages deleted or read before that are not sent.
"""

import asyncio
import contextlib
import logging
import time
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from hashlib import sha256
from hmac import digest
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import msgspec

from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.protocol.errors import Refusal
from common.protocol.push import ClaimedPush, OlderPush, PushNote, PushOutcome, PushWanted
from files.metrics import PUSH_SECONDS, PUSHES
from files.outside.connection import AddressRefused, Answer, Connection, connect
from files.outside.lookups import Lookups
from files.push.encryption import MAX_PLAIN_BYTES, decode_key, encrypt
from files.push.notification import encode_notification
from files.rounds import run_rounds
from files.upstream import Chats, Nodes, Users

CLAIMED_AT_ONCE: Final = 64
MAX_IN_PROGRESS: Final = 512
AT_A_SERVICE: Final = 8  # new connections: an unreachable service is noticed soon
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
MAX_AGE_SECONDS: Final = 3600.0  # older messages are not sent
KEPT_SECONDS: Final = 12 * 3600  # by the push service, for an unreachable browser
FIRST_PAUSE_SECONDS: Final = 15.0  # doubles with each attempt
MAX_PAUSE_SECONDS: Final = 900.0
MAX_NOTED: Final = 10_000  # push services and endpoints that failed
FAILING_USERS: Final = 3  # a push service fails if it fails for all of them in a row

What = Literal["done", "gone", "later", "older"]


class _Due(NamedTuple):
    push: ClaimedPush
    connection: Connection


class Courier:
    """One per process; the others do not touch what one is working on. `local`: allows push
    services on this machine."""

    def __init__(
        self, users: Users, chats: Chats, nodes: Nodes, contact: str, *, local: bool
    ) -> None:
        self._users = users
        self._chats = chats
        self._nodes = nodes
        self._contact = contact
        self._local = local
        self._lookups = Lookups()
        self._paused: dict[str, float] = {}  # push services and endpoints, until when
        self._failing: dict[str, set[str]] = {}  # push services, and users since a good answer
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def run(self, rest: Rest = NEVER) -> None:
        """Runs until cancelled."""

        async def claim(limit: int) -> list[ClaimedPush]:
            return await self._users.claim_pushes(limit, self._contact)

        await run_rounds(
            "pushes",
            claim,
            _split_by_service,
            self.deliver,
            pieces=CLAIMED_AT_ONCE,
            at_once=MAX_IN_PROGRESS,
            rest=rest,
        )

    async def deliver(self, claimed: Sequence[ClaimedPush]) -> None:
        """The pushes of one push service, concurrently. Unfinished ones, because this process ends
        or a service is down, are due again after a minute."""
        try:
            active = await self._nodes.list_active(list({push.user for push in claimed}))
            wanted: list[ClaimedPush] = []
            unwanted: list[ClaimedPush] = []
            for push in claimed:
                is_wanted = push.user not in active and push.age_seconds < MAX_AGE_SECONDS
                (wanted if is_wanted else unwanted).append(push)
            PUSHES.labels("unwanted").inc(len(unwanted))
            outcomes = [_outcome(push, "done") for push in unwanted] + await self._send_all(wanted)
            await self._users.settle_pushes(outcomes)
        except Refusal as refusal:
            log("pushes not settled", code=refusal.code)
        except Exception:  # no push service's answer may cost others their notifications
            log("pushes failed", level=logging.ERROR, exception=True)

    async def _send_all(self, pushes: Sequence[ClaimedPush]) -> list[PushOutcome]:
        turns = self._turns.setdefault(_service_of(pushes[0]), asyncio.Semaphore(AT_A_SERVICE))

        async def open_in_turn(push: ClaimedPush) -> _Due | PushOutcome:
            async with turns:
                return await self._open(push)

        opened = await asyncio.gather(*map(open_in_turn, pushes))
        due = [one for one in opened if isinstance(one, _Due)]
        failed = [one for one in opened if isinstance(one, PushOutcome)]
        try:
            notes = await self._chats.describe_pushes(
                [
                    PushWanted(user=p.user, chat=p.chat, first=p.first, seq=p.seq, level=p.level)
                    for p, _ in due
                ]
            )
            sending = (self._send(one, note) for one, note in zip(due, notes, strict=True))
            return failed + await asyncio.gather(*sending)
        finally:
            for _, connection in due:
                connection.close()

    async def _open(self, push: ClaimedPush) -> _Due | PushOutcome:
        host = _service_of(push)
        until = max(self._paused.get(host, 0.0), self._paused.get(push.endpoint, 0.0))
        if until > time.monotonic():
            return _outcome(push, "later", until - time.monotonic())
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                opened = await connect(push.endpoint, self._lookups, loopback=self._is_local(push))
                return _Due(push, opened)
        except AddressRefused:
            PUSHES.labels("address").inc()
            return _later(push)
        except (OSError, ValueError):
            PUSHES.labels("unreachable").inc()
            return self._pause(host, push)

    def _is_local(self, push: ClaimedPush) -> bool:
        return self._local and push.endpoint.startswith("http://")

    async def _send(self, due: _Due, note: PushNote | None) -> PushOutcome:
        push, connection = due
        if note is None:
            PUSHES.labels("unwanted").inc()
            return _outcome(push, "done")
        if note.seq != push.seq:  # users says what its sender is called
            older = OlderPush(seq=note.seq, by=note.by)
            return msgspec.structs.replace(_outcome(push, "older"), older=older)
        plain = encode_notification(push, note, MAX_PLAIN_BYTES)
        try:
            secret = decode_key(push.auth)
            body = encrypt(plain, decode_key(push.p256dh), secret)
        except ValueError:  # no key: it never worked
            PUSHES.labels("gone").inc()
            return _outcome(push, "gone")
        headers = {
            "Authorization": push.authorization,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEPT_SECONDS),
            "Urgency": "high" if note.personal else "normal",
            "Topic": _topic(secret, push.chat),
        }
        started = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await connection.ask("POST", headers, body, max_body_bytes=0)
        except OSError:
            PUSHES.labels("unreachable").inc()
            return self._pause(_service_of(push), push)
        PUSH_SECONDS.observe(time.monotonic() - started)
        return self._judge(push, answer)

    def _judge(self, push: ClaimedPush, answer: Answer) -> PushOutcome:
        host = _service_of(push)
        if answer.status == 429 or answer.status >= 500:  # for the subscription alone, or for all
            PUSHES.labels("put off").inc()
            is_down = self._fails(host, push.user)
            return self._pause(
                host if is_down else push.endpoint, push, retry_after(answer.headers)
            )
        self._failing.pop(host, None)
        if answer.status < 300:
            PUSHES.labels("sent").inc()
            return _outcome(push, "done")
        if answer.status in (404, 410):
            PUSHES.labels("gone").inc()
            return _outcome(push, "gone")
        # A retry would get the same answer. The fault is ours: the contact, the clock.
        PUSHES.labels("refused").inc()
        log("push refused", status=answer.status, service=urlsplit(push.endpoint).hostname)
        return _outcome(push, "done")

    def _fails(self, host: str, user: str) -> bool:
        """Notes that a push service failed for this user; whether it fails for everybody."""
        if host not in self._failing and len(self._failing) >= MAX_NOTED:
            self._failing.clear()
        users = self._failing.setdefault(host, set())
        if len(users) < FAILING_USERS:
            users.add(user)
        return len(users) >= FAILING_USERS

    def _pause(self, what: str, push: ClaimedPush, seconds: float | None = None) -> PushOutcome:
        """Pauses a push service or an endpoint for a while."""
        outcome = _later(push, seconds)
        now = time.monotonic()
        if len(self._paused) >= MAX_NOTED:
            self._paused = {one: until for one, until in self._paused.items() if until > now}
        if len(self._paused) < MAX_NOTED:
            self._paused[what] = max(
                self._paused.get(what, 0.0), now + min(outcome.after_seconds, 60.0)
            )
        return outcome


def _service_of(push: ClaimedPush) -> str:
    return urlsplit(push.endpoint).netloc


def _split_by_service(claimed: Sequence[ClaimedPush]) -> Iterable[list[ClaimedPush]]:
    """One that hangs holds up others only if it has all of `MAX_IN_PROGRESS`."""
    groups: defaultdict[str, list[ClaimedPush]] = defaultdict(list)
    for push in claimed:
        groups[_service_of(push)].append(push)
    return groups.values()


def _outcome(push: ClaimedPush, what: What, after_seconds: float = 0.0) -> PushOutcome:
    return PushOutcome(
        session=push.session,
        chat=push.chat,
        seq=push.seq,
        endpoint=push.endpoint,
        outcome=what,
        after_seconds=after_seconds,
    )


def _later(push: ClaimedPush, seconds: float | None = None) -> PushOutcome:
    if seconds is None:
        seconds = FIRST_PAUSE_SECONDS * 2 ** min(push.attempts - 1, 10)
    return _outcome(push, "later", max(1.0, min(seconds, MAX_PAUSE_SECONDS)))


def _topic(secret: bytes, chat: str) -> str:
    """The push service keeps only the newest of a chat's notifications that wait for a browser. The
    topic tells it neither which chat that is nor that two people share one."""
    return urlsafe_b64encode(digest(secret, chat.encode(), sha256)[:24]).decode()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """In seconds; None if the push service sent nothing intelligible."""
    said = headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    with contextlib.suppress(ValueError, OverflowError):
        return parsedate_to_datetime(said).timestamp() - time.time()
    return None
