"""A Markdown page as sections, some of which can be replaced. Pure."""

from collections.abc import Iterable, Sequence

HEADING = "## "


class Page:
    """The text before the first heading is the introduction. A section ends where the next
    begins."""

    def __init__(self, text: str = "") -> None:
        introduction, *sections = f"\n{text}".split(f"\n{HEADING}")
        self.introduction = introduction.strip("\n")
        self._sections = {
            section.partition("\n")[0]: f"{HEADING}{section}".strip("\n") for section in sections
        }

    def section(self, heading: str) -> str:
        """The section unchanged; empty if there is none."""
        return self._sections.get(heading, "")

    def put(self, lines: Sequence[str]) -> None:
        """In place of the section of that heading, which is the first of the lines."""
        self._sections[lines[0].removeprefix(HEADING)] = "\n".join(lines).strip("\n")

    def text(self, headings: Iterable[str]) -> str:
        """The sections with these headings, in their order."""
        found = [self._sections[heading] for heading in headings if heading in self._sections]
        return "\n\n".join([self.introduction, *found]) + "\n"
