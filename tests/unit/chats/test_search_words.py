"""What counts as a word, and when two are equal."""

import sys
from unicodedata import category, combining, name, normalize

import psycopg
import pytest

from chats.search.words import (
    MAX_COMBINING_MARKS,
    MAX_LETTERS_KEPT,
    MAX_TEXT_CHARACTERS,
    MAX_WORD_CHARACTERS,
    Letters,
    line_of,
    pairs_of,
    split_runs,
)
from common.protocol.limits import MAX_MESSAGE_BYTES
from tests.fixtures.busy import cpu_seconds

LETTERS = ("Ll", "Lu", "Lt")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("The quick brown fox", " the quick brown fox "),
        ("foo_bar, a@b.org; https://x.y/z?q=1", " foo bar a b org https x y z q 1 "),
        ("don't", " don t "),
        ("", " "),
        ("?!", " "),
        ("Straße STRASSE", " strasse strasse "),
        ("ΣΊΣΥΦΟΣ σίσυφος", " σισυφοσ σισυφοσ "),
        ("İstanbul istanbul", " istanbul istanbul "),
        ("Łódź Øster Ærø Œuvre Þór", " lodz oster aero oeuvre thor "),
        ("crème brûlée", " creme brulee "),
        ("Ёлка йод", " елка иод "),
        ("\uff26\uff35\uff2c\uff2c \ufb01ne ①", " full fine 1 "),
        ("हिन्दी में", " हिन्दी में "),
        ("שָׁלוֹם", " שָׁלוֹם "),
        ("漢字とかな", " 漢字とかな "),
        ("foo漢字bar", " foo 漢字 bar "),
        ("ﾊﾝｶｸ", " ハンカク "),
        ("สวัสดี ครับ", " สวัสดี ครับ "),
        ("한국어 검색", " 한국어 검색 "),
    ],
)
def test_a_text_becomes_a_line_of_its_words(text: str, line: str) -> None:
    """Case-folded, Latin, Greek and Cyrillic without marks, scripts without spaces as runs."""
    assert line_of(text) == line


def named(*beginnings: str) -> list[str]:
    """The characters with such names."""
    characters = map(chr, range(sys.maxunicode + 1))
    return [one for one in characters if name(one, "").startswith(beginnings)]


def test_every_latin_greek_and_cyrillic_letter_loses_its_marks() -> None:
    """Also those of dialectology and phonetics. Except ẚ, of which NFKC makes two letters, the
    second of no script."""
    letters = [one for one in named("LATIN ", "GREEK ", "CYRILLIC ") if category(one) in LETTERS]
    letters.remove("ẚ")
    assert [one for one in letters if split_runs(one + "\u0316") != split_runs(one)] == []


def test_every_mark_of_cyrillic_letters_is_taken_off() -> None:
    """Also letters over letters, as in Church Slavonic, and signs between two letters."""
    marks = named("COMBINING CYRILLIC ")
    assert {"\u0483", "\u2ded", "\ua67d", "\ua69f"} < set(marks)
    assert [mark for mark in marks if split_runs(f"и{mark}я") != ["ия"]] == []


def test_a_word_counts_up_to_its_200th_character() -> None:
    """Of longer ones only the first 200 characters are compared."""
    assert line_of("x" * 300) == f" {'x' * MAX_WORD_CHARACTERS} "


def test_a_text_of_ligatures_is_cut_where_the_longest_other_text_ends() -> None:
    """U+FDFA stands for 18 characters: the words of as many as fit into a message took 0.1 s."""
    assert len(" ".join(split_runs("\ufdfa" * 2_730))) <= MAX_TEXT_CHARACTERS
    longest = "a" * 99 + " b" * ((MAX_MESSAGE_BYTES - 103) // 2) + " end"
    assert split_runs(longest)[-1] == "end"
    assert split_runs("é" + longest[1:])[-1] == "end"


def test_no_character_makes_a_run_of_marks_that_is_not_cut() -> None:
    """Whatever normalisation reorders, alone or as part of a compatibility form, counts as a
    mark."""
    sorted_ones = [
        character
        for character in map(chr, range(0x110000))
        if combining(normalize("NFKD", character)[0])
    ]
    assert len(sorted_ones) > 800
    for character in sorted_ones:
        [run] = split_runs("\u05d0" + character * 200)
        of_one = len(normalize("NFKD", character))
        assert len(normalize("NFD", run)) <= 1 + of_one * MAX_COMBINING_MARKS, hex(ord(character))


def test_no_sign_puts_a_mark_into_a_word() -> None:
    """What is neither letter, mark nor digit separates words, whatever its compatibility form
    contains."""
    for character in map(chr, range(0x110000)):
        if category(character)[0] not in "CLMN":
            assert not any(category(c)[0] == "M" for c in line_of(f"a{character}b")), character


def test_up_to_thirty_marks_in_a_row_all_count() -> None:
    """So no word of any language changes by the limit."""
    marks = "\u05b0" * MAX_COMBINING_MARKS
    assert split_runs(f"\u05d0{marks}") == [f"\u05d0{marks}"]
    assert split_runs(f"\u05d0{marks}\u05d0{marks}") == [f"\u05d0{marks}\u05d0{marks}"]
    assert split_runs(f"\u05d0{marks}\u05b0") == [f"\u05d0{marks}"]


def test_marks_in_a_row_are_sorted_in_linear_time() -> None:
    """Eight times as many would take 64 times as long if all of them were sorted."""
    few, many = ("a" + "\u0301" * number + "\u0323" * number for number in (500, 4_000))
    assert cpu_seconds(lambda: split_runs(many)) < 24 * cpu_seconds(lambda: split_runs(few))


def test_not_all_characters_that_there_are_are_held() -> None:
    """Whatever users write, and the result for a character does not depend on those before it."""
    letters = Letters()
    for code in range(0x110000):
        assert letters[code] == Letters()[code]
        assert len(letters) <= MAX_LETTERS_KEPT


def test_unspaced_runs_are_found_by_each_two_characters() -> None:
    """And by single characters."""
    assert pairs_of(line_of("漢字と foo")) == ["と", "字", "字と", "漢", "漢字"]


def test_two_words_side_by_side_have_a_mark_that_is_no_word() -> None:
    """The same mark for the same two words, in any text; none if something else is in between."""
    first, second = pairs_of(line_of("Foo bar longest"))
    assert category(first) == category(second) == "Co"
    assert first != second
    assert pairs_of(line_of("bar longest")) == [second]
    assert second in pairs_of(line_of("bár lóngest 漢字"))
    assert len(pairs_of(line_of("foo 漢 bar"))) == 1
    assert pairs_of(line_of("foo")) == []


def test_latin_letters_are_compared_as_unaccent_does(database_url: str) -> None:
    """For every Latin letter of Latin-1, Extended-A, Extended-B and Extended Additional except ẚ,
    which NFKC decomposes differently."""
    letters = [
        chr(code)
        for first, last in ((0xC0, 0x24F), (0x1E00, 0x1EFF))
        for code in range(first, last + 1)
        if chr(code).isalpha() and chr(code) != "ẚ"
    ]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION unaccent")
        rows = connection.execute(
            "SELECT l, unaccent(l) FROM unnest(%s::text[]) l", (letters,)
        ).fetchall()
    differ = {
        letter: (plain, line_of(letter))
        for letter, plain in rows
        if plain.isascii() and plain.isalpha() and line_of(letter).strip() != plain.lower()
    }
    assert differ == {}
