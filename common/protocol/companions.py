"""The call to chats that tells who shares a chat with whom: only they may watch each other's
presence."""

from common.protocol.wire import Internal


class CompanionsWanted(Internal):
    """Asks which of these users share a chat with the user."""

    user: str
    others: list[str]


class CompanionsRequest(Internal):
    wanted: list[CompanionsWanted]


class CompanionsAnswer(Internal):
    """For each one wanted, in order."""

    companions: list[list[str]]
