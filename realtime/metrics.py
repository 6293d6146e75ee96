"""This node's metrics for Prometheus, read from plain numbers at each scrape."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from common.process import symptoms
from realtime.fan_out.bus_watch import REASONS
from realtime.fan_out.fan_out import FanOut
from realtime.fan_out.upstream import Chats
from realtime.sockets.services import Services

PREFIX = "hubbub_realtime_"


class NodeCollector(Collector):
    """Counts and sizes of the node's parts."""

    def __init__(self, services: Services, fan_out: FanOut, chats: Chats) -> None:
        self._services = services
        self._fan_out = fan_out
        self._chats = chats

    def collect(self) -> Iterator[Any]:
        yield from self._sums()
        yield from self._counts_by_reason()
        yield from self._times()
        yield from self._gauges()

    def _sums(self) -> Iterator[CounterMetricFamily]:
        counters, sends = self._services.counters, self._chats.sends
        for name, text, value in (
            ("accepted_connections", "TCP connections taken.", counters.accepted),
            ("bus_payloads", "Messages from the bus.", counters.payloads),
            ("deliveries", "Events written to sockets.", counters.deliveries),
            ("sends", "Sends taken from sockets.", counters.sends),
            ("markers", "Read markers of sockets that were sent to chats.", counters.markers),
            ("marker_calls", "Calls for read markers.", self._services.markers.lanes.calls),
            (
                "presence_told",
                "Messages about users, for each node that heard.",
                counters.presence_told,
            ),
            (
                "presence_changes",
                "Changes of watched users, told to sockets.",
                counters.presence_changes,
            ),
            ("repairs", "Slices asked for to fill gaps.", counters.repairs),
            ("replayed_events", "Events given to sockets that resumed.", counters.replayed),
            ("canaries_refused", "Canaries that chats did not commit.", counters.canaries_refused),
            ("send_calls", "Calls for sends.", sends.calls),
            ("send_items", "Sends in these calls.", sends.items),
        ):
            yield CounterMetricFamily(PREFIX + name, text, value=value)

    def _counts_by_reason(self) -> Iterator[CounterMetricFamily]:
        counters = self._services.counters
        for name, text, label, values in (
            ("ends", "Ended sockets by close code, ours or the client's.", "code", counters.ends),
            ("refused_handshakes", "Refused by status.", "status", counters.refused_handshakes),
            ("drops", "What was thrown away, and why.", "reason", counters.drops),
            ("bus_losses", "Lost connections to Valkey.", "reason", counters.bus_losses),
        ):
            family = CounterMetricFamily(PREFIX + name, text, labels=[label])
            for key, number in values.items():
                family.add_metric([key], number)
            yield family

    def _times(self) -> Iterator[HistogramMetricFamily]:
        counters = self._services.counters
        for name, text, times in (
            ("join", "From a verified connect to ready.", counters.join_times),
            ("send", "From a send on a socket to its answer.", counters.send_times),
            ("canary", "From sending one to hearing it or a later one.", counters.canary_times),
        ):
            yield HistogramMetricFamily(
                f"{PREFIX}{name}_seconds", text, buckets=times.buckets, sum_value=times.sum
            )

    def _gauges(self) -> Iterator[GaugeMetricFamily]:
        services, fan_out = self._services, self._fan_out
        for name, text, value in (
            ("sockets", "Open sockets.", services.admission.sockets),
            ("handshakes", "Unfinished handshakes.", len(services.pending)),
            ("rooms", "Chats heard here.", len(fan_out.hub.rooms)),
            ("people", "Users with a socket here.", fan_out.hub.count_present()),
            ("watchers", "Sockets that watch users.", services.presence.watchers),
            ("watched", "Users watched by sockets of this node.", services.presence.watched),
            ("watched_here", "Users of this node watched by any.", services.presence.watched_here),
            ("subscriptions", "Topics wanted of the bus.", fan_out.bus.subscriptions),
            ("bus_up", "1 while connected to Valkey and subscribed.", fan_out.bus.is_up),
            (
                "unsent_bytes",
                "Written and not yet taken by the kernel, of all sockets.",
                services.connections.unsent_bytes,
            ),
        ):
            yield GaugeMetricFamily(PREFIX + name, text, value=value)
        yield GaugeMetricFamily(
            symptoms.CANARY_SILENT_SECONDS,
            "Since a canary came back the whole way.",
            value=fan_out.canary.silent_seconds,
        )
        polling = GaugeMetricFamily(
            symptoms.POLLING, "1 while chats is polled for this reason.", labels=["reason"]
        )
        for reason in REASONS:
            polling.add_metric([reason], reason in fan_out.heads.reasons)
        yield polling
