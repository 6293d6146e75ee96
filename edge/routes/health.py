"""Whether this process lives, and whether the system can do its main job."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Response, get

from common.calls.health import Health
from common.protocol.errors import unavailable
from edge.answers import answer
from edge.bodies import StatusAnswer


def create_health_routes(
    health: Health, system_missing: Callable[[], Awaitable[str | None]]
) -> Sequence[Any]:
    """`system_missing` says what the system lacks for a socket to become ready and a send to
    commit, or None."""

    @get("/health/live")
    async def live() -> Response[bytes]:
        if health.draining:
            raise unavailable()
        return answer(StatusAnswer(status="live"))

    @get("/health/ready")
    async def ready() -> Response[bytes]:
        if health.draining or await system_missing():
            raise unavailable()
        return answer(StatusAnswer(status="ready"))

    return [live, ready]
