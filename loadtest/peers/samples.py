"""The metrics of a Hubbub's own processes: their /metrics, summed over a role."""

import urllib.request
from collections import Counter
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from loadtest.peers.hubbub import Hubbub
from loadtest.peers.process import LOOPBACK


def read_counts(hubbub: Hubbub, role: str, name: str, label: str) -> Counter[str]:
    """A counter by one of its labels, over all processes of the role."""
    found: Counter[str] = Counter()
    for labels, value in _read(hubbub, role, name):
        found[labels[label]] += int(value)
    return found


def read_count(hubbub: Hubbub, role: str, name: str) -> int:
    """A counter, or a gauge of things, over all of its labels and all processes of the role."""
    return int(sum(value for _, value in _read(hubbub, role, name)))


def _read(hubbub: Hubbub, role: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for process in hubbub.state().processes:
        if process.role != role:
            continue
        with urllib.request.urlopen(
            f"http://{LOOPBACK}:{process.metrics}/metrics", timeout=10
        ) as response:
            text = response.read().decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    yield sample.labels, sample.value
