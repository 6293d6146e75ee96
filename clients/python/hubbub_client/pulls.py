"""Loads missed events page by page, until nothing is missing or the socket that needed them has
ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from hubbub_client.errors import HubbubError, NoAnswer, NotFound, Unauthenticated
from hubbub_client.session import Output, Pull, Session

AGAIN_SECONDS: Final = 1.0
MAX_AGAIN_SECONDS: Final = 60.0  # whatever the server requests
MAX_PAGES: Final = 8  # in flight: by so much may what waits for a slow program exceed its limit

_log = logging.getLogger(__name__)

FetchEvents = Callable[[str, int], Awaitable[dict[str, Any]]]


def again_seconds(error: HubbubError) -> float:
    """How long to wait after an attempt that failed."""
    return min(max(AGAIN_SECONDS, error.retry_after), MAX_AGAIN_SECONDS)


class Pulls:
    """`fetch_events` returns the page of `/events` of a chat after a seq, and raises HubbubError.
    `follow` handles an output for a page. While `has_room` is clear, no page is requested."""

    def __init__(
        self,
        session: Session,
        fetch_events: FetchEvents,
        follow: Callable[[Output], None],
        has_room: asyncio.Event,
    ) -> None:
        self._session = session
        self._fetch_events = fetch_events
        self._follow = follow
        self._has_room = has_room
        self._pages = asyncio.Semaphore(MAX_PAGES)

    async def load(self, first: Pull) -> None:
        """Raises Unauthenticated."""
        next_: Pull | None = first
        while next_ is not None and self._session.wants(next_):
            pull, seconds = next_, AGAIN_SECONDS
            async with self._pages:
                try:
                    outputs = await self._page(pull)
                except Unauthenticated:
                    raise
                except HubbubError as error:
                    outputs, seconds = [pull], again_seconds(error)
                next_ = self._follow_page(pull, outputs)
                if next_ is None or next_.after != pull.after:
                    continue
                # It brought nothing. No other chat takes its place among the pages meanwhile:
                # however many are behind, a server in trouble gets few requests.
                await asyncio.sleep(AGAIN_SECONDS)
            await asyncio.sleep(seconds - AGAIN_SECONDS)

    def _follow_page(self, pull: Pull, outputs: list[Output]) -> Pull | None:
        """The pull of the chat's next page, if there is one."""
        next_ = None
        for output in outputs:
            if isinstance(output, Pull) and output.chat == pull.chat:
                next_ = output
            else:
                self._follow(output)
        return next_

    async def _page(self, pull: Pull) -> list[Output]:
        """The session's outputs for the next page, if it is still needed when there is room. Raises
        HubbubError if it fails."""
        await self._has_room.wait()
        if not self._session.wants(pull):
            return []
        try:
            page = await self._fetch_events(pull.chat, pull.after)
        except NotFound:
            return self._session.gone(pull)
        try:
            return self._session.pulled(pull, page["events"], more=page["more"])
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("What came for chat %s is no page of events: %r", pull.chat, error)
            raise NoAnswer("what came is no page of events") from error
