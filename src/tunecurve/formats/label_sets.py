"""Sets of labels as text: ``fire; water``, or ``none``.

The order says nothing, so it is that of the alphabet. A semicolon within a label is written ``\\;``, so that every label can
be in a set. Reading never fails: what stands between two separators is a label, known or not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from tunecurve.formats.entities import normalise_whitespace

NO_LABEL = "none"
SEPARATOR = "; "
_SEPARATOR = re.compile(r"(?<!\\)[;；؛]|\n")
_UNESCAPED = {sign: re.compile(rf"(?<!\\){sign}") for sign in ";；؛"}
_SEMICOLON, _ESCAPED = re.compile(r"[;；؛]"), re.compile(r"\\([;；؛])")
# What people put between labels, in other scripts, too. The first ones hardly ever stand within one.
SURE = (";", "|", "\n", "\t", "；", "؛", "｜")
COMMAS = (",", "，", "、", "،")
SEPARATORS = (*SURE, *COMMAS, "/", "+", "&")
# Those that a label may end with, or have twice.
DOUBLED = ("/", "+", "&")
_ALONE = {sign: re.compile(rf"(?<!{re.escape(sign)}){re.escape(sign)}(?!{re.escape(sign)})") for sign in DOUBLED}
_NUMBERS = {
    ",": re.compile(r"(?<![\d,])(?:\d{1,3}(?:,\d{3})+|\d+,\d+)(?![\d,])"),
    "+": re.compile(r"(?<![\d+])\d+(?:\+\d+)+(?![\d+])"),
    "/": re.compile(r"(?<![\d/])\d+/\d+(?:/\d+)?(?![\d/])"),
}
_BETWEEN_WORDS = re.compile(r"[^\w]+")


def parse_labels(text: str) -> list[str]:
    """Return the labels of a text, each once, in its order."""
    parts = (_ESCAPED.sub(r"\1", normalise_whitespace(part)) for part in _SEPARATOR.split(text))
    return list(dict.fromkeys(part for part in parts if part and part.casefold().rstrip(".") != NO_LABEL))


def format_labels(labels: Iterable[str]) -> str:
    """Return the text that `parse_labels` reads as these labels, sorted; ``none`` for no label."""
    names = sorted({normalise_whitespace(label) for label in labels} - {""})
    written = [_SEMICOLON.sub(r"\\\g<0>", name) for name in names if name.casefold().rstrip(".") != NO_LABEL]
    # Else a final backslash would hide the semicolon behind it.
    return SEPARATOR.join(f"{name} " if name.endswith("\\") else name for name in written) or NO_LABEL


def find_separator(texts: Sequence[str], *, is_asked: bool = True) -> str:
    """Return the sign that stands between labels in some of the texts; empty where each is one label."""
    return next(iter(separators_in(texts, is_asked=is_asked)), "")


def separators_in(texts: Iterable[str], *, is_asked: bool) -> list[str]:
    """Return the signs that may stand between labels in some of the texts, the likeliest first.

    A sign separates if the labels it makes are no more than the texts, and come again in other texts: ``red, green`` and
    ``blue, white`` alone may be two labels with commas. One that stands within numbers only (``0,5``, ``1/4``) is the last choice.

    Parameters
    ----------
    texts : iterable of str
        Targets as they stand in the data.
    is_asked : bool, default True
        Whether they are sets of labels by the word of their user: then signs that hardly stand within a label separate
        wherever they are.
    """
    distinct = Counter(texts)
    found: list[tuple[bool, int, int]] = []
    for rank, sign in enumerate(SEPARATORS):
        sets = [split_labels(text, sign) for text in distinct]
        if not any(len(labels) > 1 for labels in sets):
            continue
        counts = Counter(label for labels in sets for label in labels)
        is_shared = len(counts) <= len(distinct) and max(counts.values()) > 1
        if is_shared or (is_asked and sign in SURE):
            found.append((is_within_numbers(distinct, sign), len(counts), rank))
    return [SEPARATORS[rank] for _, _, rank in sorted(found)]


def labels_in_label(label: str, known: Collection[str]) -> list[str]:
    """Return the known labels that a label consists of, whatever stands between them; none where a part is unknown."""
    for parts in (*(split_labels(label, sign) for sign in SEPARATORS), _BETWEEN_WORDS.split(label)):
        if len(parts) > 1 and all(part in known for part in parts):
            return parts
    return []


def split_labels(text: str, separator: str) -> list[str]:
    """Return what stands between separators, each once, without outer blanks; ``\\;`` is a semicolon within a label."""
    return list(dict.fromkeys(parts_of(text, separator)))


def parts_of(text: str, separator: str) -> list[str]:
    """Return what stands between separators as often as it stands there, else like `split_labels`."""
    parts = text.split(separator) if separator else [text]
    if separator in _UNESCAPED:
        parts = _UNESCAPED[separator].split(text)
    elif separator in DOUBLED:
        # ``C++`` and ``A/`` are one label each, ``C++ + D`` are two.
        parts = _ALONE[separator].split(text)
        parts = parts if all(map(str.strip, parts)) else [text]
    return [_ESCAPED.sub(r"\1", part.strip()) for part in parts if part.strip()]


def is_within_numbers(texts: Iterable[str], sign: str) -> bool:
    """Return whether a sign stands in numbers and dates only: ``0,5``, ``1,500``, ``1/4``, ``05/06/2024``; ``1,2,3`` is a list."""
    number = _NUMBERS.get(sign)
    with_it = [text for text in texts if sign in text]
    return number is not None and bool(with_it) and all(sign not in number.sub("", text) for text in with_it)
