"""Spans with offsets as tools write them, brought to characters of their text: units, ends, blanks, overlaps.

A tool counts in characters (Python), UTF-16 units (JavaScript, Java) or UTF-8 bytes, with the end behind the span or in it; some read
the line break of Windows as one character. Where a tool writes the span's own text beside the offsets, that decides; where it does not,
only characters with the end behind are read.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from tunecurve.formats.segmentation import is_edge
from tunecurve.formats.spans import LabelledSpan

Unit = Literal["characters", "UTF-16 units", "UTF-8 bytes", "line breaks of two characters as one"]
UNITS: tuple[Unit, ...] = ("characters", "UTF-16 units", "UTF-8 bytes", "line breaks of two characters as one")
_CHARACTER = regex.compile(r"\X")
_BLANKS = regex.compile(r"\s+")


@dataclass(frozen=True)
class RawSpan:
    """A span as it is written: offsets, label, and its own text where that stands beside them."""

    start: int
    end: int
    label: str
    text: str | None = None


@dataclass(frozen=True)
class Counting:
    """How offsets count."""

    unit: Unit = "characters"
    """One of `UNITS`."""
    is_end_inside: bool = False
    """Whether the end is the span's last unit, not the one behind it."""

    def __str__(self) -> str:
        """Return it in words."""
        return self.unit + (", the end inside the span" if self.is_end_inside else "")


COUNTINGS = tuple(Counting(unit, is_end_inside) for is_end_inside in (False, True) for unit in UNITS)


@dataclass(frozen=True)
class Located:
    """The spans of one text in characters, in order and without overlaps, and what it took."""

    spans: tuple[LabelledSpan, ...] = ()
    """What is to be replaced or listed."""
    problem: str = ""
    """Why the row cannot be used; empty where it can."""
    counting: Counting = Counting()
    """How the offsets count."""
    repairs: tuple[str, ...] = ()
    """What was done to the spans, one word group a span: see `REPAIRS`."""


OUTSIDE = "outside the text"
NOT_THE_TEXT = "unlike the text given beside them"
WITHIN_A_CHARACTER = "within a character"
# What can be done to a span, and the rule in words.
REPAIRS = {
    "blanks": "spans begin or end with blanks, which are left out of them",
    "empty": "spans hold nothing but blanks and are left out",
    "accents": "spans end between a letter and its accent or within a joined sign, and reach to the end of it",
    "twice": "spans stand twice and count once",
    "several labels": "spans have several labels: the first one is read",
    "nested": "spans lie inside longer ones: only the longest is read",
    "overlapping": "spans overlap: they are read as one, with the label of the longest",
    "within words": "spans begin or end within a word",
}


def locate(text: str, raw: Sequence[RawSpan], counting: Counting | None = None) -> Located:
    """Return where spans stand in their text.

    Parameters
    ----------
    text : str
    raw : sequence of RawSpan
        As written, in any order.
    counting : Counting, optional
        How the offsets count, where that is known; else the first way in which all of them fit the texts beside them.
    """
    ways = (counting,) if counting else COUNTINGS if any(span.text is not None for span in raw) else COUNTINGS[:1]
    problem = ""
    for way in ways:
        spans = _in_characters(text, raw, way)
        if isinstance(spans, str):
            problem = problem or spans
            continue
        if all(_fits(text, span, own.text) for span, own in zip(spans, raw, strict=True)):
            flat, repairs = _flat(text, spans)
            return Located(flat, "", way, repairs)
        problem = NOT_THE_TEXT
    return Located(problem=problem)


def in_characters(text: str, span: RawSpan, counting: Counting) -> tuple[int, int] | None:
    """Return where one span stands in characters; None where its offsets are outside the text or within a character."""
    found = _in_characters(text, [span], counting)
    return None if isinstance(found, str) else (found[0].start, found[0].end)


def _in_characters(text: str, raw: Sequence[RawSpan], counting: Counting) -> list[LabelledSpan] | str:
    """Return the spans in characters, or the problem."""
    places = _places(text, counting.unit)
    n_units = len(text) if places is None else len(places) - 1
    found = []
    for span in raw:
        start, end = span.start, span.end + counting.is_end_inside
        if not 0 <= start <= end <= n_units:
            return OUTSIDE
        if places is not None:
            start, end = places[start], places[end]
        if start < 0 or end < 0:
            return WITHIN_A_CHARACTER
        found.append(LabelledSpan(start, end, span.label))
    return found


@functools.lru_cache(maxsize=8)
def _places(text: str, unit: Unit) -> list[int] | None:
    """Return the character that begins at each unit, -1 within one; None where units are characters."""
    if unit == "characters" or (text.isascii() and unit != UNITS[3]) or (unit == UNITS[3] and "\r\n" not in text):
        return None
    sizes = _SIZES[unit](text)
    places = [-1] * (sum(sizes) + 1)
    for character, unit_place in enumerate(itertools.accumulate(sizes, initial=0)):
        places[unit_place] = character
    return places


def _sizes_of_lines(text: str) -> list[int]:
    return [int(text[place : place + 2] != "\r\n") for place in range(len(text))]


# How many units each character of a text is.
_SIZES: dict[Unit, Callable[[str], list[int]]] = {
    UNITS[1]: lambda text: [2 if ord(character) > 0xFFFF else 1 for character in text],
    UNITS[2]: lambda text: [len(character.encode("utf-8", "replace")) for character in text],
    UNITS[3]: _sizes_of_lines,
}


def _fits(text: str, span: LabelledSpan, own: str | None) -> bool:
    """Return whether a span is the text that was given for it, blanks and line breaks apart."""
    if own is None:
        return True
    there = text[span.start : span.end]
    return there == own or _levelled(there) == _levelled(own)


def _levelled(text: str) -> str:
    # Label Studio writes a line break in the text of a span as a backslash and an n.
    return _BLANKS.sub(" ", text.replace("\\n", "\n").replace("\\t", "\t")).strip()


def _flat(text: str, spans: Sequence[LabelledSpan]) -> tuple[tuple[LabelledSpan, ...], tuple[str, ...]]:
    """Return the spans without overlaps, blanks at their ends and halves of characters, and what that took."""
    repairs: list[str] = []
    whole: dict[tuple[int, int], LabelledSpan] = {}
    edges = _edges(text) if spans else []
    for span in spans:
        start, end = _without_blanks(text, span.start, span.end)
        if start == end:
            repairs.append("empty")
            continue
        repairs += ["blanks"] if (start, end) != (span.start, span.end) else []
        wide = edges[bisect.bisect_right(edges, start) - 1], edges[bisect.bisect_left(edges, end)]
        repairs += ["accents"] if wide != (start, end) else []
        known = whole.get(wide)
        if known is not None:
            repairs.append("twice" if known.label == span.label else "several labels")
            continue
        whole[wide] = LabelledSpan(*wide, span.label)
    flat = _without_overlaps(whole.values(), repairs)
    repairs += ["within words" for span in flat if not (is_edge(text, span.start) and is_edge(text, span.end))]
    return tuple(flat), tuple(repairs)


def _edges(text: str) -> Sequence[int]:
    """Return where characters as readers see them begin and end: a letter with its accents is one."""
    return (
        range(len(text) + 1) if text.isascii() else [match.start() for match in _CHARACTER.finditer(text)] + [len(text)]
    )


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    own = text[start:end]
    start += len(own) - len(own.lstrip())
    return start, start + len(own.strip())


def _without_overlaps(spans: Iterable[LabelledSpan], repairs: list[str]) -> list[LabelledSpan]:
    """Return the spans in order, those that overlap joined under the label of the longest."""
    flat: list[LabelledSpan] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not flat or span.start >= flat[-1].end:
            flat.append(span)
            longest = span.end - span.start
            continue
        last = flat.pop()
        is_inside = span.end <= last.end
        repairs.append("nested" if is_inside else "overlapping")
        is_longer = span.end - span.start > longest
        longest = max(longest, span.end - span.start)
        flat.append(LabelledSpan(last.start, max(last.end, span.end), span.label if is_longer else last.label))
    return flat
