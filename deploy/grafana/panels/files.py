"""files: bytes in and out, pictures, and the health of the store."""

from deploy.grafana.panel import Dashboard, Panel, Query, lag, quantiles, rate

FILES = Dashboard(
    "hubbub-files",
    "Hubbub: files",
    (
        Panel(
            "Requests",
            "reqps",
            "5xx: the store or chats does not answer; the log of files says which.",
            (Query(rate("hubbub_files_requests_total", "status"), "{{status}}"),),
        ),
        Panel(
            "Bytes",
            "Bps",
            "Near what the network or the store can do: people wait for it, messages do not.",
            (
                Query(rate("hubbub_files_received_bytes_total"), "received"),
                Query(rate("hubbub_files_sent_bytes_total"), "sent"),
            ),
        ),
        Panel(
            "Uploads under way",
            "short",
            "Many for long: slow networks, or a store that is slow to write.",
            (Query("sum (hubbub_files_uploads)", "uploads"),),
        ),
        Panel(
            "Uploads that ended early",
            "ops",
            "`broken off` is the client's network; `process ended` is ours; `store` is the store, "
            "see the log of files.",
            (
                Query(
                    rate("hubbub_files_broken_uploads_total", "reason") + " or vector(0)",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Pictures",
            "ops",
            "`failed` are files that stay without a preview: broken, too large, or hostile.",
            (Query(rate("hubbub_files_previews_total", "end") + " or vector(0)", "{{end}}"),),
        ),
        Panel(
            "Time of a picture",
            "s",
            "Above 2 s: the machine has no CPU left for them; messages go first.",
            quantiles("hubbub_files_preview_seconds"),
        ),
        Panel(
            "Store",
            "short",
            "Anything but `well` at 1: nothing can be uploaded, and nothing read unless it is full "
            "or read-only. The doctor says what to do.",
            (
                Query("min (hubbub_files_store_up)", "well"),
                Query("max by (why) (hubbub_files_store_failing)", "{{why}}"),
            ),
        ),
        Panel(
            "Removed",
            "ops",
            "`unknown` is what no database knows of: expected after a restore, else report a bug.",
            (
                Query(rate("hubbub_files_removed_total", "why") + " or vector(0)", "{{why}}"),
                Query(rate("hubbub_files_sweep_failed_total"), "rounds that failed"),
            ),
        ),
        Panel(
            "Pushes",
            "ops",
            "`unwanted` was read, or its reader is there. `refused`: the contact or the clock is "
            "wrong, see the log of files. `address`: the name of a push service leads inside.",
            (Query(rate("hubbub_files_pushes_total", "end") + " or vector(0)", "{{end}}"),),
        ),
        Panel(
            "Time of push services",
            "s",
            "Theirs, and the network's: nothing waits for it.",
            quantiles("hubbub_files_push_seconds"),
        ),
        Panel(
            "Links",
            "ops",
            "`nothing`: no page, none on the Internet, or one that took too long.",
            (Query(rate("hubbub_files_links_total", "end") + " or vector(0)", "{{end}}"),),
        ),
        lag("files"),
    ),
)
