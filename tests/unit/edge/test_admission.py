"""A request with a new token is admitted once users knows that the token is in use."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from common.calls.calls import Calls
from common.identity.credentials import TOLD_SECONDS, Credentials
from common.identity.gate import Gate
from common.protocol.errors import unavailable
from common.protocol.users import Empty, KeySet, Revocations
from edge.admission import Admission
from edge.http.request import AnyRequest
from edge.limits import Limits
from tests.unit.common.test_tokens import JWK, claims, sign


class UsersThatHear(Calls):
    """Answers a report when it may."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.may_answer = asyncio.Event()
        self.is_gone = False

    async def call(self, name: str, request: Any, *_: Any, **__: Any) -> Any:
        if name == "keys":
            return KeySet(keys=[JWK])
        if name == "revocations":
            return Revocations(sessions=[], last=0)
        if self.is_gone:
            raise unavailable()
        await self.may_answer.wait()
        self.heard += request.used
        return Empty()


async def admit(admission: Admission, token: str) -> None:
    handler = SimpleNamespace(opt={})
    headers = [(b"authorization", f"Bearer {token}".encode())]
    scope = {"route_handler": handler, "headers": headers}
    await admission.admit(cast("AnyRequest", SimpleNamespace(scope=scope)))


async def seconds_to_admit(admission: Admission, token: str) -> float:
    began = asyncio.get_running_loop().time()
    await admit(admission, token)
    return asyncio.get_running_loop().time() - began


async def is_admitted_at_once(admission: Admission, token: str) -> bool:
    """The quickest of three counts: a busy machine may make any of them wait."""
    waits = [await seconds_to_admit(admission, token) for _ in range(3)]
    return min(waits) < TOLD_SECONDS * 0.9


async def test_requests_with_a_refreshed_token_wait_until_users_knows_of_it() -> None:
    """All that arrive meanwhile, not for long; not with the token of a log-in, which makes no
    refresh token used up. Once a report has failed nobody waits."""
    users = UsersThatHear()
    credentials = Credentials(users, "edge")
    admission = Admission(Gate(credentials), cast("Limits", None))  # its request is not limited
    running = [
        asyncio.create_task(credentials.watch()),
        asyncio.create_task(credentials.report_uses()),
    ]
    try:
        async with asyncio.timeout(30):
            await credentials.catch_up()
            while credentials.missing:  # noqa: ASYNC110 - the keys come by a poll
                await asyncio.sleep(0.01)
            assert await is_admitted_at_once(admission, sign(claims(gen=0)))
            first = sign(claims())
            waits = [seconds_to_admit(admission, first) for _ in range(2)]
            for waited in await asyncio.gather(*waits):  # nobody answers
                assert waited >= TOLD_SECONDS * 0.9
            assert users.heard == []
            users.may_answer.set()
            await admit(admission, sign(claims(sid="another", gen=2)))
            assert users.heard == [("session", 1), ("another", 2)]
            users.may_answer.clear()  # and nobody asks any more
            assert await is_admitted_at_once(admission, first)
            users.is_gone = True
            await admit(admission, sign(claims(sid="a third")))
            assert await is_admitted_at_once(admission, sign(claims(sid="a fourth")))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
