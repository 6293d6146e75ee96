"""The hot loop: what the bus brought goes to those who listen.

Cost here is paid per delivery, so a delivery is one call of a listener's `write` with a frame
that was built once. It decodes no event; only the few payloads with control entries are taken
apart. Nothing here waits.
"""

import struct
from collections.abc import Callable
from itertools import groupby
from typing import Final

import msgspec

from common.process.logs import current_trace, log
from common.protocol.chats import Control
from common.protocol.frames import SomebodyTyping
from common.protocol.payload import HEADER_BYTES, Payload, read_header, unpack
from realtime.counters import Counters
from realtime.frames import event_frames, text_frame
from realtime.hub import Hub, Room

REORDER_GRACE_SECONDS: Final = 0.03  # two replicas may publish out of order

_decode_typing = msgspec.json.Decoder(SomebodyTyping).decode


class Relay:
    """`want_repair` is told of a room with a hole and how long to wait before it is fetched."""

    def __init__(
        self, hub: Hub, want_repair: Callable[[Room, float], None], counters: Counters
    ) -> None:
        self._hub = hub
        self._want_repair = want_repair
        self._counters = counters
        # What each topic means; subscriptions keep them.
        self.rooms: dict[bytes, Room] = {}
        self.typing: dict[bytes, Room] = {}
        self.handlers: dict[bytes, Callable[[bytes], None]] = {}

    def receive(self, messages: list[list[bytes]]) -> None:
        """All that one read of the bus brought, as [kind, topic, payload] each.

        A chat's events in it become one frame. uvloop holds what is written to a socket within
        one turn of the loop and sends it with one system call, so chats are not joined here.

        What is next in its chat and has no control entries, almost everything, makes no object but
        its text: with a Payload each a read of many chats cost 1.7 times as much.
        """
        due: dict[Room, list[bytes]] = {}
        rooms = self.rooms
        for _, topic, data in messages:
            room = rooms.get(topic)
            if room is None:
                self._receive_other(topic, data)
                continue
            try:
                first, size, controls = read_header(data)
            except struct.error:
                self._drop(room)
                continue
            if controls or not room.stream.follow(first, size):
                self._receive_unusual(room, data, due)
                continue
            texts = due.get(room)
            if texts is None:
                due[room] = [data[HEADER_BYTES:]]
            else:
                texts.append(data[HEADER_BYTES:])
        for room, texts in due.items():
            self._deliver(room, texts)
            if room.waiters:
                room.wake_waiters()
        self._counters.payloads += len(messages)

    def take(self, room: Room, payload: Payload) -> None:
        """A payload that was fetched."""
        for due in room.stream.offer(payload):
            if due.controls:
                self._deliver_around(room, due)
            else:
                self._deliver(room, [due.text])
        room.wake_waiters()

    def _receive_unusual(self, room: Room, data: bytes, due: dict[Room, list[bytes]]) -> None:
        """With control entries, or not what comes next; adds to what is due."""
        try:
            payload = unpack(data)
        except msgspec.DecodeError:
            self._drop(room)
            return
        for next_due in room.stream.offer(payload):
            texts = due.setdefault(room, [])
            if next_due.controls:
                self._deliver(room, texts)
                texts.clear()
                self._deliver_around(room, next_due)
            else:
                texts.append(next_due.text)
        if room.stream.is_behind:
            self._want_repair(room, REORDER_GRACE_SECONDS)

    def _drop(self, room: Room) -> None:
        self._counters.drop("bad payload")
        log("payload not readable", chat=room.chat)

    def _deliver(self, room: Room, texts: list[bytes]) -> None:
        """Lines of events, as one frame to everybody."""
        listeners = room.listeners
        if not listeners or not texts:
            return
        text = texts[0] if len(texts) == 1 else b"\n".join(texts)
        frame = event_frames(text)
        for write in listeners.values():
            write(frame)
        self._counters.deliveries += len(listeners) * (text.count(b"\n") + 1)

    def _deliver_around(self, room: Room, payload: Payload) -> None:
        """Control entries take effect at their seq."""
        lines = payload.text.split(b"\n")
        done = 0
        in_order = sorted(payload.controls, key=lambda control: control.seq)
        for seq, controls in groupby(in_order, key=lambda control: control.seq):
            at = seq - payload.first
            self._deliver(room, lines[done : at + 1])
            done = at + 1
            for control in controls:
                self._obey(room, control, lines[at])
        self._deliver(room, lines[done:])

    def _obey(self, room: Room, control: Control, event: bytes) -> None:
        if control.action == "join":
            snapshot = control.snapshot
            frame = text_frame(bytes(snapshot) if isinstance(snapshot, msgspec.Raw) else event)
            for listener in self._hub.newcomers(room, control.users, control.seq):
                listener.write(frame)
        elif control.action == "leave":
            self._hub.dismiss(room, control.users, control.seq)
        elif control.action == "follow":
            current_trace.set(control.trace or "")
            log("delivered", chat=room.chat, seq=control.seq, sockets=len(room.listeners))
            current_trace.set("")
        else:
            self._hub.close(room)

    def _receive_other(self, topic: bytes, data: bytes) -> None:
        room = self.typing.get(topic)
        if room is not None:
            self._receive_typing(room, data)
            return
        handler = self.handlers.get(topic)
        if handler is None:
            return  # unsubscribed a moment ago
        try:
            handler(data)
        except msgspec.DecodeError:
            self._counters.drop("bad notice")
            log("notice not readable", topic=topic.decode(errors="replace"))

    def _receive_typing(self, room: Room, data: bytes) -> None:
        if not room.listeners:
            return
        try:
            typist = _decode_typing(data).user
        except msgspec.DecodeError:
            self._counters.drop("bad notice")
            return
        frame = text_frame(data)
        for listener in room.listeners:
            if listener.is_slow:
                self._counters.drop("typing to a slow reader")
            elif listener.user != typist:
                listener.write(frame)
