"""Web Push: subscriptions of browsers (users), what to send to whom (chats), and the delivery
results (files). The public calls' fields are beside their routes."""

import re
from typing import Final, Literal
from urllib.parse import urlsplit

from common.protocol.wire import Internal

PushMode = Literal["on", "off", "local"]
"""`local`: also allows push services on this machine, over http, for tests."""
PushLevel = Literal["all", "mentions"]
"""`mentions`: only messages that mention the user, and direct chats."""

MAX_ENDPOINT_CHARACTERS: Final = 1_024
MAX_PUSHED_CHARACTERS: Final = 300  # of a message's text
# base64url of a point of P-256, uncompressed, and of 16 bytes.
BROWSER_KEY_PATTERN: Final = r"^B[A-Za-z0-9_-]{86}=?\Z"
BROWSER_AUTH_PATTERN: Final = r"^[A-Za-z0-9_-]{22}(==)?\Z"
_NAME: Final = re.compile(r"([a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")
_LOCAL: Final = ("127.0.0.1", "localhost")


def wrong_with_endpoint(endpoint: str, mode: PushMode) -> str | None:
    """Checks a push service's address as a browser names it. The addresses that its host name
    resolves to are checked at each delivery."""
    if len(endpoint) > MAX_ENDPOINT_CHARACTERS:
        return f"has more than {MAX_ENDPOINT_CHARACTERS} characters"
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        return "is no URL"
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has more than an address and a path"
    if mode == "local" and parts.scheme == "http" and host in _LOCAL:
        return None
    if parts.scheme != "https":
        return "is no https URL"
    if port not in (None, 443):
        return "has another port than 443"
    return None if _NAME.fullmatch(host) else "has no public name"


# ---- users, called by edge


class PushKey(Internal):
    """The instance's public key, base64url; None if push is off."""

    key: str | None


class SavePush(Internal):
    """The subscription of a session's browser; replaces the previous one."""

    user: str
    session: str
    endpoint: str
    p256dh: str
    auth: str
    level: PushLevel
    silent: bool


class DropPush(Internal):
    """May be repeated."""

    user: str
    session: str


# ---- chats, called by users


class AddPushReader(Internal):
    """From now on new messages are offered for this user."""

    user: str


# ---- users, called by chats


class PushOffer(Internal):
    """The newest message that a user wants to be notified of, of those from `first` on;
    `personal`: it mentions them, or the chat is direct."""

    user: str
    chat: str
    seq: int
    by: str
    personal: bool
    first: int = 0  # no bound, from a process that does not know of it yet


class OfferPushes(Internal):
    offers: list[PushOffer]


class PushesOffered(Internal):
    """Those of the users that have no subscription."""

    unknown: list[str]


# ---- users, called by files


class ClaimPushes(Internal):
    """`contact`: whom push services may contact about this instance; may be empty."""

    limit: int
    contact: str


class ClaimedPush(Internal):
    """To be delivered soon, or another process may claim it. `authorization` is the header for its
    push service, `age_seconds` how long it has waited, `sender` the sender's name, `first` the
    oldest message that may be sent in its place."""

    session: str
    user: str
    chat: str
    seq: int
    sender: str
    attempts: int
    age_seconds: float
    endpoint: str
    p256dh: str
    auth: str
    silent: bool
    authorization: str
    first: int = 0
    level: PushLevel = "all"


class PushesClaimed(Internal):
    pushes: list[ClaimedPush]


class OlderPush(Internal):
    """A message that is to be sent in place of a newer one, and its sender."""

    seq: int
    by: str


class PushOutcome(Internal):
    """`done`: sent, or no longer wanted; `gone`: the browser has no such subscription; `later`:
    retry after so many seconds; `older`: that message is to be sent instead."""

    session: str
    chat: str
    seq: int
    endpoint: str
    outcome: Literal["done", "gone", "later", "older"]
    after_seconds: float = 0.0
    older: OlderPush | None = None


class SettlePushes(Internal):
    outcomes: list[PushOutcome]


# ---- chats, called by files


class PushWanted(Internal):
    """The newest message from `first` to `seq` that is still worth a notification."""

    user: str
    chat: str
    seq: int
    first: int = 0
    level: PushLevel = "all"


class DescribePushes(Internal):
    wanted: list[PushWanted]


class PushNote(Internal):
    """A message as it is now, its text cut; `chat_name` is empty for a direct chat."""

    seq: int
    by: str
    message_id: str
    chat_name: str
    direct: bool
    personal: bool
    at: str
    text: str
    files: list[str]


class PushNotes(Internal):
    """One for each that was requested; None if there is nothing to notify of: it was read or
    deleted, the chat is muted, or the user is not in it."""

    notes: list[PushNote | None]


# ---- realtime, called by files


class ListActive(Internal):
    users: list[str]


class ActiveUsers(Internal):
    """Those of them who have an active socket at this node."""

    users: list[str]
