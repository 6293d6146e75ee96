"""Push services that put notifications off: whom that delays."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from common.protocol.push import ClaimedPush, PushNote, PushOutcome, PushWanted
from files.push.courier import FAILING_USERS, Courier
from tests.fixtures.push_service import Browser, PushService
from tests.fixtures.small_server import serving


class Others:
    """The services that a courier asks: every push is wanted. Keeps the outcomes."""

    def __init__(self) -> None:
        self.outcomes: list[PushOutcome] = []

    async def list_active(self, _: list[str]) -> set[str]:
        return set()

    async def describe_pushes(self, wanted: list[PushWanted]) -> list[PushNote | None]:
        return [
            PushNote(
                seq=one.seq, by="ann", message_id="m", chat_name="", direct=True, personal=True,
                at="2026-11-30T10:00:00.000000Z", text="Hello", files=[],
            )
            for one in wanted
        ]  # fmt: skip

    async def settle_pushes(self, outcomes: list[PushOutcome]) -> None:
        self.outcomes += outcomes


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with serving(PushService) as running:
        yield running


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
def courier(others: Others) -> Courier:
    said: Any = others
    return Courier(said, said, said, "mailto:owner@example.org", local=True)


def push_to(user: str, browser: Browser) -> ClaimedPush:
    keys = browser.subscription["keys"]
    return ClaimedPush(
        session=f"session of {user}", user=user, chat="c", seq=2, sender="Ann", attempts=1,
        age_seconds=1.0, endpoint=browser.endpoint, silent=False, authorization="vapid t=, k=",
        **keys,
    )  # fmt: skip


async def ends_of(courier: Courier, others: Others, pushes: Sequence[ClaimedPush]) -> list[str]:
    others.outcomes.clear()
    for push in pushes:
        await asyncio.wait_for(courier.deliver([push]), 30)
    return [one.outcome for one in others.outcomes]


def make_browsers(service: PushService, *statuses: int) -> list[Browser]:
    made = []
    for status in statuses:
        browser = service.make_browser()
        browser.status, browser.retry_after = status, "60" if status > 202 else ""
        made.append(browser)
    return made


@pytest.mark.parametrize("status", [429, 503])
async def test_what_is_put_off_for_one_user_delays_no_other(
    courier: Courier, others: Others, service: PushService, status: int
) -> None:
    """Their push is due again when the push service says, even if they have many browsers."""
    *refused, other = make_browsers(service, status, status, status, 202)
    pushes = [push_to("ben", browser) for browser in refused]
    assert await ends_of(courier, others, pushes) == ["later"] * 3
    assert {one.after_seconds for one in others.outcomes} == {60.0}
    assert await ends_of(courier, others, [push_to("cat", other)]) == ["done"]
    assert other.asked == 1


async def test_a_browser_that_is_put_off_is_not_asked_again_meanwhile(
    courier: Courier, others: Others, service: PushService
) -> None:
    """About another chat, say."""
    [limited] = make_browsers(service, 429)
    assert await ends_of(courier, others, [push_to("ben", limited)] * 2) == ["later"] * 2
    assert limited.asked == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_push_service_that_fails_for_several_users_is_left_alone(
    courier: Courier, others: Others, service: PushService, status: int
) -> None:
    """An answer to one of them begins the count again."""
    good, asked = make_browsers(service, 202, 202)

    def failing(number: int) -> list[ClaimedPush]:
        browsers = make_browsers(service, *[status] * number)
        return [push_to(f"user {n}", browser) for n, browser in enumerate(browsers)]

    fails = [*failing(FAILING_USERS - 1), push_to("dan", good), *failing(FAILING_USERS - 1)]
    assert (await ends_of(courier, others, fails)).count("done") == 1
    assert await ends_of(courier, others, [push_to("eve", asked)]) == ["done"]
    assert await ends_of(courier, others, failing(FAILING_USERS)) == ["later"] * 3
    assert await ends_of(courier, others, [push_to("eve", asked)]) == ["later"]
    assert asked.asked == 1
