"""What edge counts, for Prometheus. No label ever holds what a client wrote."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter(
    "hubbub_edge_requests_total", "Requests answered.", ("method", "route", "status")
)
SEND_BATCH: Final = Histogram(
    "hubbub_edge_send_batch_messages",
    "Messages that went to chats in one call.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200),
)
SECONDS: Final = Histogram(
    "hubbub_edge_request_seconds",
    "From the request's headers to the end of its answer.",
    ("route",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
READS: Final = Counter(
    "hubbub_edge_reads_total",
    "Cached reads, by what was read and from where: this process, a cache node, or its owner.",
    ("of", "source"),
)
CACHE_NODES_OUT: Final = Gauge(
    "hubbub_edge_cache_nodes_out", "Cache nodes that are not asked for now."
)
