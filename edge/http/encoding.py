"""Whether a client accepts gzip. Knows no answer."""

import re
from typing import Final

ANY: Final = "*"  # every coding that is not named
_is_refused = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*\Z").match


def takes_gzip(accepted: str) -> bool:
    """By the value of `Accept-Encoding`."""
    codings = [part.partition(";") for part in accepted.lower().split(",")]
    weights = {name.strip(): weight for name, _, weight in codings}
    weight = weights.get("gzip", weights.get(ANY))
    return weight is not None and not _is_refused(weight)
