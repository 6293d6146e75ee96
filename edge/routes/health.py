"""Health checks: liveness of this process, readiness of the system."""

from collections.abc import Awaitable, Callable

from common.calls.health import Health
from common.protocol.errors import unavailable
from edge.bodies import AnswerBody
from edge.operation import Who, get


class StatusAnswer(AnswerBody):
    status: str


class HealthRoutes:
    """`system_missing` says what the system lacks for a socket to become ready and a send to
    commit, or None."""

    def __init__(self, health: Health, system_missing: Callable[[], Awaitable[str | None]]) -> None:
        self._health = health
        self._system_missing = system_missing

    @get("/health/live", "Liveness of this process", {200: StatusAnswer}, who=Who.EVERYBODY)
    async def live(self) -> StatusAnswer:
        if self._health.draining:
            raise unavailable()
        return StatusAnswer(status="live")

    @get(
        "/health/ready",
        "A socket can become ready and a send can commit",
        {200: StatusAnswer},
        who=Who.EVERYBODY,
    )
    async def ready(self) -> StatusAnswer:
        if self._health.draining or await self._system_missing():
            raise unavailable()
        return StatusAnswer(status="ready")
