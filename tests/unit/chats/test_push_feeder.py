"""Which of its noted messages a replica offers."""

import pytest

from chats.push.feeder import offers_of
from chats.store.push import Found


@pytest.mark.parametrize(
    ("found", "offered"),
    [
        (Found("ann", "c", True, 4, 7, "ben", None, None), [(7, "ben", True)]),
        (Found("ann", "c", False, 4, 7, "ben", None, None), [(7, "ben", False)]),
        (Found("ann", "c", False, 4, 7, "ben", 7, "ben"), [(7, "ben", True)]),
        (Found("ann", "c", False, 4, 7, "ben", 5, "cat"), [(7, "ben", False), (5, "cat", True)]),
    ],
)
def test_browsers_that_want_what_is_personal_have_their_own_newest(
    found: Found, offered: list[tuple[int, str, bool]]
) -> None:
    """Direct chats and mentions are personal; if a newer message follows a mention, both are
    offered."""
    assert [(one.seq, one.by, one.personal) for one in offers_of(found)] == offered
