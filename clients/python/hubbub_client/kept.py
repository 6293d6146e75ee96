"""What the store has of a session: its tokens, its position in each chat and the user it belongs
to, the history's epoch."""

import contextlib
from collections.abc import Mapping

import msgspec

from hubbub_client.outbox import UNSENT
from hubbub_client.rest import Tokens
from hubbub_client.store import SharedStore, Store


class Kept:
    """Written when it changes. The unsent changes in the same store belong to the outbox."""

    def __init__(self, store: Store) -> None:
        self._store = store
        tokens = self.tokens()
        if tokens is not None and tokens.user != self.user:  # a command has logged in since
            self.forget()
            self.keep_tokens(tokens)

    def tokens(self) -> Tokens | None:
        value = self._store.get("session")
        return None if value is None else msgspec.json.decode(value, type=Tokens)

    def keep_tokens(self, tokens: Tokens) -> None:
        self._keep_user(tokens.user)
        self._store.put("session", msgspec.json.encode(tokens))

    def forget_tokens(self, ended: Tokens) -> None:
        """Their session has ended. Another program may have stored those of a new one."""
        tokens = self.tokens()
        if tokens is not None and tokens.access == ended.access:
            self._keep_user(self.user)
            self._store.remove("session")

    def locked(self) -> contextlib.AbstractAsyncContextManager[None]:
        """While tokens are refreshed, if other programs may use the store."""
        if isinstance(self._store, SharedStore):
            return self._store.locked()
        return contextlib.nullcontext()

    @property
    def user(self) -> str | None:
        """The user whose position it is, even after their session has ended; None without a
        position."""
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
        """The seq up to which the program has processed each chat."""
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
        """Removes everything except unsent changes."""
        for name in self._store.names(""):
            if not name.startswith(UNSENT):
                self._store.remove(name)
