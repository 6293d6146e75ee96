"""The emoji allowed as reactions, and the names by which the page finds them: Unicode's list, from
the package `emoji`."""

from typing import Any, Final

from emoji import EMOJI_DATA, STATUS

SKIN_TONES: Final = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


def list_emoji() -> str:
    """All fully qualified emoji, one per line, in code point order."""
    whole = STATUS["fully_qualified"]
    return "".join(
        sorted(f"{text}\n" for text, about in EMOJI_DATA.items() if about["status"] == whole)
    )


def name_emoji() -> str:
    """The page's table: one emoji per line, its name and then its aliases, separated by `|`. One
    form of a gesture represents all its skin tones."""
    named = [
        (text, "|".join(dict.fromkeys(_spoken(name) for name in (about["en"], *_others(about)))))
        for text, about in EMOJI_DATA.items()
        if about["status"] == STATUS["fully_qualified"] and not SKIN_TONES & set(text)
    ]
    return "".join(sorted(f"{text} {names}\n" for text, names in named))


def _others(about: dict[str, Any]) -> list[str]:
    return list(about.get("alias", ()))


def _spoken(name: str) -> str:
    return name.strip(":").replace("_", " ").lower()
