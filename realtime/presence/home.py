"""This node's own users, whom others may want to watch. Pure.

A user whom nobody watches costs one publish when they come to this node; nothing is stored about
them.
"""

from typing import Final

PAUSE_SECONDS: Final = 0.5  # between two announcements about a user


class Home:
    """Decides which users have to be announced; the hub knows what to announce."""

    def __init__(self) -> None:
        self._said_at: dict[str, float] = {}  # of the watched
        self._due: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._said_at)

    def is_watched(self, user: str) -> bool:
        return user in self._said_at

    def list_watched(self) -> list[str]:
        return list(self._said_at)

    def note(self, user: str, now: float, *, arrives: bool) -> None:
        """They have come to this node, or their state has changed."""
        said_at = self._said_at.get(user)
        if said_at is not None:
            self._due.setdefault(user, max(now, said_at + PAUSE_SECONDS))
        elif arrives:
            self._due.setdefault(user, now)

    def watch(self, user: str, now: float) -> None:
        """Somebody watches them, and has just been told."""
        self._said_at[user] = now

    def forget(self, user: str) -> None:
        """Nobody watches them any more."""
        self._said_at.pop(user, None)
        self._due.pop(user, None)

    def take_due(self, now: float) -> list[str]:
        """The users who have to be announced now."""
        due = [user for user, at in self._due.items() if at <= now]
        for user in due:
            del self._due[user]
        return due
