"""Calls between services: pick a replica, pass on the deadline and the trace, retry on another one.

Every call may be repeated, for the reason that its declaration gives (`repeat` of `Call`), so a
failed call is retried on other replicas until its deadline; while a role's circuit is open, calls
fail at once. Refusals by the other side arrive as Refusal.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
from prometheus_client import Counter, Gauge

from common.calls.circuit import OPEN_AFTER_SECONDS, Circuit
from common.calls.http_client import HttpClient, Response
from common.calls.replicas import Replicas
from common.calls.tries import Tries
from common.process.certificates import describe_tls
from common.process.logs import log
from common.process.rest import NEVER, Rest
from common.process.symptoms import CREDENTIAL_REFUSED, OPEN_CIRCUIT
from common.process.trace import outgoing_traceparent
from common.protocol.errors import CODES, Refusal, unavailable

T = TypeVar("T")

DEADLINE_SECONDS: Final = 5.0
TRY_SECONDS: Final = 1.5  # the most that a hung replica costs a call, where there is another one
PROBE_EVERY_SECONDS: Final = 0.1  # while something is wrong
PROBE_TIMEOUT_SECONDS: Final = 0.5
WATCH_EVERY_SECONDS: Final = 1.0
WATCH_AT_REST_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.05  # before a call's second round; doubles each time
MAX_PAUSE_SECONDS: Final = 0.8
MAX_RETRYING_CALLS: Final = 10_000  # the retry budget of one process for one role

DEADLINE_HEADER: Final = "X-Hubbub-Deadline-Ms"
GAVE_UP_HEADER: Final = "X-Hubbub-Gave-Up"
"""On a 503: something that the answering replica depends on is down, so there is no point in asking
another."""
KEY_REFUSED_HEADER: Final = "X-Hubbub-Key-Refused"
"""On a 401 or 403: it concerns the calling service, not the user for whom it calls."""

GIVEN_UP: Final = Counter(
    "hubbub_calls_given_up_total", "Calls that no replica served in time.", ("to",)
)
REPLICAS_OUT: Final = Gauge("hubbub_replicas_out", "Replicas that are asked last for now.", ("to",))
REFUSED_BY: Final = Gauge(
    CREDENTIAL_REFUSED, "Replicas that refuse this process's credential.", ("to",)
)
OPEN_CIRCUITS: Final = Gauge(OPEN_CIRCUIT, "1 while a role is given up.", ("to",))

_GAVE_UP: Final = GAVE_UP_HEADER.lower().encode()
_KEY_REFUSED: Final = KEY_REFUSED_HEADER.lower().encode()

_encode = msgspec.json.Encoder().encode


class _Problem(msgspec.Struct):
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None


def gave_up() -> Refusal:
    """No replica served the call within its deadline, or the role's circuit is open."""
    refusal = unavailable()
    refusal.headers[GAVE_UP_HEADER] = "1"
    return refusal


class Calls:
    """All calls of one process to one role."""

    def __init__(
        self,
        http: HttpClient,
        replicas: Replicas,
        *,
        clock: Callable[[], float] = time.monotonic,
        open_after: float = OPEN_AFTER_SECONDS,
    ) -> None:
        self._http = http
        self._identity = http.caller.headers(replicas.role) if http.caller else {}
        self._replicas = replicas
        self._name = http.name_of(replicas.role)
        self._clock = clock
        self._circuit = Circuit(open_after)
        self._key_refused_by: set[str] = set()
        self._retrying = 0
        self._well = asyncio.Event()
        self._waiting: dict[asyncio.Timeout, None] = {}  # of calls under way, oldest first
        self._prober: asyncio.Task[None] | None = None
        self._tries = Tries(replicas, clock)
        GIVEN_UP.labels(replicas.role)  # from the start: an alert must not miss the first one
        self._publish_state()

    async def call(
        self,
        name: str,
        request: msgspec.Struct,
        answer: type[T],
        *,
        key: str = "",
        timeout: float = DEADLINE_SECONDS,
        try_timeout: float = TRY_SECONDS,
    ) -> T:
        """`POST /calls/<name>` on the replica that `key` (a chat's or user's id) hashes to.

        `timeout` is for all tries together, in seconds. Raises Refusal: the other side's, or
        `unavailable` if no replica served it in time, at once while the role's circuit is open.
        """
        data = await self.fetch(name, request, key=key, timeout=timeout, try_timeout=try_timeout)
        return msgspec.json.decode(data, type=answer)

    async def fetch(
        self,
        name: str,
        request: msgspec.Struct,
        *,
        key: str = "",
        timeout: float = DEADLINE_SECONDS,
        try_timeout: float = TRY_SECONDS,
    ) -> bytes:
        """The same for an answer that is passed on undecoded."""
        body = _encode(request)
        deadline = self._clock() + timeout
        pause = FIRST_PAUSE_SECONDS
        while not self._circuit.is_open:
            addresses = self._in_order(key)
            for address in addresses:
                left = deadline - self._clock()
                if left <= 0 or self._circuit.is_open:
                    raise self._give_up()
                seconds = min(left, try_timeout) if len(addresses) > 1 else left
                data = await self._try(address, name, body, seconds, fair=seconds >= try_timeout)
                if data is not None:
                    return data
            if self._key_refused_by and self._key_refused_by.issuperset(addresses):
                break
            await self._wait_until_well(deadline, pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        raise self._give_up()

    async def call_replica(
        self,
        address: str,
        name: str,
        request: msgspec.Struct,
        answer: type[T],
        *,
        timeout: float = TRY_SECONDS,
    ) -> T:
        """The same on one given replica, with a single try. Raises Refusal."""
        data = await self._try(address, name, _encode(request), timeout, fair=True)
        if data is None:
            raise unavailable()
        return msgspec.json.decode(data, type=answer)

    def preferred(self, key: str) -> str:
        """The replica that a call with this key would ask first; empty if none is known."""
        return next(iter(self._in_order(key)), "")

    async def any_is_ready(self) -> bool:
        """Asks all replicas now, for at most half a second; returns as soon as one is ready."""
        asked = [asyncio.create_task(self._is_ready(a)) for a in self._replicas.addresses]
        try:
            for answer in asyncio.as_completed(asked):
                if await answer:
                    return True
            return False
        finally:
            for task in asked:
                task.cancel()

    async def watch(self, rest: Rest = NEVER) -> None:
        """Checks every second whether a replica is ready, so that an outage is noticed before the
        next call. Runs until cancelled."""
        while True:
            await rest.pause(WATCH_EVERY_SECONDS, WATCH_AT_REST_SECONDS)
            started = self._clock()
            if not await self.any_is_ready():
                self._circuit.fail(started)
                self._start_prober()

    def _in_order(self, key: str) -> Sequence[str]:
        ranked = self._replicas.ranked(key)
        out = self._circuit.out
        return sorted(ranked, key=out.__contains__) if out else ranked

    async def _wait_until_well(self, deadline: float, pause: float) -> None:
        """Waits until another round makes sense: for at least `pause`, and until a replica is
        ready.

        Raises Refusal at the deadline, while the role's circuit is open, and if too many calls wait
        already.
        """
        if self._circuit.is_open or self._retrying >= MAX_RETRYING_CALLS:
            raise self._give_up()
        self._well.clear()
        self._start_prober()
        self._retrying += 1
        waiting = asyncio.timeout(deadline - self._clock())
        self._waiting[waiting] = None
        try:
            async with waiting:
                # jitter, so that calls that failed together are not repeated together
                await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311
                await self._well.wait()
        except TimeoutError as error:
            raise self._give_up() from error
        finally:
            del self._waiting[waiting]
            self._retrying -= 1

    async def _try(
        self, address: str, name: str, body: bytes, seconds: float, *, fair: bool
    ) -> bytes | None:
        """The answer's bytes; None if another replica should be tried. A timeout marks the replica
        as out only if the try was `fair`: if it had the time that a healthy replica may need."""
        started = self._clock()
        headers = {
            **self._identity,
            DEADLINE_HEADER: str(int(seconds * 1000)),
            "traceparent": outgoing_traceparent(),
        }
        waiting = asyncio.timeout(seconds)
        self._waiting[waiting] = None
        try:
            async with waiting:
                answered = await self._http.post(
                    address, f"/calls/{name}", body, headers, self._name
                )
        except TimeoutError:
            self._tries.note(address, "timed out")
            if fair:
                self._break_off(address, name, started, "TimeoutError")
            return None
        except OSError as error:
            self._tries.note(address, "broken")
            if isinstance(error, ssl.SSLError) and address not in self._circuit.out:
                reason = describe_tls(error)
                log("call not made", level=logging.ERROR, replica=address, error=reason)
            self._break_off(address, name, started, type(error).__name__)
            return None
        finally:
            del self._waiting[waiting]
        return self._take(answered, address, name, started)

    def _take(self, answered: Response, address: str, name: str, started: float) -> bytes | None:
        """The same for an answer that has come. Raises Refusal: the other side's, or that it gave
        up."""
        if answered.status == 200:
            self._tries.note(address, "served", started)
            if self._circuit.need_probes or self._key_refused_by:
                self._circuit.serve(address)
                self._key_refused_by.discard(address)
                self._publish_state()
            return answered.body
        if _KEY_REFUSED in answered.headers:
            if address not in self._key_refused_by:
                log(
                    "credential refused",
                    level=logging.ERROR,
                    replica=address,
                    call=name,
                    error=_read_detail(answered.body),
                )
            self._key_refused_by.add(address)
            self._publish_state()
        elif _GAVE_UP in answered.headers:
            self._tries.note(address, "not served")
            raise gave_up()
        elif (refusal := _read_refusal(answered.status, answered.body)) is not None:
            self._tries.note(address, "refused", started)
            raise refusal
        self._tries.note(address, "not served")
        self._circuit.fail(started)
        self._start_prober()
        return None

    def _break_off(self, address: str, name: str, started: float, reason: str) -> None:
        if address not in self._circuit.out:
            log("replica out", replica=address, call=name, error=reason)
        self._circuit.break_off(address, started)
        self._start_prober()

    def _start_prober(self) -> None:
        if self._prober is None or self._prober.done():
            self._prober = asyncio.create_task(self._probe_until_well())

    async def _probe_until_well(self) -> None:
        while not self._http.is_closed:
            was_open = self._circuit.is_open
            ready = await self._probe()
            self._circuit.judge(ready, self._clock())
            if was_open != self._circuit.is_open:
                log("circuit", to=self._replicas.role, open=self._circuit.is_open)
                if self._circuit.is_open:
                    self._end_waiting()
            if any(ready.values()):
                self._well.set()
            self._publish_state()
            if not self._circuit.need_probes and self._well.is_set():
                return
            await asyncio.sleep(PROBE_EVERY_SECONDS)

    def _end_waiting(self) -> None:
        """The circuit has opened: calls under way stop waiting."""
        now = asyncio.get_running_loop().time()
        for waiting in self._waiting:
            if not waiting.expired():
                waiting.reschedule(now)

    async def _probe(self) -> dict[str, bool]:
        addresses = self._replicas.addresses
        answers = await asyncio.gather(*(self._is_ready(address) for address in addresses))
        return dict(zip(addresses, answers, strict=True))

    async def _is_ready(self, address: str) -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                return (
                    await self._http.get(address, "/health/ready", name=self._name)
                ).status == 200
        except OSError:
            return False

    def _publish_state(self) -> None:
        OPEN_CIRCUITS.labels(self._replicas.role).set(self._circuit.is_open)
        REPLICAS_OUT.labels(self._replicas.role).set(len(self._circuit.out))
        self._key_refused_by.intersection_update(self._replicas.addresses)  # others are gone
        REFUSED_BY.labels(self._replicas.role).set(len(self._key_refused_by))

    def _give_up(self) -> Refusal:
        GIVEN_UP.labels(self._replicas.role).inc()
        return gave_up()


def _read_detail(data: bytes) -> str:
    try:
        return msgspec.json.decode(data, type=_Problem).detail
    except msgspec.DecodeError:
        return ""


def _read_refusal(status: int, data: bytes) -> Refusal | None:
    """The other side's refusal; None if it is not about the request."""
    try:
        problem = msgspec.json.decode(data, type=_Problem)
    except msgspec.DecodeError:
        log("call answered without a problem", status=status)
        return None
    if problem.code in ("internal", "unavailable") or problem.code not in CODES:
        return None
    return Refusal(problem.code, problem.detail, errors=problem.errors)
