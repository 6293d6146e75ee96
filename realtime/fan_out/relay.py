"""The hot loop: relays messages of the bus to the sockets that hear them.

The cost is per delivery, so a delivery is one call of a listener's `write` with a frame that was
built once. It decodes no event; only the few payloads with control entries are unpacked. Nothing
here waits.
"""

import struct

import msgspec

from common.process.logs import log
from common.protocol.payload import HEADER_BYTES, read_header, unpack
from realtime.counters import Counters
from realtime.fan_out.delivery import Delivery
from realtime.fan_out.hub import Room
from realtime.fan_out.rooms import REORDER_GRACE_SECONDS, Rooms
from realtime.fan_out.subscriptions import Subscriptions


class Relay:
    """Payloads of chats go to rooms, everything else to its topic's handler."""

    def __init__(
        self,
        rooms: Rooms,
        subscriptions: Subscriptions,
        delivery: Delivery,
        counters: Counters,
    ) -> None:
        self._rooms = rooms
        self._subscriptions = subscriptions
        self._delivery = delivery
        self._counters = counters

    def receive(self, messages: list[list[bytes]]) -> None:
        """All messages of one read of the bus, as [kind, topic, payload] each.

        A chat's events among them become one frame. uvloop collects what is written to a socket
        within one turn of the loop and sends it with one system call, so chats are not joined here.

        A payload that is next in its chat and has no control entries, which is almost every one,
        creates no object except its text: a Payload each would be most of the cost of reading many
        chats.
        """
        due: dict[Room, list[bytes]] = {}
        rooms = self._rooms.by_topic
        for _, topic, data in messages:
            room = rooms.get(topic)
            if room is None:
                self._receive_other(topic, data)
                continue
            try:
                first, size, controls = read_header(data)
            except struct.error:
                self._drop(topic, "bad payload")
                continue
            if controls or not room.stream.follow(first, size):
                self._receive_unusual(room, topic, data, due)
                continue
            texts = due.get(room)
            if texts is None:
                due[room] = [data[HEADER_BYTES:]]
            else:
                texts.append(data[HEADER_BYTES:])
        deliver = self._delivery.deliver
        for room, texts in due.items():
            deliver(room, texts)
            if room.waiters:
                room.wake_waiters()
        self._counters.payloads += len(messages)

    def _receive_unusual(
        self, room: Room, topic: bytes, data: bytes, due: dict[Room, list[bytes]]
    ) -> None:
        """Payloads with control entries, or out of order; adds to what is due."""
        try:
            payload = unpack(data)
        except msgspec.DecodeError:
            self._drop(topic, "bad payload")
            return
        for next_due in room.stream.offer(payload):
            texts = due.setdefault(room, [])
            if next_due.controls:
                self._delivery.deliver(room, texts)
                texts.clear()
                self._delivery.deliver_payload(room, next_due)
            else:
                texts.append(next_due.text)
        if room.stream.is_behind:
            self._rooms.repair(room, REORDER_GRACE_SECONDS)

    def _receive_other(self, topic: bytes, data: bytes) -> None:
        try:
            if (room := self._rooms.by_typing_topic.get(topic)) is not None:
                self._delivery.show_typing(room, data)
            else:
                self._subscriptions.handle(topic, data)
        except msgspec.DecodeError:
            self._drop(topic, "bad notice")

    def _drop(self, topic: bytes, reason: str) -> None:
        self._counters.drop(reason)
        log(reason, topic=topic.decode(errors="replace"))
