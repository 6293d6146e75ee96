"""What of a session is in the store: its tokens, its place in each chat and whose that is, the
history's epoch."""

from collections.abc import Mapping

import msgspec

from hubbub_client.outbox import UNSENT
from hubbub_client.rest import Tokens
from hubbub_client.store import Store


class Kept:
    """Written as it changes. The unsent changes beside it are the outbox's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        tokens = self.tokens()
        if tokens is not None and tokens.user != self.user:  # a command has logged in since
            self.forget()
            self.keep_tokens(tokens)

    def tokens(self) -> Tokens | None:
        value = self._store.get("session")
        return None if value is None else msgspec.json.decode(value, type=Tokens)

    def keep_tokens(self, tokens: Tokens | None) -> None:
        if tokens is None:
            self._keep_user(self.user)
            self._store.remove("session")
        else:
            self._keep_user(tokens.user)
            self._store.put("session", msgspec.json.encode(tokens))

    @property
    def user(self) -> str | None:
        """Whose place it is, also when their session has ended; None where there is none."""
        value = self._store.get("user")
        if value is not None:
            return value.decode()
        tokens = self.tokens()
        return None if tokens is None else tokens.user

    def _keep_user(self, user: str | None) -> None:
        if user is not None:
            self._store.put("user", user.encode())

    @property
    def epoch(self) -> str | None:
        value = self._store.get("epoch")
        return None if value is None else value.decode()

    def cursors(self) -> dict[str, int]:
        """The seq up to which the program has had each chat."""
        return {
            name.removeprefix("cursor "): int(self._store.get(name) or 0)
            for name in self._store.names("cursor ")
        }

    def keep_cursors(self, cursors: Mapping[str, int], epoch: str | None) -> None:
        for chat, seq in cursors.items():
            self._store.put(f"cursor {chat}", str(seq).encode())
        if epoch is not None:
            self._store.put("epoch", epoch.encode())

    def forget_cursor(self, chat: str) -> None:
        self._store.remove(f"cursor {chat}")

    def forget_cursors(self) -> None:
        for chat in self.cursors():
            self.forget_cursor(chat)

    def forget(self) -> None:
        """Everything but what is unsent."""
        for name in self._store.names(""):
            if not name.startswith(UNSENT):
                self._store.remove(name)
