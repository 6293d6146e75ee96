"""From a chat's stream to its sockets: events become one frame for all sockets that hear the chat,
and control entries take effect at their seq. Nothing here waits."""

from itertools import groupby

import msgspec

from common.process.logs import current_trace, log
from common.protocol.chats import Control
from common.protocol.frames import SomebodyTyping
from common.protocol.payload import Payload
from realtime.counters import Counters
from realtime.fan_out.hub import Hub, Room
from realtime.protocol.frames import event_frames, text_frame

_decode_typing = msgspec.json.Decoder(SomebodyTyping).decode


class Delivery:
    """Writes to a room's sockets the events that are due."""

    def __init__(self, hub: Hub, counters: Counters) -> None:
        self._hub = hub
        self._counters = counters

    def take(self, room: Room, payload: Payload) -> None:
        """Takes a payload that was fetched."""
        for due in room.stream.offer(payload):
            self.deliver_payload(room, due)
        room.wake_waiters()

    def abandon(self, room: Room) -> None:
        """Events between the head and the rest of the chat's log are lost for good: who was removed
        before the end is no longer known, so no socket may hear it. Each reconnects and gets the
        chats that its user is in now."""
        room.is_closed = True
        for listener in tuple(room.listeners):
            listener.send_away()
        log("room abandoned", chat=room.chat, seq=room.stream.head)
        room.stream.skip_to(room.stream.known)
        room.wake_waiters()

    def deliver(self, room: Room, texts: list[bytes]) -> None:
        """Lines of events without control entries, as one frame."""
        listeners = room.listeners
        if not listeners or not texts:
            return
        text = texts[0] if len(texts) == 1 else b"\n".join(texts)
        frame = event_frames(text)
        for write in listeners.values():
            write(frame)
        self._counters.deliveries += len(listeners) * (text.count(b"\n") + 1)

    def deliver_payload(self, room: Room, payload: Payload) -> None:
        """Events and their control entries, each at its seq."""
        if not payload.controls:
            self.deliver(room, [payload.text])
            return
        lines = payload.text.split(b"\n")
        done = 0
        in_order = sorted(payload.controls, key=lambda control: control.seq)
        for seq, controls in groupby(in_order, key=lambda control: control.seq):
            at = seq - payload.first
            self.deliver(room, lines[done : at + 1])
            done = at + 1
            for control in controls:
                self._apply_control(room, control, lines[at])
        self.deliver(room, lines[done:])

    def show_typing(self, room: Room, data: bytes) -> None:
        """A `typing` frame, for everybody except the sender. Raises msgspec.DecodeError."""
        if not room.listeners:
            return
        typist = _decode_typing(data).user
        frame = text_frame(data)
        for listener in room.listeners:
            if listener.is_slow:
                self._counters.drop("typing to a slow reader")
            elif listener.user != typist:
                listener.write(frame)

    def _apply_control(self, room: Room, control: Control, event: bytes) -> None:
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
