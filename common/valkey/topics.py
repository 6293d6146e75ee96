"""The only place that spells Valkey's channel and key names.

Names of chats and users carry a partition tag `{pN}`, by which a cluster finds their shard.
HUBBUB_TOPIC_PREFIX separates systems that share one Valkey.
"""

from typing import Final
from zlib import crc32

PARTITIONS: Final = 128


class Topics:
    """Names of channels and keys under one prefix. All ids in them come from servers."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.digest = f"{prefix}digest"
        self.revoked = f"{prefix}revoked"
        self.presence_asks = f"{prefix}presence"
        # In one partition, so that a cluster keeps them in order too.
        self.markers = f"{prefix}{{p0}}markers"

    def _tag(self, id_: str) -> str:
        return f"{self._prefix}{{p{crc32(id_.encode()) % PARTITIONS}}}"

    def chat(self, chat: str) -> str:
        """Durable events of one chat; payloads are common.protocol.payload's."""
        return f"{self._tag(chat)}chat:{chat}"

    def user(self, user: str) -> str:
        """What one user's sockets are told: JSON of protocol.chats.Joined, or a notice of
        protocol.notices."""
        return f"{self._tag(user)}user:{user}"

    def typing(self, chat: str) -> str:
        """Ephemeral `typing` frames of one chat, as the JSON that clients get."""
        return f"{self._tag(chat)}typing:{chat}"

    def presence(self, user: str) -> str:
        """What nodes report of a user to the nodes that watch them."""
        return f"{self._tag(user)}presence:{user}"

    def presence_node(self, node: str) -> str:
        """Answers of nodes to one that has asked on `presence_asks`."""
        return f"{self._prefix}presence:{node}"

    def presence_of(self, node: str) -> str:
        """A hash: what the node has reported of its watched users."""
        return f"{self._prefix}presence:{node}"

    def canary(self, node: str) -> str:
        """A realtime node publishes to itself here, to check that the bus delivers."""
        return f"{self._prefix}canary:{node}"

    def replicas(self, role: str) -> str:
        """A sorted set of addresses by the Unix milliseconds until which each lease is valid."""
        return f"{self._prefix}replicas:{role}"

    def bucket(self, kind: str, whom: str) -> str:
        """The token bucket of one user, or of one hashed name or address."""
        return f"{self._tag(whom)}bucket:{kind}:{whom}"

    def familiar(self, account: str, address: str) -> str:
        """That an account was used from an address; both are hashed."""
        return f"{self._tag(account)}familiar:{account}:{address}"
