"""This node's figures for Prometheus, read from plain numbers when somebody asks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from realtime.counters import Counters


class NodeCollector(Collector):
    """`gauges` are asked for at each scrape; names are without the prefix."""

    def __init__(self, counters: Counters, gauges: Mapping[str, tuple[str, Callable[[], float]]]):
        self._counters = counters
        self._gauges = gauges

    def collect(self) -> Iterator[Any]:
        counters = self._counters
        for name, text, value in (
            ("accepted_connections", "TCP connections taken.", counters.accepted),
            ("bus_payloads", "Messages from the bus.", counters.payloads),
            ("deliveries", "Events written to sockets.", counters.deliveries),
            ("sends", "Sends taken from sockets.", counters.sends),
            ("repairs", "Slices asked for to fill holes.", counters.repairs),
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
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(f"hubbub_realtime_{name}", text, value=read())
