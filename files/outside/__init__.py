"""Outgoing requests to addresses that users have chosen. The only place that makes them."""
