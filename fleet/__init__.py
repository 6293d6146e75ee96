"""One machine: starts the engines and the services, watches, drains and restarts them."""
