"""What every process of ours has: settings, logs, traces, tasks, a start and an end."""
