"""`python -m hubbub_client`: chat from scripts and terminals.

A session is kept in a file (`--store`, by default `~/.config/hubbub/session`), so that one log-in
is enough. Exit codes: 0, 1 if the server refused or did not answer, 2 for a wrong command line, or
an unusable file or text, 130 after Ctrl-C, which is the usual end of `tail` and 0 there.
"""

import argparse
import asyncio
import contextlib
import getpass
import os
import re
import sqlite3
import sys
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

from hubbub_client.chat import Sent
from hubbub_client.client import Client
from hubbub_client.errors import HubbubError, NoAnswer
from hubbub_client.events import MessageSent
from hubbub_client.store import FileStore, MemoryStore

MAX_CHATS: Final = 10_000  # per user
SEND_SECONDS: Final = 30.0
LEFT_SECONDS: Final = 5.0  # for what earlier commands could not send
KEPT: Final = "There was no answer. The message is kept, and the next command sends it."
INTERRUPTED: Final = 130
_STEERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class SessionStore:
    """A file of which only the session and unsent changes are used. Each command starts with new
    events, however long ago the last one was, and does not move the position of a bot that shares
    the file."""

    def __init__(self, path: Path) -> None:
        self._file, self._here = FileStore(path), MemoryStore()

    def _home(self, name: str) -> FileStore | MemoryStore:
        is_kept = name == "session" or name.startswith("unsent ")
        return self._file if is_kept else self._here

    def get(self, name: str) -> bytes | None:
        return self._home(name).get(name)

    def put(self, name: str, value: bytes) -> None:
        self._home(name).put(name, value)

    def remove(self, name: str) -> None:
        self._home(name).remove(name)

    def names(self, beginning: str) -> list[str]:
        kept = [name for name in self._file.names(beginning) if self._home(name) is self._file]
        return [*kept, *self._here.names(beginning)]

    def locked(self) -> AbstractAsyncContextManager[None]:
        return self._file.locked()

    def close(self) -> None:
        self._file.close()


async def log_in(client: Client, options: argparse.Namespace) -> None:
    password = os.environ.get("HUBBUB_PASSWORD") or getpass.getpass()
    await client.log_in(options.username, password)
    print(f"Logged in as {options.username}.")


async def log_out(client: Client, _: argparse.Namespace) -> None:
    await client.log_out()


async def chats(client: Client, _: argparse.Namespace) -> None:
    for chat in await client.chats(MAX_CHATS):
        show(chat["id"], chat["chatName"])


async def send(client: Client, options: argparse.Namespace) -> None:
    text = sys.stdin.read().rstrip("\n") if options.text == "-" else options.text
    sent = await in_time(client.chat(options.chat).send(text))
    print(sent.message_id)


async def in_time(sending: Awaitable[Sent]) -> Sent:
    """Raises NoAnswer instead of waiting until the server is back."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            return await sending
    except TimeoutError:
        raise NoAnswer(KEPT) from None


async def tail(client: Client, options: argparse.Namespace) -> None:
    """The newest messages, then new ones, one per line, until Ctrl-C."""
    chat = client.chat(options.chat)
    await chat.load()
    while chat.has_older and len(chat.messages) < options.lines:
        await chat.load_older()
    messages = chat.messages
    for message in messages[max(0, len(messages) - options.lines) :]:
        show(message.at, message.by, message.message)
    last = max((message.seq for message in messages), default=0)
    async for event in client.events():
        if isinstance(event, MessageSent) and event.chat == chat.id and event.seq > last:
            show(event.at, event.by, event.message)


async def upload(client: Client, options: argparse.Namespace) -> None:
    """Sends the file as a separate message."""
    path = Path(options.file)
    data = await asyncio.to_thread(path.read_bytes)
    chat = client.chat(options.chat)
    file = await chat.upload(path.name, data)
    sent = await in_time(chat.send(options.text, attachments=[file.id]))
    print(sent.message_id)


async def search(client: Client, options: argparse.Namespace) -> None:
    messages, _ = await client.search(options.text, chat=options.chat)
    for message in messages:
        show(message.chat, message.at, message.by, message.message)


def show(*fields: str) -> None:
    """One line with the fields separated by tabs. Line ends, tabs and terminal control characters
    in them are escaped as in Python's strings."""
    print(
        *(_STEERS.sub(lambda found: repr(found[0])[1:-1], field) for field in fields),
        sep="\t",
        flush=True,
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hubbub-client", description=__doc__)
    home = Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser()
    parser.add_argument(
        "--origin", default=os.environ.get("HUBBUB_ORIGIN", "http://127.0.0.1:8000")
    )
    parser.add_argument("--store", type=Path, default=home / "hubbub" / "session")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("log-in", help="takes HUBBUB_PASSWORD, or asks for it")
    command.add_argument("username")
    command.set_defaults(run=log_in)
    command = commands.add_parser("log-out", help="ends the session and forgets it")
    command.set_defaults(run=log_out)
    command = commands.add_parser("chats", help="lists ids and names")
    command.set_defaults(run=chats)
    command = commands.add_parser("send", help="sends a message; `-`: from stdin")
    command.add_argument("chat")
    command.add_argument("text")
    command.set_defaults(run=send)
    command = commands.add_parser("tail", help="shows new messages, until Ctrl-C")
    command.add_argument("chat")
    command.add_argument("--lines", type=int, default=10, help="older messages to show first")
    command.set_defaults(run=tail)
    command = commands.add_parser("upload", help="sends a file")
    command.add_argument("chat")
    command.add_argument("file")
    command.add_argument("--text", default="", help="of its message")
    command.set_defaults(run=upload)
    command = commands.add_parser("search", help="finds messages with all of these words")
    command.add_argument("text")
    command.add_argument("--chat")
    command.set_defaults(run=search)
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace) -> int:
    store = SessionStore(options.store)
    try:
        async with Client(options.origin, store) as client:
            await options.run(client, options)
            with contextlib.suppress(HubbubError, TimeoutError):
                async with asyncio.timeout(LEFT_SECONDS):
                    await client.outbox.empty()
    except HubbubError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        store.close()
    return 0


def main() -> int:
    options = parse()
    try:
        code = asyncio.run(run(options))
        print(end="", flush=True)
    except KeyboardInterrupt:
        return 0 if options.run is tail else INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UnicodeError:
        return fail("The text is not UTF-8.")
    except EOFError:
        return fail("There is no password: set HUBBUB_PASSWORD.")
    except (OSError, sqlite3.Error) as error:
        return fail(error)
    return code


def fail(error: object) -> int:
    print(error, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
