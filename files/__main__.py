"""`python -m files`: one files process, until SIGTERM."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from common.process.service import (
    DRAIN_NOTICE_SECONDS,
    Serving,
    own_tls,
    run_process,
    serving_health,
)
from common.process.web import Patience, serving_app
from files.app import open_files
from files.settings import FilesSettings, read_files_settings


@asynccontextmanager
async def serving_files(settings: FilesSettings) -> AsyncIterator[Serving]:
    """Clients, and health and metrics on a port of their own."""
    async with (
        own_tls(settings.service) as tls,
        open_files(settings) as files,
        AsyncExitStack() as checks,
    ):
        health = serving_health(files.health, settings.service, rest=files.rest, tls=tls)
        await checks.enter_async_context(health)
        public = [settings.service.listen.open()]
        if settings.balancer_listen_fd is not None:
            public.append(socket.socket(fileno=settings.balancer_listen_fd))
        patience = Patience(settings.drain_seconds)
        async with serving_app(files.app, public, tls=tls, rest=files.rest, patience=patience):

            async def drain() -> None:
                await asyncio.sleep(DRAIN_NOTICE_SECONDS)
                metrics = settings.service.metrics_listen
                if metrics is not None and metrics.fd is not None:
                    await checks.aclose()  # the slot's next process listens there

            yield Serving(files.health, drain, files.rest, patience.hurry)


def main() -> None:
    run_process("files", read_files_settings, serving_files)


if __name__ == "__main__":
    main()
