"""The outbox of chats' database: each method models the function of that name in
chats/store/outbox."""

from chats.store.log import LogRow
from chats.store.outbox import MAX_COUNTED, OutboxRow, OutboxSize
from simulation.store.tables import Tables


class Outbox(Tables):
    """Rows of events that are not known to be published."""

    def claim_rows(self, *, above: int, older_than_ms: int, limit: int) -> list[OutboxRow]:
        before = self._clock() - older_than_ms / 1000
        due = [
            row
            for row in self.outbox.values()
            if row.id > above and row.since < before and (row.claimed_at or 0) < before
        ][:limit]
        for row in due:
            self.outbox[row.id] = row._replace(claimed_at=self._clock())
        return [OutboxRow(row.id, row.chat, row.first, row.last) for row in due]

    def read_claimed_events(
        self, ranges: list[tuple[str, int, int]], newest: int
    ) -> list[list[LogRow]]:
        found = []
        for id_, first, last in ranges:
            chat = self.chats.get(id_)
            entries = [e for e in chat.log.values() if first <= e.seq <= last] if chat else []
            found.append([LogRow(e.seq, e.event, e.controls) for e in entries[-newest:]])
        return found

    def mark_published(self, ids: list[int]) -> None:
        for id_ in ids:
            self.outbox.pop(id_, None)

    def find_newest_id(self) -> int:
        return max(self._last_row, 1)

    def is_empty_between(self, above: int, upto: int) -> bool:
        return not any(above < id_ <= upto for id_ in self.outbox)

    def list_unpublished(self, newest: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
        floor = self.find_newest_id() - newest
        heads: dict[str, int] = {}
        changed: list[tuple[str, str]] = []
        for row in self.outbox.values():
            if row.id <= floor:
                continue
            heads[row.chat] = max(heads.get(row.chat, 0), row.last)
            chat = self.chats.get(row.chat)
            for entry in chat.log.values() if chat else ():
                if row.first <= entry.seq <= row.last and entry.controls is not None:
                    changed.append((row.chat, entry.controls))
        return heads, changed

    def measure(self, *, above: int) -> OutboxSize:
        rows = [row for row in self.outbox.values() if row.id > above]
        if not rows:
            return OutboxSize(0, 0.0)
        count = len(rows) if len(rows) < MAX_COUNTED else self._last_row - rows[0].id + 1
        return OutboxSize(count, self._clock() - rows[0].since)
