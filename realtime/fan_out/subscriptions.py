"""The topics of this node besides those of its rooms, and the handlers of their messages."""

from collections.abc import Callable

from common.valkey.valkey import AnyBus


class Subscriptions:
    """One handler per topic; a handler may raise msgspec.DecodeError."""

    def __init__(self, bus: AnyBus) -> None:
        self._bus = bus
        self._handlers: dict[bytes, Callable[[bytes], None]] = {}

    def add(self, topic: str, handler: Callable[[bytes], None]) -> None:
        """Subscribes the topic; safe to repeat."""
        if topic.encode() not in self._handlers:
            self._handlers[topic.encode()] = handler
            self._bus.subscribe(topic)

    def remove(self, topic: str) -> None:
        self._handlers.pop(topic.encode(), None)
        self._bus.unsubscribe(topic)

    def handle(self, topic: bytes, data: bytes) -> None:
        """Raises what the handler raises."""
        handler = self._handlers.get(topic)
        if handler is not None:  # or it was unsubscribed a moment ago
            handler(data)
