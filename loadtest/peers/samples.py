"""What the processes of a Hubbub count themselves: their /metrics, summed over a role."""

import urllib.request
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from loadtest.peers.hubbub import Hubbub
from loadtest.peers.process import LOOPBACK


def read_counts(hubbub: Hubbub, role: str, name: str, label: str) -> Counter[str]:
    """A counter by one of its labels, over all processes of the role."""
    found: Counter[str] = Counter()
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
                    found[sample.labels[label]] += int(sample.value)
    return found
