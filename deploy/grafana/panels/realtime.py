"""realtime: sockets, deliveries, and losses that were repaired."""

from deploy.grafana.panel import Dashboard, Panel, Query, lag, quantiles, rate

_R = "hubbub_realtime"

REALTIME = Dashboard(
    "hubbub-realtime",
    "Hubbub: realtime",
    (
        Panel(
            "Sockets by node",
            "short",
            "A node with none while others have many is not in the balancer's pool: see its "
            "health.",
            (Query(f"sum by (instance) ({_R}_sockets)", "{{instance}}"),),
        ),
        Panel(
            "Chats and people heard",
            "short",
            "They fall a minute after the sockets; if they only rise, restart the node and report "
            "it.",
            (
                Query(f"sum ({_R}_rooms)", "chats"),
                Query(f"sum ({_R}_people)", "people"),
            ),
        ),
        Panel(
            "Deliveries by node",
            "ops",
            "Above 50,000 a node needs company: scale realtime.",
            (Query(rate(f"{_R}_deliveries_total", "instance"), "{{instance}}"),),
        ),
        Panel(
            "Sends, and their calls",
            "ops",
            "Calls as many as sends: little load. Sends that fall while people write: look at the "
            "time beside it.",
            (
                Query(rate(f"{_R}_send_items_total"), "sends"),
                Query(rate(f"{_R}_send_calls_total"), "calls"),
            ),
        ),
        Panel(
            "Time of a send",
            "s",
            "Compare with a batch's time in chats; the rest is waiting for the call before.",
            quantiles(f"{_R}_send_seconds"),
        ),
        Panel(
            "Time of a join",
            "s",
            "Slow joins after a node's death are the crowd that comes back; slow ones always: "
            "memberships are slow in chats.",
            quantiles(f"{_R}_join_seconds"),
        ),
        Panel(
            "Joins, and events replayed",
            "ops",
            "Joins without end: clients cannot stay; see the ends by code.",
            (
                Query(rate(f"{_R}_join_seconds_count"), "joins"),
                Query(rate(f"{_R}_replayed_events_total"), "events replayed"),
            ),
        ),
        Panel(
            "Ends by close code",
            "ops",
            "4008: readers too slow. 4006: networks that vanish. 4001: drained. 1011: a bug or "
            "chats is gone, see the log.",
            (Query(rate(f"{_R}_ends_total", "code") + " or vector(0)", "{{code}}"),),
        ),
        Panel(
            "Handshakes refused",
            "ops",
            "403: a page on another origin, add it to HUBBUB_ORIGINS. 503: the node is full or an "
            "address has too many.",
            (
                Query(
                    rate(f"{_R}_refused_handshakes_total", "status") + " or vector(0)",
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            "Drops by reason",
            "ops",
            "Everything dropped is fetched again or was ephemeral; many: see the reason in the "
            "log.",
            (Query(rate(f"{_R}_drops_total", "reason") + " or vector(0)", "{{reason}}"),),
        ),
        Panel(
            "Unsent bytes",
            "bytes",
            "It is bounded by socket; a lot of it is many slow readers, or a narrow network "
            "between node and balancer.",
            (Query(f"sum by (instance) ({_R}_unsent_bytes)", "{{instance}}"),),
        ),
        Panel(
            "The bus",
            "short",
            "0: this node hears nothing from Valkey and polls; messages are up to 2 s late. Check "
            "11 of the doctor.",
            (Query(f"min by (instance) ({_R}_bus_up)", "{{instance}}"),),
        ),
        Panel(
            "Nodes that poll, by reason",
            "short",
            "Above 0: what chats publishes does not arrive, and messages are up to 2 s late. "
            "`bus_down` on one node: its way to Valkey; `digest_missing` or `canary_missing` on "
            "all: chats' way to Valkey. Check 18 of the doctor.",
            (Query(f"sum by (reason) ({_R}_polling)", "{{reason}}"),),
        ),
        Panel(
            "Bus payloads, losses, gaps fetched",
            "ops",
            "Losses or gaps all the time: Valkey drops subscribers, see its buffer limits.",
            (
                Query(rate(f"{_R}_bus_payloads_total"), "payloads"),
                Query(rate(f"{_R}_bus_losses_total") + " or vector(0)", "losses"),
                Query(rate(f"{_R}_repairs_total"), "slices for gaps"),
            ),
        ),
        Panel(
            "Canary",
            "s",
            "Silence above 15 s: what chats stores does not come out here; run the doctor.",
            (
                Query(f"max by (instance) ({_R}_canary_silent_seconds)", "{{instance}} silent"),
                *quantiles(f"{_R}_canary_seconds"),
            ),
        ),
        Panel(
            "Read markers, and their calls",
            "ops",
            "Calls as many as markers: little load. No markers while people read: see the calls to "
            "chats.",
            (
                Query(rate(f"{_R}_markers_total"), "markers"),
                Query(rate(f"{_R}_marker_calls_total"), "calls"),
            ),
        ),
        Panel(
            "Presence",
            "ops",
            "Messages far above the changes told: users who flicker, or watchers who come and go.",
            (
                Query(rate(f"{_R}_presence_told_total"), "messages between nodes"),
                Query(rate(f"{_R}_presence_changes_total"), "changes told"),
                Query(f"sum ({_R}_watchers)", "sockets that watch"),
                Query(f"sum ({_R}_watched)", "users watched"),
            ),
        ),
        lag("realtime"),
    ),
)
