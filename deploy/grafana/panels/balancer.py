"""The balancer: HAProxy's own figures."""

from deploy.grafana.panel import Dashboard, Panel, Query, rate

BALANCER = Dashboard(
    "hubbub-balancer",
    "Hubbub: balancer",
    (
        Panel(
            "Connections",
            "short",
            "Near the limit: raise the limit of descriptors (each socket takes two) and restart.",
            (
                Query("sum (haproxy_process_current_connections)", "open"),
                Query("sum (haproxy_process_max_connections)", "limit"),
            ),
        ),
        Panel(
            "Requests by answer",
            "reqps",
            "5xx here and none in edge: the balancer found no edge; look at the servers below.",
            (
                Query(
                    rate('haproxy_frontend_http_responses_total{proxy="public"}', "code"),
                    "{{code}}",
                ),
            ),
        ),
        Panel(
            "Servers in use",
            "short",
            "0 in a pool: nobody is served there; `python -m ops status` says what its "
            "processes do.",
            (Query("sum by (proxy) (haproxy_backend_active_servers)", "{{proxy}}"),),
        ),
        Panel(
            "Sessions by server",
            "short",
            "One server with far more than the others has just been joined by new ones; they level "
            "out as people come and go.",
            (
                Query(
                    "sum by (proxy, server) (haproxy_server_current_sessions)",
                    "{{server}}",
                ),
            ),
        ),
        Panel(
            "Requests tried again",
            "reqps",
            "Some while a process is replaced; all the time: an edge breaks connections, see its "
            "log.",
            (
                Query(rate("haproxy_backend_retry_warnings_total", "proxy"), "{{proxy}} again"),
                Query(
                    rate("haproxy_backend_redispatch_warnings_total", "proxy"),
                    "{{proxy}} elsewhere",
                ),
            ),
        ),
        Panel(
            "Queue",
            "short",
            "Anything but 0: edge cannot take what comes; give it another process.",
            (Query("sum by (proxy) (haproxy_backend_current_queue)", "{{proxy}}"),),
        ),
    ),
)
