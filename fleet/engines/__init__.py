"""PostgreSQL, Valkey and HAProxy on one machine, each behind one file."""
