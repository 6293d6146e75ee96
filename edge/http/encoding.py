"""Whether a client accepts gzip. Knows no answer."""

from collections.abc import Iterable


def takes_gzip(accepted: str) -> bool:
    """By the value of `Accept-Encoding`."""
    codings = [part.partition(";") for part in accepted.lower().split(",")]
    return any(
        name.strip() in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0")
        for name, _, weight in codings
    )


def header_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    """The value of a header of an ASGI scope, "" where it is not there."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
