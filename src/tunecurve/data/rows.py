"""The row: an input text, its target text, and where it came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm

# A row as a source yields it: its place, and its cells by column.
RawRow = tuple[str, Mapping[str, Any]]

_LABEL = re.compile(r"\[[A-Z][A-Z0-9_]*\]")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class TextGroup:
    """Groups rows by a text: those are one group whose skeletons are alike."""

    text: Literal["input", "target"]
    """Which text."""
    form: PlaceholderForm = CLASSIC
    """How its placeholders are written."""

    def of(self, source: str, target: str) -> str:
        """Return the group of a row."""
        return skeleton(source if self.text == "input" else target, self.form)


class _Places:
    """Numbers for places that end in one: the words before it are kept once."""

    _SHIFT = 40

    def __init__(self) -> None:
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}

    def number_of(self, place: str) -> str | int:
        """Return the number of a place; the place itself where it does not end in a number as we write it."""
        words, _, digits = place.rpartition(" ")
        if not (words and digits.isdecimal() and digits.isascii() and digits[0] != "0" and len(digits) < 12):
            return place
        number = self._numbers.get(words)
        if number is None:
            number = self._numbers[words] = len(self._words)
            self._words.append(words)
        return (number << self._SHIFT) + int(digits)

    def place_of(self, number: int) -> str:
        """Return the place of a number."""
        return f"{self._words[number >> self._SHIFT]} {number & ((1 << self._SHIFT) - 1)}"


_PLACES = _Places()


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled example."""

    source: str
    """The input text."""
    target: str
    """The text that should come out."""
    grouping: str | TextGroup
    """The group's name, or the text that tells it; two million rows do not keep it beside that text."""
    where: str | int = ""
    """The row's place, or its number in `_Places`, which takes half the memory."""
    other_targets: tuple[str, ...] = ()
    """Further texts that are as right as the target; models are tuned on the target alone."""
    side: str = ""
    """``""``, ``"train"``, ``"test"`` or ``"dev"``: the side that the data name for the row; empty where they name none."""

    def __post_init__(self) -> None:
        """Keep the place as a number."""
        if isinstance(self.where, str):
            object.__setattr__(self, "where", _PLACES.number_of(self.where))

    def __reduce__(self) -> tuple[type[Row], tuple[object, ...]]:
        """Travel to other processes with the place in words: its number means nothing there."""
        return Row, (self.source, self.target, self.grouping, self.place, self.other_targets, self.side)

    @property
    def place(self) -> str:
        """Where the row stands in its file, for messages, e.g. ``"line 7"``."""
        return self.where if isinstance(self.where, str) else _PLACES.place_of(self.where)

    @property
    def group(self) -> str:
        """The row's group: rows of one group never sit on both sides of a split."""
        return self.grouping if isinstance(self.grouping, str) else self.grouping.of(self.source, self.target)

    @property
    def row_id(self) -> str:
        """Hash of the content, 16 hexadecimal digits."""
        return content_id(self.source, self.target, *self.other_targets)

    @property
    def references(self) -> str | tuple[str, ...]:
        """What an answer is compared with: the target, or all targets where there are several."""
        return (self.target, *self.other_targets) if self.other_targets else self.target


class Pairs(Sequence[tuple[str, str]]):
    """The (input, target) pairs of rows, made when they are looked at."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, str]]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | list[tuple[str, str]]:
        if isinstance(index, slice):
            return [(row.source, row.target) for row in self._rows[index]]
        return self._rows[index].source, self._rows[index].target

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((row.source, row.target) for row in self._rows)


def content_id(*texts: str) -> str:
    """Return a 16-digit hash of the texts; the boundaries between them count."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:16]


def ids_hash(rows: Sequence[Row]) -> str:
    """Return the hash of the rows' contents in their order, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for number, row in enumerate(rows):
        digest.update(f"\n{row.row_id}".encode() if number else row.row_id.encode())
    return digest.hexdigest()[:16]


def skeleton(text: str, form: PlaceholderForm = CLASSIC) -> str:
    """Return the text with labels, digits, case and spacing levelled, so that rows from one template look alike."""
    # Labels that look classic are levelled in any case, also those of the text: templates are told apart by their words.
    text = text if form is CLASSIC or form.is_classic else form.replace(text, "[]")
    text = _LABEL.sub("[]", text) if "[" in text else text
    return " ".join(_DIGITS.sub("0", text).split()).casefold()
