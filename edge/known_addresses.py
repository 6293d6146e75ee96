"""From where an account has been used: so that strangers who guess cannot lock its owner out.

Kept in Valkey for thirty days and in this process for those it saw itself. Where Valkey is gone,
an address that only other processes saw counts as unknown.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from common.process.logs import log
from common.valkey.client import VALKEY_GONE, Valkey
from common.valkey.topics import Topics

REMEMBER_SECONDS: Final = 30 * 24 * 3600
MAX_OWN: Final = 10_000
ANSWER_SECONDS: Final = 0.05


class KnownAddresses:
    """Pairs of an account and an address, both hashed."""

    def __init__(self, valkey: Valkey, topics: Topics) -> None:
        self._valkey = valkey
        self._topics = topics
        self._own: OrderedDict[str, None] = OrderedDict()

    async def remember(self, account: str, address: str) -> None:
        """The account's owner has proved to be at the address."""
        key = self._topics.familiar(account, address)
        self._own[key] = None
        self._own.move_to_end(key)
        if len(self._own) > MAX_OWN:
            self._own.popitem(last=False)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._valkey.set(key, b"1", ex=REMEMBER_SECONDS)
        except (TimeoutError, *VALKEY_GONE) as error:
            log("a familiar address stays local", error=type(error).__name__)

    async def knows(self, account: str, address: str) -> bool:
        key = self._topics.familiar(account, address)
        if key in self._own:
            return True
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._valkey.get(key) is not None
        except (TimeoutError, *VALKEY_GONE) as error:
            log("familiar addresses unknown", error=type(error).__name__)
            return False
