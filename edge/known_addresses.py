"""Addresses from which an account has been used, so that strangers who guess its password
cannot lock its owner out.

Kept for thirty days in Valkey, and in this process for those it saw itself. While Valkey is down,
an address that only other processes saw counts as unknown.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import Final

from common.process.logs import log
from common.valkey.valkey import Valkey

REMEMBER_SECONDS: Final = 30 * 24 * 3600
MAX_OWN: Final = 10_000
ANSWER_SECONDS: Final = 0.05


class KnownAddresses:
    """Pairs of an account and an address, both hashed."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey
        self._topics = valkey.topics
        self._own: OrderedDict[str, None] = OrderedDict()

    async def remember(self, account: str, address: str) -> None:
        """The account's owner has been authenticated from the address."""
        key = self._topics.familiar(account, address)
        self._own[key] = None
        self._own.move_to_end(key)
        if len(self._own) > MAX_OWN:
            self._own.popitem(last=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                if await self._valkey.keep(key, b"1", seconds=REMEMBER_SECONDS):
                    return
        log("a known address stays local")

    async def knows(self, account: str, address: str) -> bool:
        key = self._topics.familiar(account, address)
        if key in self._own:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._valkey.get(key) is not None
        return False
