"""`python -m edge`: one edge process, until SIGTERM."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.process.service import (
    DRAIN_NOTICE_SECONDS,
    Serving,
    own_tls,
    run_process,
    serving_health,
)
from common.process.web import serving_app
from edge.app import open_edge
from edge.http.joined_writes import WholeAnswers
from edge.settings import EdgeSettings, read_edge_settings


@asynccontextmanager
async def serving_edge(settings: EdgeSettings) -> AsyncIterator[Serving]:
    """Clients, and health and metrics on a port of their own."""
    async with (
        own_tls(settings.service) as tls,
        open_edge(settings) as edge,
        serving_health(edge.health, settings.service, rest=edge.rest, tls=tls),
    ):
        public = [settings.service.listen.open()]
        if settings.balancer_listen_fd is not None:
            public.append(socket.socket(fileno=settings.balancer_listen_fd))
        async with serving_app(edge.app, public, WholeAnswers, tls=tls, rest=edge.rest):
            yield Serving(edge.health, lambda: asyncio.sleep(DRAIN_NOTICE_SECONDS), edge.rest)


def main() -> None:
    run_process("edge", read_edge_settings, serving_edge)


if __name__ == "__main__":
    main()
