"""Headers of a request, by name. Knows no header."""

from typing import Any, Final

_BY_NAME: Final = "hubbub.headers"


def find_header(scope: Any, name: bytes) -> str | None:
    """The first value; `name` is in lower case. None if the scope has no such header."""
    found: dict[bytes, bytes] | None = scope.get(_BY_NAME)
    if found is None:
        found = scope[_BY_NAME] = dict(reversed(scope["headers"]))
    value = found.get(name)
    return None if value is None else value.decode("latin-1")
