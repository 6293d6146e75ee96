"""A client: one user's socket, kept by the session of the client library, and requests through
either edge. It repeats unanswered requests with the same key, and reports everything that it is
shown to the witness."""

import asyncio
import random
from typing import Any, Final

import msgspec
from hubbub_client.ends import Ends
from hubbub_client.session import Output, Pull, Session

from common.calls.http_client import HttpClient
from simulation.installation import sign
from simulation.processes import Process
from simulation.wire import Frame, FrameReader, client_frame
from simulation.witness import Stream, Witness

READY_SECONDS: Final = 12.0
ANSWER_SECONDS: Final = 6.0
REQUEST_SECONDS: Final = 6.0
HURRY: Final = 0.2  # of the time within which a draining node wants its sockets to reconnect
_HANDSHAKE: Final = (
    "GET /ws HTTP/1.1\r\nHost: hubbub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: chat.v1\r\n\r\n"
)


class Problem(Exception):
    """A request was refused."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Line(asyncio.Protocol):
    """One connection's bytes."""

    def __init__(self, device: "Device") -> None:
        self._device = device
        self._reader = FrameReader()
        self._head: bytes | None = b""
        self.transport: Any = None
        self.stream: Stream | None = None  # after `ready`
        self.code = 1006
        self.reason = ""
        self.since = 0.0
        self.resume: dict[str, int] = {}
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.write(_HANDSHAKE.encode())

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = None
            if not head.startswith(b"HTTP/1.1 101"):
                self.transport.abort()
                return
            if not self.opened.done():
                self.opened.set_result(None)
        for frame in self._reader.feed(data):
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.opcode == 1:
            for line in frame.data.split(b"\n"):
                self._device.take(self, line, msgspec.json.decode(line))
        elif frame.opcode == 9:
            self.write(client_frame(10, frame.data))
        elif frame.opcode == 8:
            self.code = int.from_bytes(frame.data[:2], "big") if frame.data else 1005
            self.reason = frame.data[2:].decode()
            self.write(client_frame(8, frame.data[:2]))
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.opened, self.ready, self.lost):
            if not future.done():
                future.set_result(None)


class Device:
    """One of a user's. `nodes` and `edges` are hosts; `pace` decides the client's timing."""

    def __init__(
        self,
        process: Process,
        witness: Witness,
        user: str,
        session: str,
        nodes: list[str],
        edges: list[str],
        seed: str,
    ) -> None:
        self.process = process
        self.user = user
        self.session = session
        self.line: _Line | None = None
        self.is_stopped = False
        self.is_over = False  # it was told not to come back
        self.flickers = 0  # sockets that it will end right after its `connect`
        self._witness = witness
        self._nodes = nodes
        self._edges = edges
        self._pace = random.Random(f"{seed} {process.host}")
        self._token = sign(user, session)
        self._http = HttpClient()
        self._session = Session(user, from_start=True)
        self._ends = Ends()
        self._pulls = 0  # in progress
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}

    @property
    def cursors(self) -> dict[str, int]:
        """The seq up to which it has each chat."""
        return self._session.cursors

    @property
    def host(self) -> str:
        return self.process.host

    @property
    def is_ready(self) -> bool:
        return self.line is not None and self.line.stream is not None and not self.line.lost.done()

    @property
    def is_there(self) -> bool:
        """It is connected, or reconnecting."""
        return self.process.is_alive and not (self.is_over or self.is_stopped)

    # ---- the socket

    async def stay_connected(self) -> None:
        """The device's main task."""
        while not self.is_stopped:
            line = await self._connect()
            if line is not None:
                await self._attend(line)
                for answer in self._answers.values():
                    if not answer.done():
                        answer.set_result({"type": "lost"})
                self.line = None
                if line.code != 1006:
                    self._witness.note(self.host, f"socket ended with {line.code}")
                # No back-off: a run is short, and its nodes should meet impatient clients.
                next_ = self._ends.closed(line.code, line.reason, chance=0.0)
                if next_ is None:
                    self.is_over = True
                    return
                if next_.seconds:
                    await asyncio.sleep(next_.seconds * HURRY)
            await asyncio.sleep(self._pace.uniform(0.02, 0.2))

    async def _connect(self) -> _Line | None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(READY_SECONDS):
                _, line = await loop.create_connection(
                    lambda: _Line(self), self._pace.choice(self._nodes), 80
                )
        except (OSError, TimeoutError):
            return None
        return line

    async def _attend(self, line: _Line) -> None:
        """Until the connection has ended."""
        self.line = line
        try:
            async with asyncio.timeout(READY_SECONDS):
                await line.opened
                hello = self._session.hello(self._token)
                line.resume = msgspec.json.decode(hello)["resume"]
                line.since = asyncio.get_running_loop().time()
                line.write(client_frame(1, hello))
                if self.flickers:
                    self.flickers -= 1
                    await asyncio.sleep(self._pace.choice((0.0, 0.0003, 0.001)))
                    line.transport.close()
                await line.ready
        except TimeoutError:
            self._witness.note(self.host, "gives up a socket that is not ready")
            line.transport.abort()
        await line.lost

    def _say(self, line: _Line, frame: dict[str, Any]) -> None:
        line.write(client_frame(1, msgspec.json.encode(frame)))

    def take(self, line: _Line, text: bytes, frame: dict[str, Any]) -> None:
        """Takes a line of a text frame."""
        if line.stream is None:
            if frame["type"] != "ready":
                self._witness.fail("ready", f"the first line was {frame}")
                return
            self._begin(line, frame)
        elif "seq" in frame and frame["type"] != "sent":
            self._witness.event(self.user, line.stream, text, frame)
            self._follow(self._session.receive(frame))
        elif "clientId" in frame:
            answer = self._answers.get(frame["clientId"])
            if answer is not None and not answer.done():
                answer.set_result(frame)

    def _begin(self, line: _Line, ready: dict[str, Any]) -> None:
        line.stream = self._witness.ready(self.user, line.since, line.resume, ready)
        self._witness.note(self.host, f"ready, {self._describe(ready)}")
        self._follow(self._session.receive(ready))
        if not line.ready.done():
            line.ready.set_result(None)

    def _describe(self, ready: dict[str, Any]) -> str:
        heads = {self._witness.name(chat): head for chat, head in ready["chats"].items()}
        behind = [self._witness.name(chat) for chat in ready["behind"]]
        return f"{heads}" + (f", behind {behind}" if behind else "")

    def _follow(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Pull):
                self.process.loop.create_task(self._pull(output))

    async def _pull(self, pull: Pull) -> None:
        self._pulls += 1
        try:
            while self._session.wants(pull):
                try:
                    events, more = await self.read_page(pull.chat, pull.after)
                except Problem as problem:
                    if problem.code == "not_found":
                        self._follow(self._session.gone(pull))
                    await asyncio.sleep(self._pace.uniform(0.05, 0.2))
                else:
                    self._follow(self._session.pulled(pull, events, more=more))
                    break
        finally:
            self._pulls -= 1

    # ---- what it is told to do

    def cut(self) -> None:
        """Its network fails without closing the connection."""
        if self.line is not None and self.line.transport is not None:
            self.line.transport.abort()

    def stop(self) -> None:
        """It does not come back."""
        self.is_stopped = True
        self.cut()

    def read_slowly(self, reads: bool) -> None:
        """Whether it reads what arrives."""
        if self.line is not None and not self.line.transport.is_closing():
            (self.line.transport.resume_reading if reads else self.line.transport.pause_reading)()

    def type(self, chat: str) -> None:
        if self.is_ready and self.line is not None:
            self._say(self.line, {"type": "typing", "chat": chat})

    async def say(self, chat: str, key: str, text: str) -> str:
        """One try over the socket; "sent", or why not."""
        line = self.line
        if line is None or not self.is_ready:
            return "not connected"
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        self._say(line, {"type": "send", "chat": chat, "clientId": key, "message": text})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reply = await answer
        except TimeoutError:
            line.transport.abort()
            return "no answer"
        finally:
            del self._answers[key]
        if reply["type"] == "sent":
            self._witness.sent(self.user, chat, key, text, reply)
            return "sent"
        return str(reply.get("code", "lost"))

    async def ask(self, name: str, body: dict[str, Any]) -> Any:
        """One request through one edge. Raises Problem, also if nobody answers."""
        edge = self._pace.choice(self._edges)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                answered = await self._http.post(
                    f"{edge}:80",
                    f"/{name}",
                    msgspec.json.encode(body),
                    {"Authorization": f"Bearer {self._token}"},
                )
        except (OSError, TimeoutError) as error:
            raise Problem("no answer") from error
        if answered.status != 200:
            raise Problem(msgspec.json.decode(answered.body)["code"])
        return msgspec.json.decode(answered.body, type=dict[str, msgspec.Raw])

    async def read_page(self, chat: str, after: int) -> tuple[list[dict[str, Any]], bool]:
        """A page of `/events`, checked, and whether there is more. Raises Problem."""
        low = self._witness.truth.chat(chat).head
        raw = await self.ask("events", {"chat": chat, "after": after})
        page = msgspec.json.decode(raw["events"], type=list[msgspec.Raw])
        self._witness.page(self.user, chat, low, {"events": page}, after)
        events = [msgspec.json.decode(line, type=dict[str, Any]) for line in page]
        return events, bool(msgspec.json.decode(raw["more"]))
