"""The emoji that a reaction may be: Unicode's list, as the package `emoji` has it."""

from emoji import EMOJI_DATA, STATUS


def list_emoji() -> str:
    """All fully qualified ones, one a line, in the order of code points."""
    whole = STATUS["fully_qualified"]
    return "".join(
        sorted(f"{text}\n" for text, about in EMOJI_DATA.items() if about["status"] == whole)
    )
