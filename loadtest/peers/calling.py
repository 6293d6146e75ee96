"""Sequential REST calls over one persistent connection, and their durations."""

import http.client
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from loadtest.peers.process import LOOPBACK

TRIES: Final = 20
TIMEOUT_SECONDS: Final = 30.0


class Caller:
    """A client at the public port; `address` is the one of loopback that it comes from."""

    def __init__(self, port: int, address: str = LOOPBACK) -> None:
        self._connection = http.client.HTTPConnection(
            LOOPBACK, port, timeout=TIMEOUT_SECONDS, source_address=(address, 0)
        )

    def call(self, method: str, path: str, token: str | None, body: object = None) -> bytes:
        """The answer's body. Raises RuntimeError for any refusal."""
        status, _, text = self._exchange(method, path, token, body)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {status} {text[:300]!r}")
        return text

    def post(self, path: str, token: str | None, body: object) -> Any:
        """The answer; retries if there was temporarily no room."""
        for _ in range(TRIES):
            status, wait, text = self._exchange("POST", path, token, body)
            if status in (200, 201):
                return json.loads(text)
            if status not in (429, 503):
                raise RuntimeError(f"POST {path}: {status} {text[:300]!r}")
            time.sleep(wait)
        raise RuntimeError(f"POST {path}: refused {TRIES} times")

    def _exchange(
        self, method: str, path: str, token: str | None, body: object
    ) -> tuple[int, float, bytes]:
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        text = None if body is None else json.dumps(body)
        self._connection.request(method, path, text, headers)
        answer = self._connection.getresponse()
        wait = min(5.0, float(answer.getheader("Retry-After") or 1))
        return answer.status, wait, answer.read()

    def close(self) -> None:
        self._connection.close()


def timed(action: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def percentiles(times: list[float]) -> dict[str, float]:
    """`p50_ms` and `p99_ms`; of less than a hundred calls the second is nearly the slowest."""
    return {
        "p50_ms": statistics.median(times),
        "p99_ms": statistics.quantiles(times, n=100, method="inclusive")[98]
        if len(times) > 1
        else times[0],
    }
