"""The first page: health, throughput, latency, drops and scaling."""

from deploy.grafana.panel import Dashboard, Panel, Query, quantiles, rate

OVERVIEW = Dashboard(
    "hubbub-overview",
    "Hubbub",
    (
        Panel(
            "Messages flow",
            "s",
            "Above 15 s what is stored does not come out of a node: run the doctor; its check 14 "
            "says which one, and check 11 how Valkey is.",
            (
                Query("max (hubbub_realtime_canary_silent_seconds)", "longest silence of a canary"),
                Query("max (hubbub_chats_outbox_age_seconds)", "oldest event that waits"),
                Query("max (hubbub_users_oldest_prepared_seconds)", "oldest prepared transaction"),
            ),
        ),
        Panel(
            "Processes that answer",
            "short",
            "Fewer than wanted for more than a minute: `tail` the log of that role.",
            (Query("count by (role) (up == 1)", "{{role}}"),),
        ),
        Panel(
            "Flow",
            "ops",
            "A fall to 0 while people are there: look whether the balancer answers, then at "
            "Messages flow.",
            (
                Query(rate('hubbub_edge_requests_total{route=~"/api/.*"}'), "REST requests"),
                Query(rate("hubbub_realtime_sends_total"), "sends on sockets"),
                Query(rate("hubbub_chats_batch_messages_sum"), "messages stored"),
                Query(rate("hubbub_realtime_deliveries_total"), "deliveries"),
            ),
        ),
        Panel(
            "Sockets",
            "short",
            "A cliff is a node that died or was drained; people are back within seconds. If they "
            "are not, look at the handshakes that realtime refuses.",
            (Query("sum (hubbub_realtime_sockets)", "open"),),
        ),
        Panel(
            "Time of a REST request",
            "s",
            "Slower than usual: the tier dashboards show which step is, from edge down.",
            quantiles("hubbub_edge_request_seconds", '{route=~"/api/.*"}'),
        ),
        Panel(
            "Time of a canary, the whole way",
            "s",
            "This is what a delivery takes. Compare with the time of a batch (chats) and the loop "
            "lag (realtime) to see where it is lost.",
            quantiles("hubbub_realtime_canary_seconds"),
        ),
        Panel(
            "Answers 5xx",
            "reqps",
            "Anything but 0: see which route in the dashboard of edge, and follow one of them with "
            "`make logs TRACE=`.",
            (Query(rate('hubbub_edge_requests_total{status=~"5.."}') + " or vector(0)", "5xx"),),
        ),
        Panel(
            "Drops",
            "ops",
            "`slow consumer` are readers that were cut off and come back; many at once mean a "
            "network that is too narrow. `bad payload`: versions do not fit, restart all.",
            (Query(rate("hubbub_realtime_drops_total", "reason") + " or vector(0)", "{{reason}}"),),
        ),
        Panel(
            "Circuits open",
            "short",
            "A service is not called any more: find out why none of its processes is ready.",
            (Query("max by (role, to) (hubbub_open_circuit)", "{{role}} to {{to}}"),),
        ),
        Panel(
            "Replicas wanted",
            "short",
            "At its maximum for long: allow more with HUBBUB_REPLICAS, or add a machine. Going up "
            "and down: raise calm_seconds of HUBBUB_SCALING.",
            (
                Query(
                    'max by (role) (label_replace(hubbub_fleet_wanted_replicas, "role", "$1", '
                    '"of", "(.*)")) or count by (role) (up)',
                    "{{role}}",
                ),
            ),
        ),
    ),
)
