"""Which gold values survive in an output? As written, as readers compare texts, by their digits alone, or in part.

A value leaks when the output's text holds it more often than the correct answer's text does: a name that also stands
in the unmasked rest of the sentence is not a leak by itself. One surviving copy is one leak, also where the value is
masked elsewhere; a short value inside a longer one that leaked is not counted again. docs/tasks.md has the definition for users.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import regex

from tunecurve.formats.folding import fold
from tunecurve.formats.segmentation import NAME_PAIR, NO_BLANK_BETWEEN, has_case, in_word, is_edge, is_glued, runs

MIN_DIGITS = 4
# Shorter values are found inside other words only where the input has them inside the same word.
MIN_LETTERS_IN_OTHER_WORDS = 5
MIN_LETTERS_OF_PART = 3
MIN_LETTERS_OF_UNCAPITALISED_PART = 4
MIN_GLUED_LETTERS_OF_PART = 2
# Too common to tell on whom: they are no half of a name, also where a title begins with one.
_FUNCTION_WORDS = """
    the and for from with der die das den dem des und von vom zum zur van een het ten ter les aux par pour los las del dos una
    della delle degli dei mrs miss herr frau
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
# How far around a value the word that it stands in is looked for.
_SURROUNDINGS = 80
_BETWEEN_DIGITS = regex.compile(r"(?<=\d)[\s\-./()+:,]+(?=\d)")
_BETWEEN_WORDS = regex.compile(r"[^\p{L}\p{M}\p{N}\0]+")
_NOTHING = "\0"


def as_written(text: str) -> str:
    """Return the text itself."""
    return text


def as_read(text: str) -> str:
    """Return the text as readers compare it, every run of other than letters, marks and digits as one blank."""
    return NO_BLANK_BETWEEN.sub("", _BETWEEN_WORDS.sub(" ", fold(text)))


def joined_digits(text: str) -> str:
    """Return the text with separators between digits removed, so that ``12-34`` reads ``1234``."""
    return _BETWEEN_DIGITS.sub("", fold(text))


def _as_one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _words_as_read(value: str) -> tuple[str, ...]:
    return tuple(as_read(value).split())


def _its_digits(value: str) -> tuple[str, ...]:
    """Return the value's digits in one run; fewer than four say too little."""
    digits = "".join(character for character in fold(value) if character in "0123456789")
    return (digits,) if len(digits) >= MIN_DIGITS else ()


@dataclass(frozen=True)
class Test:
    """A way to look for values."""

    form: Callable[[str], str]
    """Makes of a text the form that is searched."""
    words_of: Callable[[str], tuple[str, ...]]
    """What a value is in that form: words with or without a blank between them; nothing never leaks."""
    respects_words: bool = True
    """Whether it matters where the words around begin and end."""


AS_WRITTEN = Test(as_written, _as_one)
AS_READ = Test(as_read, _words_as_read)
BY_DIGITS = Test(joined_digits, _its_digits, respects_words=False)


@dataclass(frozen=True)
class Value:
    """A stretch of the input that the correct answer does not show: its text, and what stands around it."""

    text: str
    before: str = ""
    after: str = ""

    @classmethod
    def at(cls, source: str, start: int, end: int) -> Value:
        """Return the value at a position of the input, outer whitespace aside."""
        text = source[start:end]
        start, end = start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        return cls(source[start:end], source[max(0, start - _SURROUNDINGS) : start], source[end : end + _SURROUNDINGS])

    def cut_words(self, form: Callable[[str], str]) -> set[str]:
        """Return the words, in a form, that begin before the value or end after it: ``Hallorans`` of ``Halloran``."""
        if _is_sign(self.before[-1:]) and _is_sign(self.after[:1]):
            return set()
        before, text, after = form(self.before), form(self.text), form(self.after)
        whole, positions = before + text + after, (len(before), len(before) + len(text))
        return {_word_at(whole, position) for position in positions if not is_edge(whole, position)}


def _is_sign(character: str) -> bool:
    """Whether there is no character, or one at which every word ends."""
    return not character or (character.isascii() and not character.isalnum())


def _word_at(text: str, position: int) -> str:
    """Return the run of letters, marks and digits around a position."""
    start = end = position
    while start > 0 and in_word(text[start - 1]):
        start -= 1
    while end < len(text) and in_word(text[end]):
        end += 1
    return text[start:end]


def _positions(text: str, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield start and end wherever the words stand in the text, with or without a blank between two."""
    start = text.find(words[0])
    while start >= 0:
        end = start + len(words[0])
        for word in words[1:]:
            end += text.startswith(" ", end)
            if not text.startswith(word, end):
                break
            end += len(word)
        else:
            yield start, end
        start = text.find(words[0], start + 1)


@dataclass
class Remains:
    """A text in which values are searched; what was found is taken out."""

    text: str

    def take(self, words: Sequence[str], cut_words: Collection[str] | None) -> int:
        """Return how often a value stands in the text, overlapping copies each; all of them become NUL.

        Parameters
        ----------
        words : sequence of str
            The value.
        cut_words : collection of str, optional
            Words that values were cut from; None where words do not matter.
        """
        positions = [
            position
            for position in _positions(self.text, words)
            if cut_words is None or _stands(self.text, *position, cut_words)
        ]
        for start, end in positions:
            self.text = self.text[:start] + _NOTHING * (end - start) + self.text[end:]
        return len(positions)


def _stands(text: str, start: int, end: int, cut_words: Collection[str]) -> bool:
    """Whether a value found here is seen as such: as whole words, in a word that it was cut from, or long enough."""
    edges = [is_edge(text, position) for position in (start, end)]
    if all(edges):
        return True
    if all(edge or _word_at(text, position) in cut_words for edge, position in zip(edges, (start, end), strict=True)):
        return True
    n_letters = sum(in_word(character) for character in text[start:end])
    return any(edges) and n_letters >= MIN_LETTERS_IN_OTHER_WORDS


@dataclass(frozen=True)
class Leaks:
    """Which of the gold values leak, in their order: by each test, and in part as readers compare texts."""

    exactly: tuple[bool, ...]
    as_read: tuple[bool, ...]
    by_digits: tuple[bool, ...]
    in_part: tuple[bool, ...]


def find_leaks(values: Sequence[Value], output: str, correct: str) -> Leaks:
    """Return which of the gold values leak.

    Parameters
    ----------
    values : sequence of Value
        Gold values in their order; a value that occurs twice stands here twice.
    output, correct : str
        Text of the output and of the correct answer, placeholders aside.
    """
    search = _Search(AS_READ, values, output, correct)
    read = search.find([value.text for value in values])
    parts = [(number, part) for number, value in enumerate(values) if not read[number] for part in parts_of(value.text)]
    survives = search.find([part for _, part in parts])
    in_part = {number for (number, _), leaks in zip(parts, survives, strict=True) if leaks}
    return Leaks(
        exactly=_Search(AS_WRITTEN, values, output, correct).find([value.text for value in values]),
        as_read=read,
        by_digits=_Search(BY_DIGITS, values, output, correct).find([value.text for value in values]),
        in_part=tuple(number in in_part for number in range(len(values))),
    )


def parts_of(value: str) -> list[str]:
    """Return the parts of a value that tell on it by themselves: words of several, two neighbours of Chinese or Korean letters.

    Where the value has a capital letter, words begin with one. They have three letters, four in a value without capitals, two
    in scripts without blanks or in Korean, or four digits; articles, prepositions and forms of address are none.
    """
    found = runs(value)
    is_capitalised = any(word[:1].isupper() for word in found)
    words = [word for word in found if _tells(word, is_capitalised)] if len(found) > 1 else []
    pairs = [match.group() for word in found if len(word) > 2 for match in NAME_PAIR.finditer(word, overlapped=True)]
    return list(dict.fromkeys(words + pairs))


def _tells(word: str, is_capitalised: bool) -> bool:
    folded = fold(word)
    if folded in FUNCTION_WORDS or not folded:
        return False
    if folded.isdecimal():
        return len(folded) >= MIN_DIGITS
    if is_glued(folded[0]):
        return len(folded) >= MIN_GLUED_LETTERS_OF_PART
    if is_capitalised and has_case(word):
        return word[0].isupper() and len(folded) >= MIN_LETTERS_OF_PART
    return len(folded) >= (MIN_LETTERS_OF_UNCAPITALISED_PART if has_case(word) else MIN_LETTERS_OF_PART)


class _Search:
    """One test on one answer: what is found is taken out of both texts, so that it cannot be found again within."""

    def __init__(self, test: Test, values: Sequence[Value], output: str, correct: str) -> None:
        self.test = test
        self.cut_words: set[str] | None = None
        if test.respects_words:
            self.cut_words = {word for value in values for word in value.cut_words(test.form)}
        self.output, self.correct = Remains(test.form(output)), Remains(test.form(correct))

    def find(self, wanted: Sequence[str]) -> tuple[bool, ...]:
        """Return which texts stand in the output more often than in the correct answer, longer ones searched first."""
        forms = [self.test.words_of(text) for text in wanted]
        keys = ["".join(words) for words in forms]
        # Of `Emily Clark` and `EmilyClark` the former finds both.
        most_words = {"".join(words): words for words in sorted(forms, key=len)}
        surviving = {"": 0}
        for key in sorted(most_words.keys() - {""}, key=lambda text: (-len(text), text)):
            words = most_words[key]
            surviving[key] = self.output.take(words, self.cut_words) - self.correct.take(words, self.cut_words)
        found = []
        for key in keys:
            found.append(surviving[key] > 0)
            surviving[key] -= 1
        return tuple(found)
