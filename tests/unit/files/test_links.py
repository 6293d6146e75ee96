"""Links to files: valid for exactly what was signed, until the signed time."""

from collections.abc import Callable

import pytest

from common.identity.links import Link, LinkSigner
from common.protocol.ids import new_id

SIGNER = LinkSigner("a service key for tests")
LINK = Link(new_id(), "preview", 1_000)


def test_a_link_says_what_it_is_good_for() -> None:
    """It is valid up to its last second."""
    text = SIGNER.sign(LINK)
    assert SIGNER.read(text, 999.9) == LINK
    assert SIGNER.read(text, 1_000) is None


def test_no_other_key_signs() -> None:
    """A link of another installation is invalid."""
    assert SIGNER.read(LinkSigner("another service key").sign(LINK), 0) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("preview", "file"),
        lambda text: text.replace(".1000.", ".9000."),
        lambda text: text.replace(LINK.file, new_id()),
        lambda text: "",
        lambda text: "...",
        lambda text: text + "é",
    ],
)
def test_nothing_of_it_can_be_changed(change: Callable[[str], str]) -> None:
    """A changed link is invalid and raises nothing."""
    assert SIGNER.read(change(SIGNER.sign(LINK)), 0) is None
