"""The dashboards for Grafana, as Python; `dashboards/` holds the JSON that Grafana reads."""
