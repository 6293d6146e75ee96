"""Headers of a request, as the server gives them. Litestar makes a dictionary of all of them, which
takes as long as a dozen of these look-ups. Knows no header."""

from collections.abc import Iterable


def find_header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The first value of the header, whose name is in lower case; None where it is not there."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None
