"""Parts of every process of ours: settings, logs, traces, tasks, startup and shutdown."""
