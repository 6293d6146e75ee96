"""The call of chats that says who shares a chat with whom: only they may watch each other."""

from common.protocol.chats import Internal


class CompanionsWanted(Internal):
    """Which of these others share a chat with the user?"""

    user: str
    others: list[str]


class CompanionsRequest(Internal):
    wanted: list[CompanionsWanted]


class CompanionsAnswer(Internal):
    """For each one wanted, in order."""

    companions: list[list[str]]
