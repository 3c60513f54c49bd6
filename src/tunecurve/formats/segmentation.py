"""Words in every script, for all that cuts texts into words: alignment, taggers, overlaps of entities, ROUGE.

Where blanks separate words, a word is a run of letters, marks, digits and underscores. Some scripts set no blanks between words
(Chinese, Japanese, Thai, Khmer, ...): there every character as readers see it (a grapheme cluster) is a word of its own.
Korean sets blanks, but glues particles to names: names end within its words, syllable by syllable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import regex

_SCRIPTS = """
    Han Hiragana Katakana Bopomofo Yi Thai Lao Khmer Myanmar Tibetan Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Javanese Balinese
"""
_WITHOUT_BLANKS = "".join(rf"\p{{scx={script}}}" for script in _SCRIPTS.split())
# Numerals such as 〇 count as letters; decimal digits of these scripts make numbers, like all digits.
_LETTER_WITHOUT_BLANKS = rf"[[{_WITHOUT_BLANKS}]&&[\p{{L}}\p{{Nl}}]]"
_LETTER_GLUED = rf"[[{_WITHOUT_BLANKS}\p{{Hangul}}]&&[\p{{L}}\p{{Nl}}]]"
_IN_WORD = r"\p{L}\p{M}\p{N}"


def _words_beside(letter: str, in_word: str) -> str:
    """Return the pattern of a word where characters that begin with such a letter are words of their own."""
    return rf"(?={letter})\X|(?:(?!{letter})[{in_word}])+"


_WORD = regex.compile(rf"(?V1){_words_beside(_LETTER_WITHOUT_BLANKS, _IN_WORD + '_')}")
_GLUED = regex.compile(rf"(?V1)(?={_LETTER_GLUED})\X")
_GLUED_LETTER = regex.compile(rf"(?V1){_LETTER_GLUED}")
_LETTERS = regex.compile(r"\p{L}")
_RUN = regex.compile(rf"[{_IN_WORD}]+")
_MARK = regex.compile(r"\p{M}")
_CASED = regex.compile(r"[\p{Lu}\p{Ll}\p{Lt}]")
# Two letters of scripts in which a given name mostly has two; kana and the letters of Thai say too little by twos.
NAME_PAIR = regex.compile(r"[\p{Han}\p{Hangul}]{2}")
# A blank between two letters of scripts without blanks: no word ends there that did not end without it.
NO_BLANK_BETWEEN = regex.compile(rf"(?V1)(?<={_LETTER_WITHOUT_BLANKS}\p{{M}}{{0,3}}) (?={_LETTER_WITHOUT_BLANKS})")
# Finest units, for regular expressions with (?V1): a character of its own, a word (with underscores), or one other sign.
TOKEN = rf"{_words_beside(_LETTER_GLUED, _IN_WORD + '_')}|[^{_IN_WORD}_\s]"


def words(text: str) -> list[str]:
    """Return the words of a text in order, as written; characters of scripts without blanks one by one."""
    return _WORD.findall(text)


def runs(text: str) -> list[str]:
    """Return the runs of letters, marks and digits in order, as blanks and signs separate them in any script."""
    return _RUN.findall(text)


def glued_characters(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of every character (grapheme cluster) that may begin or end a name within a run of letters."""
    return (match.span() for match in _GLUED.finditer(text))


def in_word(character: str) -> bool:
    """Return whether a character is part of a word: a letter, a mark or a digit."""
    return character.isalnum() or _MARK.match(character) is not None


def is_mark(character: str) -> bool:
    """Return whether a character belongs to the one before it: an accent, a vowel sign."""
    return _MARK.match(character) is not None


def has_case(text: str) -> bool:
    """Return whether a text has letters of a script with capitals."""
    return _CASED.search(text) is not None


def is_glued(character: str) -> bool:
    """Return whether a character is a letter of a script in which names begin and end without a blank."""
    return _GLUED_LETTER.match(character) is not None


def is_edge(text: str, position: int) -> bool:
    """Return whether a word may begin or end before the character at a position of the text."""
    if position <= 0 or position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    if not (in_word(before) and in_word(after)):
        return True
    if _MARK.match(after):
        return False
    return is_glued(before) or is_glued(after) or (_MARK.match(before) is not None and _glued_base(text, position - 1))


def _glued_base(text: str, position: int) -> bool:
    while position > 0 and _MARK.match(text[position]):
        position -= 1
    return is_glued(text[position])


@dataclass(frozen=True)
class LetterCounts:
    """How many letters some texts have, and of which scripts."""

    letters: int = 0
    ascii: int = 0
    without_blanks: int = 0
    han: int = 0
    kana: int = 0
    hangul: int = 0

    def share(self, number: int) -> float:
        """Return a number of letters as a share of all, 0 to 1."""
        return number / max(1, self.letters)


_COUNTED = {
    "letters": _LETTERS,
    "ascii": regex.compile("[A-Za-z]"),
    "without_blanks": regex.compile(rf"(?V1){_LETTER_WITHOUT_BLANKS}"),
    "han": regex.compile(r"\p{Han}"),
    "kana": regex.compile(r"[\p{Hiragana}\p{Katakana}]"),
    "hangul": regex.compile(r"\p{Hangul}"),
}


def count_letters(texts: Iterable[str]) -> LetterCounts:
    """Return how many letters the texts have together, and of which scripts."""
    characters: Counter[str] = Counter()
    for text in texts:
        characters.update(text)
    return LetterCounts(
        **{
            name: sum(count for character, count in characters.items() if pattern.match(character))
            for name, pattern in _COUNTED.items()
        }
    )
