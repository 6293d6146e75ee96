"""users: calls, passwords, sessions, and what two-phase commit leaves in doubt."""

from deploy.grafana.panel import Dashboard, Panel, Query, calls_served, lag, quantiles, rate

USERS = Dashboard(
    "hubbub-users",
    "Hubbub: users",
    (
        *calls_served("users"),
        Panel(
            "Wait for a password check",
            "s",
            "Many log-ins at once; above 1 s give users another process.",
            quantiles("hubbub_users_hashing_wait_seconds"),
        ),
        Panel(
            "Password checks refused",
            "ops",
            "A flood of log-ins: it is held off; edge logs the addresses that it refuses.",
            (
                Query(
                    rate("hubbub_users_hashing_refused_total", "reason") + " or vector(0)",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Sessions ended before their time",
            "ops",
            "`refresh token used again` in numbers: stolen tokens, or clients that use one twice.",
            (
                Query(
                    rate("hubbub_users_sessions_revoked_total", "reason") + " or vector(0)",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "In doubt",
            "short",
            "Above 0 for more than 10 s: no chats process says what was decided; see check 12 of "
            "the doctor.",
            (
                Query("max (hubbub_users_in_doubt_transactions)", "transactions"),
                Query("max (hubbub_users_oldest_prepared_seconds)", "oldest, seconds"),
            ),
        ),
        Panel(
            "Deleted accounts",
            "short",
            "What is left of them leaves its chats within a minute; with their messages, 50 a "
            "second. Longer: chats is gone.",
            (
                Query("max (hubbub_users_unfinished_deletions)", "accounts"),
                Query("max (hubbub_users_oldest_deletion_seconds)", "oldest, seconds"),
            ),
        ),
        Panel(
            "Pushes that wait",
            "short",
            "Late by more than a minute: files has no way out, or a push service puts us off; see "
            "its dashboard.",
            (
                Query("max (hubbub_users_push_waiting)", "pushes"),
                Query("max (hubbub_users_push_late_seconds)", "late, seconds"),
            ),
        ),
        Panel(
            "Background work that failed",
            "ops",
            "The database was away or busy for a moment, or chats (`resolve`); all the time: see "
            "the log.",
            (
                Query(
                    rate("hubbub_users_background_failed_total", "of") + " or vector(0)",
                    "{{of}}",
                ),
            ),
        ),
        lag("users"),
    ),
)
