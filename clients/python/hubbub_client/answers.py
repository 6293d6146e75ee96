"""Messages sent over the socket that have no answer yet. Must not know the socket."""

import asyncio
import re
from collections.abc import Awaitable
from typing import Any, Final

import msgspec

from hubbub_client.errors import NoAnswer
from hubbub_client.session import Answer

ANSWER_TIMEOUT_SECONDS: Final = 15.0

_UUID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Answers:
    """Matches answers to messages by client id."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    def can_come(self, client_id: str, frame: dict[str, Any], max_bytes: int) -> bool:
        """Whether a message would get an answer. A frame that is too long ends the socket, a
        refusal omits a malformed client id, and the same id in two chats would be ambiguous."""
        return (
            client_id not in self._waiting
            and _UUID.fullmatch(client_id) is not None
            and len(msgspec.json.encode(frame)) <= max_bytes
        )

    async def wait(self, client_id: str, sending: Awaitable[None]) -> Answer:
        """The answer to what is being sent. Raises NoAnswer; then the outcome is unknown."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[client_id] = answer
        try:
            await sending
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return await answer
        except TimeoutError as error:
            raise NoAnswer("no answer over the socket") from error
        finally:
            if self._waiting.get(client_id) is answer:
                del self._waiting[client_id]
            if answer.done() and not answer.cancelled():
                answer.exception()  # there may be no caller

    def came(self, answer: Answer) -> None:
        waiting = self._waiting.get(answer.client_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def fail(self) -> None:
        """The socket has ended."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(NoAnswer("the socket ended before the answer"))
