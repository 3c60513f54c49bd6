"""Does a gold value survive in an output? Exactly, after normalising, or by its digits alone.

A value leaks when the output's text holds it more often than the correct answer's text does: a name that also stands
in the unmasked rest of the sentence is not a leak by itself.
"""

from __future__ import annotations

import re

MIN_DIGITS = 4
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-./()+:,]+(?=\d)")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def _count_words(text: str, value: str) -> int:
    before = r"(?<!\w)" if value[:1].isalnum() else ""
    after = r"(?!\w)" if value[-1:].isalnum() else ""
    return len(re.findall(before + re.escape(value) + after, text))


def normalise(text: str) -> str:
    """Return the text in lower case with every run of other than letters and digits as one blank."""
    return " " + _NOT_ALPHANUMERIC.sub(" ", text.casefold()).strip() + " "


def joined_digits(text: str) -> str:
    """Return the text with separators between digits removed, so that ``12-34`` reads ``1234``."""
    return _BETWEEN_DIGITS.sub("", text)


def leaks_exactly(value: str, output: str, correct: str) -> bool:
    """Return whether the value stands in the output as it is, as whole words."""
    return bool(value) and _count_words(output, value) > _count_words(correct, value)


def leaks_normalised(value: str, output: str, correct: str) -> bool:
    """Return whether the value stands in the output, case, punctuation and spacing aside."""
    wanted = normalise(value)
    return bool(wanted.strip()) and normalise(output).count(wanted) > normalise(correct).count(wanted)


def leaks_by_digits(value: str, output: str, correct: str) -> bool:
    """Return whether the value's digits (four or more) stand in the output in one run, separators aside."""
    digits = "".join(re.findall(r"\d", value))
    if len(digits) < MIN_DIGITS:
        return False
    return joined_digits(output).count(digits) > joined_digits(correct).count(digits)
