"""Whether a client accepts gzip. Knows no answer."""


def takes_gzip(accepted: str) -> bool:
    """By the value of `Accept-Encoding`."""
    codings = [part.partition(";") for part in accepted.lower().split(",")]
    return any(
        name.strip() in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0")
        for name, _, weight in codings
    )
