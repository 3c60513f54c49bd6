"""Vectors in the place of sets of labels: a 0 or 1, or a score, for each label of a list that the rows do not have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_BETWEEN = re.compile(r"[\s,;|/]+")
_FLAG = re.compile(r"[01](\.0)?|true|false|yes|no", re.IGNORECASE)
_SCORE = re.compile(r"[01]?\.\d+(e-?\d+)?|[01](\.0)?|\d(\.\d+)?e-\d+")


def vector_among(sets: Iterable[Sequence[str]]) -> tuple[str, list[str]]:
    """Return what the items of vectors are, and one of them; two times nothing where the items are labels.

    Sets are vectors if all items are 0 and 1 (or no and yes), and a list has one of them twice, or all lists are of one length;
    or if all are scores between 0 and 1, and all lists of one length: ``[0, 1, 0]`` would have the labels 0 and 1.

    Parameters
    ----------
    sets : iterable of sequence of str
        The targets of all rows that have labels: their items, or one text that may have several.
    """
    found: list[list[str]] = []
    lengths: set[int] = set()
    are_flags, is_repeated = True, False
    for texts in sets:
        items = list(texts) if len(texts) > 1 else _BETWEEN.split(texts[0].strip(" []()"))
        if not all(_FLAG.fullmatch(item) or _SCORE.fullmatch(item) for item in items):
            return "", []
        are_flags = are_flags and all(map(_FLAG.fullmatch, items))
        is_repeated = is_repeated or len(set(items)) < len(items)
        lengths.add(len(items))
        found = found or [items]
    are_even = len(lengths) == 1 and min(lengths) > 1
    if are_even or (found and are_flags and is_repeated):
        return ("0 and 1" if are_flags else "scores"), found[0]
    return "", []
