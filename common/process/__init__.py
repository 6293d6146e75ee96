"""What every process of ours has: settings, logs, traces, tasks, startup and shutdown."""
