"""The emoji that a reaction may be, and how the page finds them by name: Unicode's list, as the
package `emoji` has it."""

from typing import Any, Final

from emoji import EMOJI_DATA, STATUS

SKIN_TONES: Final = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


def list_emoji() -> str:
    """All fully qualified ones, one a line, in the order of code points."""
    whole = STATUS["fully_qualified"]
    return "".join(
        sorted(f"{text}\n" for text, about in EMOJI_DATA.items() if about["status"] == whole)
    )


def name_emoji() -> str:
    """The page's table: an emoji a line, its name and then the others, apart by `|`. One spelling
    of a gesture stands for all its skin tones."""
    named = [
        (text, "|".join(dict.fromkeys(_spoken(name) for name in (about["en"], *_others(about)))))
        for text, about in EMOJI_DATA.items()
        if about["status"] == STATUS["fully_qualified"] and not SKIN_TONES & set(text)
    ]
    return "".join(sorted(f"{text} {names}\n" for text, names in named))


def _others(about: dict[str, Any]) -> list[str]:
    return about.get("alias", [])


def _spoken(name: str) -> str:
    return name.strip(":").replace("_", " ").lower()
