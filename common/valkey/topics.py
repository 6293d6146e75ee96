"""The only place where Valkey's channel and key names are spelled.

Names of chats and users carry a partition tag `{pN}` from the first day, so that sharded pub/sub
on a cluster changes no name. HUBBUB_TOPIC_PREFIX keeps tests on one Valkey apart.
"""

from typing import Final
from zlib import crc32

PARTITIONS: Final = 128


class Topics:
    """Channel names under one prefix. Ids in them are made by servers only."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.digest = f"{prefix}digest"
        self.revoked = f"{prefix}revoked"
        self.presence_asks = f"{prefix}presence"
        # Of one partition, so that a cluster keeps them in order too.
        self.markers = f"{prefix}{{p0}}markers"

    def _tag(self, id_: str) -> str:
        return f"{self._prefix}{{p{crc32(id_.encode()) % PARTITIONS}}}"

    def chat(self, chat: str) -> str:
        """Durable events of one chat; payloads are common.protocol.payload's."""
        return f"{self._tag(chat)}chat:{chat}"

    def user(self, user: str) -> str:
        """Notices for one person's sockets: JSON of protocol.chats.Joined."""
        return f"{self._tag(user)}user:{user}"

    def typing(self, chat: str) -> str:
        """Ephemeral `typing` frames of one chat, as the JSON that clients get."""
        return f"{self._tag(chat)}typing:{chat}"

    def presence(self, user: str) -> str:
        """What nodes say of a user to those that watch them."""
        return f"{self._tag(user)}presence:{user}"

    def presence_node(self, node: str) -> str:
        """What nodes answer to one that has asked on `presence_asks`."""
        return f"{self._prefix}presence:{node}"

    def presence_of(self, node: str) -> str:
        """A hash: what the node has said of its users who are watched."""
        return f"{self._prefix}presence:{node}"

    def canary(self, node: str) -> str:
        """What a realtime node publishes to itself to know that the bus carries."""
        return f"{self._prefix}canary:{node}"

    def replicas(self, role: str) -> str:
        """A sorted set of addresses by the Unix milliseconds until which each lease holds."""
        return f"{self._prefix}replicas:{role}"

    def bucket(self, kind: str, whom: str) -> str:
        """The token bucket of one person, or of one hashed name or address."""
        return f"{self._tag(whom)}bucket:{kind}:{whom}"

    def familiar(self, account: str, address: str) -> str:
        """That an account was used from an address; both are hashed."""
        return f"{self._tag(account)}familiar:{account}:{address}"
