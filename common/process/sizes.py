"""`HUBBUB_SIZE`: values of variables that the operator has not set.

Knows names and values alone; what each variable means is said where it is declared.
"""

from collections.abc import Mapping
from typing import Final, Literal

from common.process.variables import Variable, choice

Size = Literal["usual", "small"]

SIZE: Final = Variable(
    "HUBBUB_SIZE",
    choice(usual="usual", small="small"),
    "`small`: for a server of 512 MB and 50 people. One process of each role, small pools and "
    "caches; a variable that is set wins over it.",
    "usual",
)
ONE_OF_EACH: Final = "edge=1,realtime=1,files=1,users=1,chats=1"
_SMALL: Final = {
    "HUBBUB_USERS_POOL_SIZE": "4",
    "HUBBUB_CHATS_POOL_SIZE": "6",
    "HUBBUB_CHATS_WINDOW_BYTES": str(8 * 2**20),
    "HUBBUB_EDGE_CACHE_BYTES": str(8 * 2**20),
    "HUBBUB_PICTURES_AT_ONCE": "1",
    "HUBBUB_LOG_BYTES": str(64 * 2**20),
}


def sized(env: Mapping[str, str]) -> Mapping[str, str]:
    """The environment plus the variables that the size sets. Raises SettingsError."""
    if SIZE.read(env) != "small":
        return env
    named = env.get("HUBBUB_REPLICAS", "")
    return {
        **_SMALL,
        **{name: value for name, value in env.items() if value},
        "HUBBUB_REPLICAS": f"{ONE_OF_EACH},{named}",  # the last one named wins
    }
