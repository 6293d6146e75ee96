"""Whether a client already has what it asks for (RFC 9110 section 13). Pure."""


def is_among(header: str | None, etag: str) -> bool:
    """Whether If-None-Match contains this ETag, or `*`, which means any; a weak comparison, as
    required."""
    if header is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag in tags
