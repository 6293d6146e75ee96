"""This node's figures for Prometheus, read from plain numbers when somebody asks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from realtime.counters import Counters

Gauges = Mapping[str, tuple[str, Callable[[], float]]]


class NodeCollector(Collector):
    """`gauges` and `sums`, which only grow, are asked for at each scrape; names are without the
    prefix."""

    def __init__(self, counters: Counters, gauges: Gauges, sums: Gauges) -> None:
        self._counters = counters
        self._gauges = gauges
        self._sums = sums

    def collect(self) -> Iterator[Any]:
        counters = self._counters
        for name, text, value in (
            ("accepted_connections", "TCP connections taken.", counters.accepted),
            ("bus_payloads", "Messages from the bus.", counters.payloads),
            ("deliveries", "Events written to sockets.", counters.deliveries),
            ("sends", "Sends taken from sockets.", counters.sends),
            ("repairs", "Slices asked for to fill holes.", counters.repairs),
            ("replayed_events", "Events given to sockets that resumed.", counters.replayed),
            ("canary_songs_failed", "Songs that chats did not take.", counters.songs_failed),
            *((name, text, read()) for name, (text, read) in self._sums.items()),
        ):
            yield CounterMetricFamily(f"hubbub_realtime_{name}", text, value=value)
        for name, text, label, values in (
            ("ends", "Ended sockets by close code.", "code", counters.ends),
            ("refused_handshakes", "Refused by status.", "status", counters.refused_handshakes),
            ("drops", "What was thrown away, and why.", "reason", counters.drops),
            ("bus_losses", "Lost connections to Valkey.", "reason", counters.bus_losses),
        ):
            family = CounterMetricFamily(f"hubbub_realtime_{name}", text, labels=[label])
            for key, number in values.items():
                family.add_metric([key], number)
            yield family
        for name, text, times in (
            ("join", "From a verified connect to ready.", counters.join_times),
            ("send", "From a send on a socket to its answer.", counters.send_times),
            ("canary", "From a song to its coming back.", counters.canary_times),
        ):
            yield HistogramMetricFamily(
                f"hubbub_realtime_{name}_seconds", text, buckets=times.buckets, sum_value=times.sum
            )
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(f"hubbub_realtime_{name}", text, value=read())
