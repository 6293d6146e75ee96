"""Edge's metrics. No label ever contains text from a client."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from common.process import symptoms
from common.process.tally import Tally

REQUESTS: Final = Tally(
    ("hubbub_edge_requests", "Requests answered."),
    ("hubbub_edge_request_seconds", "From the request's headers to the end of its answer."),
    labels=("method", "route", "status"),
    timed_by="route",
)
SEND_BATCH: Final = Histogram(
    "hubbub_edge_send_batch_messages",
    "Messages that went to chats in one call.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200),
)
READS: Final = Counter(
    "hubbub_edge_reads_total",
    "Cached reads, by what was read and from where: this process, a cache node, or its owner.",
    ("of", "source"),
)
CACHE_NODES_OUT: Final = Gauge(symptoms.CACHE_NODES_OUT, "Cache nodes that are not asked for now.")
