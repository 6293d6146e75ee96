"""Requests generated from the published description: none breaks edge."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, settings

from edge.openapi import describe_api
from edge.operations import OPERATIONS

EXAMPLES_A_CALL = 12
DOCUMENT = schemathesis.openapi.from_dict(describe_api(OPERATIONS))
CALLS = [
    (operation.method, operation.path)
    for operation in OPERATIONS
    if operation.body or operation.query or "{" in operation.path
]


@pytest.mark.parametrize(
    ("mode", "method", "path"),
    [
        (mode, method, path)
        for mode in schemathesis.GenerationMode
        for method, path in CALLS
        # A link is any text, so nothing about its call can be wrong.
        if (mode, path) != (schemathesis.GenerationMode.NEGATIVE, "/api/file/{link}")
    ],
)
def test_made_up_requests(
    client: httpx.Client, make_person: Callable[[], Any], method: str, path: str,
    mode: schemathesis.GenerationMode,
) -> None:  # fmt: skip
    """Every request that matches the description, or just does not, gets a documented answer."""
    operation = DOCUMENT[path][method]
    somebody = make_person()  # who may have deleted their account by the end

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES_A_CALL,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case[Any]) -> None:
        given: dict[str, str] = dict(case.headers) if case.headers else {}
        try:
            answer = send(client, case, given | somebody.headers)
        except httpx.LocalProtocolError:
            reject()  # a header that this client cannot send
        assert answer.status_code < 500, answer.text

    ask()


def send(
    client: httpx.Client, case: schemathesis.Case[Any], headers: dict[str, str]
) -> httpx.Response:
    """The client checks every answer against the description."""
    prepared = case.as_transport_kwargs()
    body = {name: prepared[name] for name in ("json", "data") if prepared.get(name) is not None}
    if isinstance(body.get("data"), bytes | str):
        body = {"content": body["data"]}
    return client.request(
        case.method,
        case.formatted_path,
        params=case.query,
        headers={**headers, **({"Content-Type": case.media_type} if case.media_type else {})},
        **body,
    )
