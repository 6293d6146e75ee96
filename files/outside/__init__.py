"""The way out: requests to addresses that people have chosen. The only place that makes them."""
