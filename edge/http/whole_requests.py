"""A connection that starts a request together with its body, where both arrive in one piece.

uvicorn starts the application at the end of the head, and lets it wait for the body on an event
created for each request. Nearly all bodies arrive with their heads, which makes that wasted work
(docs/decisions/gateway.md). What arrives in pieces is left to uvicorn. uvicorn's limit of
concurrent requests and its root path are not applied; nobody sets them here.
"""

import asyncio
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from common.process.slow_readers import BoundedHttp

WRONG: Final = "Invalid HTTP request received."  # uvicorn's words


class WholeCycle(RequestResponseCycle):
    """A request whose body has arrived, and its answer."""

    waiting: asyncio.Event | None  # for callers that wait for a disconnect, which is rare

    def __init__(self, body: bytes, **of_uvicorn: Any) -> None:
        super().__init__(message_event=None, expect_100_continue=False, **of_uvicorn)  # type: ignore[arg-type]
        self.more_body = False
        self._whole: bytes | None = body

    @property
    def message_event(self) -> asyncio.Event:
        if self.waiting is None:
            self.waiting = asyncio.Event()
        return self.waiting

    @message_event.setter
    def message_event(self, event: asyncio.Event | None) -> None:
        self.waiting = event

    async def receive(self) -> Any:
        body, self._whole = self._whole, None
        if body is None or self.disconnected or self.response_complete:
            return await super().receive()
        return {"type": "http.request", "body": body, "more_body": False}


class WholeRequests(BoundedHttp):
    """uvicorn's HTTP on such a connection."""

    _parts: list[bytes] | None = None  # of the body, if the head's request has not started

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._parts is not None and not self.transport.is_closing():
            try:
                self._begin_early(self._parts)
            except (httptools.HttpParserError, UnicodeDecodeError):  # for an invalid path
                self.send_400_response(WRONG)

    def on_headers_complete(self) -> None:
        is_usual = self.url.startswith(b"/") and b"#" not in self.url
        if not is_usual or self.expect_100_continue or self.parser.should_upgrade():
            super().on_headers_complete()
        else:
            self._parts = []

    def on_body(self, body: bytes) -> None:
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._parts is None:
            super().on_message_complete()
        else:
            self._begin_whole(self._parts)

    def _begin_early(self, parts: list[bytes]) -> None:
        """It receives the rest of its body."""
        self._parts = None
        super().on_headers_complete()
        for part in parts:
            super().on_body(part)

    def _begin_whole(self, parts: list[bytes]) -> None:
        self._parts = None
        scope, version = self.scope, self.parser.get_http_version()
        scope["http_version"] = version
        scope["method"] = self.parser.get_method().decode("ascii")
        raw_path, _, scope["query_string"] = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        scope["raw_path"] = raw_path
        scope["path"] = unquote(path) if "%" in path else path
        before = self.cycle
        cycle = self.cycle = WholeCycle(
            parts[0] if len(parts) == 1 else b"".join(parts),
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:  # pipelined
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
