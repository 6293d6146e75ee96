"""The Prometheus metrics of files. No label ever contains text from a client."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from common.process import symptoms
from common.process.tally import Tally

REQUESTS: Final = Tally(
    ("hubbub_files_requests", "Requests answered."),
    ("hubbub_files_request_seconds", "From the request's headers to the end of its answer."),
    labels=("method", "route", "status"),
    timed_by="route",
)
RECEIVED: Final = Counter("hubbub_files_received_bytes", "Bytes of uploads that came in")
SENT: Final = Counter("hubbub_files_sent_bytes", "Bytes of files that went out")
UPLOADS: Final = Gauge("hubbub_files_uploads", "Uploads under way")
BROKEN: Final = Counter("hubbub_files_broken_uploads", "Uploads that ended early", ["reason"])
PREVIEWS: Final = Counter("hubbub_files_previews", "Pictures that were made small", ["end"])
PREVIEW_SECONDS: Final = Histogram(
    "hubbub_files_preview_seconds",
    "Seconds that the process of one picture took",
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10),
)
REMOVED: Final = Counter("hubbub_files_removed", "Files whose bytes were removed", ["why"])
SWEEP_FAILED: Final = Counter("hubbub_files_sweep_failed", "Rounds of the sweep that failed")
STORE_UP: Final = Gauge("hubbub_files_store_up", "1 while the store of the bytes gives and takes")
STORE_FAILING: Final = Gauge(
    symptoms.STORE_FAILING, "1 for what is wrong with the store of the bytes", ["why"]
)
PUSHES: Final = Counter(
    "hubbub_files_pushes", "Pushes to browsers, by what became of them", ["end"]
)
PUSH_SECONDS: Final = Histogram(
    "hubbub_files_push_seconds",
    "Seconds that push services took to answer",
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
LINKS: Final = Counter("hubbub_files_links", "Links of messages, by what was found", ["end"])
LINK_SECONDS: Final = Histogram(
    "hubbub_files_link_seconds",
    "Seconds until the page of a link was here",
    buckets=(0.1, 0.2, 0.5, 1, 2, 5),
)
