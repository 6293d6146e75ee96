"""chats: batches, transactions, the outbox, the window."""

from deploy.grafana.panel import Dashboard, Panel, Query, calls_served, lag, quantiles, rate

_C = "hubbub_chats"

CHATS = Dashboard(
    "hubbub-chats",
    "Hubbub: chats",
    (
        *calls_served("chats"),
        Panel(
            "Events in a transaction",
            "short",
            "It grows with load; always near 500 means that the database is the limit.",
            (
                Query(
                    f"sum (rate({_C}_batch_messages_sum[$__rate_interval]))"
                    f" / sum (rate({_C}_batch_messages_count[$__rate_interval]))",
                    "mean",
                ),
                # Values in a bucket are interpolated from its lower bound: no batch has 0.99.
                Query(
                    "clamp_min(histogram_quantile(0.99, sum by (le)"
                    f" (rate({_C}_batch_messages_bucket[$__rate_interval]))), 1)",
                    "99 of 100",
                ),
            ),
        ),
        Panel(
            "Events of messages by kind",
            "ops",
            "What people do: messages, edits, deletions, reactions.",
            (Query(rate(f"{_C}_appended_total", "kind"), "{{kind}}"),),
        ),
        Panel(
            "Time of a transaction",
            "s",
            "Slower than usual: a slow disk under PostgreSQL, a long transaction, or a checkpoint.",
            quantiles(f"{_C}_batch_seconds"),
        ),
        Panel(
            "Wait before a transaction",
            "s",
            "As long as a transaction is right; much longer: chats needs another process.",
            quantiles(f"{_C}_sends_wait_seconds"),
        ),
        Panel(
            "Items waiting, repeated, refused, batches tried again",
            "ops",
            "Waiting in thousands: the database hangs. Refused by the code: `not_found` are people "
            "who were removed, `unavailable` a database that is gone.",
            (
                Query(f"sum ({_C}_sends_waiting)", "waiting"),
                Query(rate(f"{_C}_sends_repeated_total"), "repeated"),
                Query(rate(f"{_C}_batches_failed_total"), "batches tried again"),
                Query(
                    rate(f"{_C}_sends_refused_total", "code") + " or vector(0)", "refused {{code}}"
                ),
            ),
        ),
        Panel(
            "Changes of chats by end",
            "ops",
            "Ends that are neither done nor a refusal, all the time: users is slow or gone.",
            (Query(rate(f"{_C}_changes_total", "end"), "{{end}}"),),
        ),
        Panel(
            "Time of a change",
            "s",
            "It contains a call to users: compare with its times.",
            quantiles(f"{_C}_change_seconds"),
        ),
        Panel(
            "Outbox",
            "short",
            "Growing: Valkey takes nothing; nodes poll meanwhile. It empties by itself within "
            "seconds of Valkey's return.",
            (
                Query(f"max ({_C}_outbox_rows)", "events that wait, in batches"),
                Query(f"max ({_C}_outbox_age_seconds)", "oldest, seconds"),
            ),
        ),
        Panel(
            "Search index",
            "short",
            "Growing: the index is not fed; messages are sent and read as ever, and not found.",
            (
                Query(f"sum ({_C}_search_behind_chats)", "chats with events to be fed"),
                Query(f"max ({_C}_search_behind_seconds)", "oldest, seconds"),
            ),
        ),
        Panel(
            "Published, by whom",
            "ops",
            "`sweep` all the time: committers cannot publish, see the failures beside it.",
            (Query(rate(f"{_C}_published_total", "by"), "{{by}}"),),
        ),
        Panel(
            "Valkey takes publishes",
            "short",
            "0: Valkey is gone, hangs, or refuses this replica: check 11 of the doctor. Nodes poll "
            "meanwhile.",
            (Query(f"min by (instance) ({_C}_bus_up)", "{{instance}}"),),
        ),
        Panel(
            "Publishes that failed or were left",
            "ops",
            "Valkey is gone or too slow: check 11 of the doctor.",
            (
                Query(rate(f"{_C}_publish_failed_total"), "failed"),
                Query(
                    rate(f"{_C}_publish_dropped_total", "reason") + " or vector(0)",
                    "left to the sweep: {{reason}}",
                ),
            ),
        ),
        Panel(
            "Slices, by where they came from",
            "ops",
            "`log` much more than `window` after a crowd has come back is right; always: raise "
            "HUBBUB_CHATS_WINDOW_BYTES.",
            (Query(rate(f"{_C}_slices_total", "source") + " or vector(0)", "{{source}}"),),
        ),
        Panel(
            "Hot window",
            "bytes",
            "It is bounded; flat at the bound is right.",
            (Query(f"sum by (instance) ({_C}_window_bytes)", "{{instance}}"),),
        ),
        Panel(
            "Lists of chats, by where they came from",
            "ops",
            "`own` is counts and markers, `chat` the rest of a chat. What did not change since "
            "somebody saw it comes from memory; `database` alone while people only look: more is "
            "asked for than fits.",
            (
                Query(
                    rate(f"{_C}_shown_total", "of, source") + " or vector(0)",
                    "{{of}} from {{source}}",
                ),
            ),
        ),
        Panel(
            "Held of chats that were listed",
            "bytes",
            "It is bounded at 16 MiB a process; flat at the bound is right.",
            (Query(f"sum by (instance) ({_C}_held_bytes)", "{{instance}}"),),
        ),
        Panel(
            "Background work that failed",
            "ops",
            "The database was away or busy for a moment; all the time: see the log.",
            (Query(rate(f"{_C}_background_failed_total", "of") + " or vector(0)", "{{of}}"),),
        ),
        lag("chats"),
    ),
)
