"""Which gold values survive in an output? Exactly, after normalising, or by their digits alone.

A value leaks when the output's text holds it more often than the correct answer's text does: a name that also stands
in the unmasked rest of the sentence is not a leak by itself. One surviving copy is one leak, also where the value is
masked elsewhere; a short value inside a longer one that leaked is not counted again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

MIN_DIGITS = 4
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s\-./()+:,]+(?=\d)")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """Return the text in lower case with every run of other than letters and digits as one blank."""
    return " " + _NOT_ALPHANUMERIC.sub(" ", text.casefold()).strip() + " "


def joined_digits(text: str) -> str:
    """Return the text with separators between digits removed, so that ``12-34`` reads ``1234``."""
    return _BETWEEN_DIGITS.sub("", text)


def _exact_pattern(value: str) -> str:
    """The value as it is, as whole words."""
    before = r"(?<!\w)" if value[:1].isalnum() else ""
    after = r"(?!\w)" if value[-1:].isalnum() else ""
    return before + re.escape(value) + after if value else ""


def _normalised_pattern(value: str) -> str:
    words = normalise(value).strip()
    return f"(?<= ){re.escape(words)}(?= )" if words else ""


def _digits_pattern(value: str) -> str:
    """The value's digits in one run; fewer than four say too little."""
    digits = "".join(re.findall(r"\d", value))
    return re.escape(digits) if len(digits) >= MIN_DIGITS else ""


# Test -> (form of the text that is searched, pattern of a value; an empty pattern never leaks).
TESTS: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "exact": (str, _exact_pattern),
    "normalised": (normalise, _normalised_pattern),
    "digits": (joined_digits, _digits_pattern),
}


def leaking(values: Sequence[str], output: str, correct: str, test: str) -> tuple[bool, ...]:
    """Return which of the gold values leak.

    Parameters
    ----------
    values : sequence of str
        Gold values in their order; a value that occurs twice stands here twice.
    output, correct : str
        Text of the output and of the correct answer, placeholders aside.
    test : {"exact", "normalised", "digits"}
        How to look for a value.
    """
    form, pattern_of = TESTS[test]
    output, correct = form(output), form(correct)
    patterns = [pattern_of(value) for value in values]
    surviving: dict[str, int] = {"": 0}
    for pattern in sorted({pattern for pattern in patterns if pattern}, key=lambda text: (-len(text), text)):
        surviving[pattern] = len(re.findall(pattern, output)) - len(re.findall(pattern, correct))
        output, correct = re.sub(pattern, "\0", output), re.sub(pattern, "\0", correct)
    found = []
    for pattern in patterns:
        found.append(surviving[pattern] > 0)
        surviving[pattern] -= 1
    return tuple(found)
