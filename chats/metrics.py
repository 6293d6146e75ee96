"""The metrics of chats. The collectors live in prometheus_client's registry, one per process."""

from prometheus_client import Counter, Gauge, Histogram

from common.process import symptoms

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

BATCH_MESSAGES = Histogram(
    "hubbub_chats_batch_messages",
    "Events a batch: messages and what changes them",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
BATCH_SECONDS = Histogram(
    "hubbub_chats_batch_seconds",
    "Seconds a batch's transaction took, with its repeats",
    buckets=_SECONDS,
)
APPENDED = Counter("hubbub_chats_appended", "Events that belong to messages, stored", ["kind"])
BATCHES_FAILED = Counter(
    "hubbub_chats_batches_failed", "Batches that PostgreSQL did not take and that are posted again"
)
SENDS_WAIT_SECONDS = Histogram(
    "hubbub_chats_sends_wait_seconds",
    "Seconds the oldest item of a batch had waited when its transaction began",
    buckets=_SECONDS,
)
SENDS_WAITING = Gauge("hubbub_chats_sends_waiting", "Items that wait for a transaction")
SENDS_REFUSED = Counter("hubbub_chats_sends_refused", "Items refused", ["code"])
SENDS_REPEATED = Counter("hubbub_chats_sends_repeated", "Items that made no event: repeats")
MARKERS = Counter("hubbub_chats_markers", "Read markers that somebody asked to move", ["outcome"])
MARKER_SECONDS = Histogram(
    "hubbub_chats_marker_seconds",
    "Seconds the transaction of a batch of read markers took",
    buckets=_SECONDS,
)
PUBLISHED = Counter("hubbub_chats_published", "Payloads published", ["by"])
BUS_UP = Gauge("hubbub_chats_bus_up", "1 while Valkey takes what this replica publishes")
PUBLISH_FAILED = Counter("hubbub_chats_publish_failed", "Publishes that Valkey did not take")
PUBLISH_DROPPED = Counter("hubbub_chats_publish_dropped", "Payloads left to the sweep", ["reason"])
OUTBOX_ROWS = Gauge(
    "hubbub_chats_outbox_rows",
    "Batches of events not known to be published; an estimate above 10,000",
)
OUTBOX_AGE_SECONDS = Gauge("hubbub_chats_outbox_age_seconds", "Age of the oldest of their events")
WINDOW_BYTES = Gauge("hubbub_chats_window_bytes", "Bytes of recent events in memory")
SHOWN = Counter(
    "hubbub_chats_shown",
    "Chats shown, `chat`, and what is the reader's own of them, `own`, by source",
    ["of", "source"],
)
HELD_BYTES = Gauge("hubbub_chats_held_bytes", "Bytes of what was read of chats lately, in memory")
SLICES = Counter("hubbub_chats_slices", "Slices answered", ["source"])
CHANGES = Counter("hubbub_chats_changes", "Ends of attempts to change a chat", ["end"])
CHANGE_SECONDS = Histogram(
    "hubbub_chats_change_seconds",
    "Seconds a change of a chat took, users included",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
BACKGROUND_FAILED = Counter("hubbub_chats_background_failed", "Background work that failed", ["of"])
SEARCH_FED = Counter("hubbub_chats_search_fed", "Messages, edits and deletions put into the index")
SEARCH_BEHIND_CHATS = Gauge(
    symptoms.SEARCH_BEHIND_CHATS, "Chats with events that are not in the search index"
)
SEARCH_BEHIND_SECONDS = Gauge(
    symptoms.SEARCH_BEHIND_SECONDS,
    "For how long the index has lacked the oldest of them",
)
SEARCH_LACKS_WORDS = Gauge(
    symptoms.SEARCH_LACKS_WORDS,
    "1 where the index of words is missing: it is being made anew, or that was interrupted",
)
PUSH_OFFERED = Counter("hubbub_chats_push_offered", "Messages offered to users for people to tell")
PUSH_DROPPED = Counter(
    "hubbub_chats_push_dropped", "Chats with messages of which nobody is told", ["reason"]
)
LINKS_FOUND = Counter("hubbub_chats_links_found", "Messages and edits with links to preview")
LINKS_DROPPED = Counter(
    "hubbub_chats_links_dropped", "Messages and edits without previews: no room, or they failed"
)
PUSH_BEHIND_SECONDS = Gauge(
    "hubbub_chats_push_behind_seconds", "For how long the oldest message was not offered"
)
