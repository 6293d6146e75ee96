"""edge: requests of clients and their answers, and edge's calls to services."""

from deploy.grafana.panel import Dashboard, Panel, Query, lag, quantiles, rate

EDGE = Dashboard(
    "hubbub-edge",
    "Hubbub: edge",
    (
        Panel(
            "Requests by route",
            "reqps",
            "One route far above the others is a client that polls, or one that repeats what is "
            "refused: see the status beside it.",
            (Query(rate('hubbub_edge_requests_total{route=~"/api/.*"}', "route"), "{{route}}"),),
        ),
        Panel(
            "Requests by status",
            "reqps",
            "Many 401 or 429: somebody guesses passwords or floods, and is held off. 503: a "
            "service is gone, see the circuits.",
            (Query(rate("hubbub_edge_requests_total", "status"), "{{status}}"),),
        ),
        Panel(
            "Time of a request",
            "s",
            "Compare with the calls below: the difference is edge's own.",
            quantiles("hubbub_edge_request_seconds", '{route=~"/api/.*"}'),
        ),
        Panel(
            "Time of calls to others",
            "s",
            "The slow one has the trouble: open its dashboard.",
            (
                Query(
                    "histogram_quantile(0.99, sum by (le, to)"
                    ' (rate(hubbub_call_seconds_bucket{role="edge"}[$__rate_interval])))',
                    "{{to}}, 99 of 100",
                ),
            ),
        ),
        Panel(
            "Calls by outcome",
            "reqps",
            "`timed out` or `broken` for one replica only: that process hangs or dies; its log "
            "says why.",
            (
                Query(
                    rate('hubbub_calls_total{role="edge"}', "to, replica, outcome"),
                    "{{to}} {{replica}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Calls given up",
            "reqps",
            "Each was a 503 for somebody: see which service has no process that is ready.",
            (Query(rate('hubbub_calls_given_up_total{role="edge"}', "to"), "{{to}}"),),
        ),
        Panel(
            "Replicas known, and out",
            "short",
            "Known 0, or all out: leases do not arrive or probes fail; see whether Valkey and the "
            "processes are there.",
            (
                Query('min by (of) (hubbub_known_replicas{role="edge"})', "{{of}}"),
                Query('max by (to) (hubbub_replicas_out{role="edge"})', "{{to}} out"),
            ),
        ),
        Panel(
            "Messages in one call",
            "short",
            "It grows with load, and that is right; always near 200 means that chats is the slow "
            "part.",
            quantiles("hubbub_edge_send_batch_messages"),
        ),
        Panel(
            "Cached reads by source",
            "ops",
            "`owner` far above the others: the cache does not help; see whether its nodes are out, "
            "else give it more memory.",
            (Query(rate("hubbub_edge_reads_total", "of, source"), "{{of}} from {{source}}"),),
        ),
        Panel(
            "Cache nodes out",
            "short",
            "Above 0 its share of the reads goes to the owners, which is slower and no more: see "
            "the log of that cache.",
            (Query("max (hubbub_edge_cache_nodes_out)", "out"),),
        ),
        lag("edge"),
    ),
)
