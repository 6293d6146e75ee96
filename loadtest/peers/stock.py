"""Chats and messages as after years of use, written directly into the databases.

The rows are those that the services would have written, byte for byte where clients see them: chats
encodes their events with its own encoder, seqs are dense, users has every participant's membership.
Short-lived rows are left out (results for repeats, decisions, the outbox).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import psycopg

from chats.log.encoding import draft_controls, draft_event, stamp
from chats.membership.chats import draft_snapshot
from common.protocol.chats import Chat, Control
from common.protocol.events import Message
from common.protocol.ids import new_id
from common.protocol.wire import wire_time
from fleet.engines.postgres import Database
from loadtest.peers.hubbub import Hubbub
from loadtest.peers.people import Person

TEXT: Final = "x" * 60
ROWS_A_STATEMENT: Final = 500_000

# The sender is whoever took part first; keys are random, as those of clients are. Heads are read
# before anything is inserted: the end of the log's index would be full of rows not yet visible.
_ADD_MESSAGES: Final = """
WITH heads AS MATERIALIZED (
    SELECT w.chat,
        (SELECT p.member FROM participants p WHERE p.chat = w.chat
         ORDER BY p.position LIMIT 1) AS sender,
        (SELECT max(l.seq) FROM log l WHERE l.chat = w.chat) AS head
    FROM unnest(%(chats)s::uuid[]) AS w (chat)
), messages AS (
    SELECT h.chat, h.sender, h.head + n AS seq, gen_random_uuid() AS key, wire_now() AS at
    FROM heads h, generate_series(1, %(each)s) AS n
)
INSERT INTO log (chat, seq, kind, sender, key, event)
SELECT m.chat, m.seq, 'message', m.sender, m.key,
    convert_to(format(%(form)s, m.chat, m.sender, uuidv7(), m.key, m.seq, m.at), 'UTF8')
FROM messages m
"""


class Stock:
    """Both databases of a Hubbub of the benchmark's own; ends with `close`."""

    def __init__(self, hubbub: Hubbub) -> None:
        (port,) = hubbub.ports("postgres")
        self.chats_url, users_url = (
            Database(
                f"hubbub_{service}",
                (hubbub.data / "keys" / f"{service}-database.password").read_text().strip(),
            ).url(port)
            for service in ("chats", "users")
        )
        self._chats = psycopg.connect(self.chats_url, autocommit=True)
        self._users = psycopg.connect(users_url, autocommit=True)

    def add_chats(self, groups: Sequence[Sequence[Person]]) -> list[str]:
        """A chat for each group, as its first one would have made it. The ids are ascending."""
        made = sorted(new_id() for _ in groups)
        at = wire_time(datetime.now(UTC))
        members = [
            (chat, person.id, position, 1)
            for chat, group in zip(made, groups, strict=True)
            for position, person in enumerate(group, 1)
        ]
        with self._chats.transaction(), self._chats.cursor() as cursor:
            with cursor.copy(
                "COPY chats (id, name, owner, version, participant_count) FROM STDIN"
            ) as rows:
                for chat, group in zip(made, groups, strict=True):
                    rows.write_row((chat, "bench", group[0].id, 1, len(group)))
            with cursor.copy(
                "COPY participants (chat, member, position, joined) FROM STDIN"
            ) as rows:
                for row in members:
                    rows.write_row(row)
            with cursor.copy(
                "COPY log (chat, seq, kind, sender, event, controls) FROM STDIN"
            ) as rows:
                for chat, group in zip(made, groups, strict=True):
                    rows.write_row((chat, 1, "chat.created", *_first_event(chat, group, at)))
        with self._users.transaction(), self._users.cursor() as cursor:
            with cursor.copy("COPY chats (id) FROM STDIN") as rows:
                for chat in made:
                    rows.write_row((chat,))
            with cursor.copy("COPY memberships (user_id, chat_id) FROM STDIN") as rows:
                for chat, member, *_ in members:
                    rows.write_row((member, chat))
        return made

    def add_messages(self, chats: Sequence[str], each: int) -> None:
        """So many more messages in each of the chats, of their first participants."""
        if not each:
            return
        some = max(1, ROWS_A_STATEMENT // each)
        step = min(each, ROWS_A_STATEMENT)
        for i in range(0, len(chats), some):
            for done in range(0, each, step):
                self._chats.execute(
                    _ADD_MESSAGES,
                    {
                        "form": _message_form(),
                        "chats": list(chats[i : i + some]),
                        "each": min(step, each - done),
                    },
                )

    def read_all(self, chats: Sequence[str], person: Person) -> None:
        """The person's markers are at the heads."""
        self._chats.execute(
            "INSERT INTO own_chats (member, chat, joined, read)"
            " SELECT %s::uuid, w.chat, 1, (SELECT max(l.seq) FROM log l WHERE l.chat = w.chat)"
            " FROM unnest(%s::uuid[]) AS w (chat)",
            (person.id, list(chats)),
        )
        self.settle()

    def settle(self) -> None:
        """Does what autovacuum would have done in the meantime."""
        for database in (self._chats, self._users):
            database.execute("VACUUM ANALYZE")

    def copy_messages(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Inserts rows of the log: chat, seq, kind, sender, key, event."""
        with (
            self._chats.cursor() as cursor,
            cursor.copy("COPY log (chat, seq, kind, sender, key, event) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def measure_log_mb(self) -> float:
        """The log's size with its indexes."""
        return self.measure_mb("log")

    def measure_mb(self, *tables: str) -> float:
        """The tables' size with their indexes."""
        row = self._chats.execute(
            "SELECT sum(pg_total_relation_size(t::regclass)) / 1e6 FROM unnest(%s::text[]) t",
            (list(tables),),
        ).fetchone()
        assert row is not None
        return float(row[0])

    def count_updates(self, table: str) -> tuple[int, int]:
        """All, and those that touched no index (HOT), as far as they were reported."""
        row = self._chats.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = %s", (table,)
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def close(self) -> None:
        self._chats.close()
        self._users.close()


def _first_event(chat: str, group: Sequence[Person], at: str) -> tuple[str, bytes, str | None]:
    """Sender, event and controls of the chat's making."""
    owner, ids = group[0].id, [person.id for person in group]
    shown = Chat(
        id=chat, chat_name="bench", participants=ids, participant_count=len(ids), owner=owner,
        seq=1, kind="group",
    )  # fmt: skip
    controls = draft_controls([Control(seq=1, action="join", users=ids)])
    return owner, stamp(draft_snapshot(shown, by=owner), 1, at), controls


def _message_form() -> str:
    """A message's bytes as a text for PostgreSQL's `format`: 1 chat, 2 sender, 3 message id, 4 key,
    5 seq, 6 time."""
    draft = draft_event(
        Message(
            chat="%1$s", by="%2$s", message_id="%3$s", message=TEXT, client_id="%4$s",
            seq=0, at="",
        )
    )  # fmt: skip
    return draft.decode().replace('"seq":0,"at":""', '"seq":%5$s,"at":"%6$s"')
