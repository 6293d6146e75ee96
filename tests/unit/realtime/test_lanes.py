"""A lane serves all that ask, whatever becomes of one of them."""

from realtime.lanes import Lanes


async def test_an_asker_that_breaks_does_not_end_the_lane() -> None:
    """Who asks after it, and who asked with it, gets an answer."""

    async def call(_: str, items: list[int]) -> list[int]:
        return items

    def break_down(_: object) -> None:
        raise RuntimeError("the handler is closed")

    lanes: Lanes[int, int] = Lanes(lambda _: "replica", call, max_items=10)
    lanes.ask("chat", 1, break_down)
    assert await lanes.fetch("chat", 2) == 2
    assert await lanes.fetch("chat", 3) == 3
    assert lanes.is_idle
