"""What is wrong with a masked row, value by value: which ones leak, which leak in part, which have another label. Computes nothing new."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.formats.placeholders import PlaceholderForm
from tunecurve.metrics.leaks import as_read, parts_of
from tunecurve.metrics.masked_row import RowAnalysis, analyse_row
from tunecurve.storage.records import Record

# One and several values of which a fault is said.
_LEAKED = ("1 value leaks", "{} values leak")
_IN_PART = ("a part of 1 value leaks", "parts of {} values leak")
_OTHERWISE = (
    "1 value is masked with another label or in another place",
    "{} values are masked with another label or in another place",
)


@dataclass(frozen=True)
class RowFaults(Record):
    """The faults of one answer."""

    said: list[str]
    """A sentence a kind of fault, with the values as the input has them."""
    shown: list[str]
    """What of the values the answer shows, to be marked there."""


def faults_of(prediction: str, target: str, source: str, form: PlaceholderForm) -> RowFaults:
    """Return what is wrong with one answer."""
    row = analyse_row(prediction, target, source, form)
    leaked, in_part = _where(row.values, row.leaked), _where(row.values, row.leaked_in_part)
    answer = as_read(prediction)
    parts = [part for value in in_part for part in parts_of(value) if as_read(part).strip() in answer]
    kinds = [(_LEAKED, leaked), (_IN_PART, in_part), (_OTHERWISE, _labelled_otherwise(row))]
    said = [f"{words[len(found) > 1].format(len(found))}: {', '.join(found)}" for words, found in kinds if found]
    return RowFaults(said, list(dict.fromkeys([*leaked, *parts])))


def _where(values: tuple[str, ...], flags: tuple[bool, ...]) -> list[str]:
    return [value for value, flag in zip(values, flags, strict=True) if flag]


def _labelled_otherwise(row: RowAnalysis) -> list[str]:
    """Return the values that do not leak and whose label is not found, as ``Boston (should be CITY)``."""
    shows = [whole or part for whole, part in zip(row.leaked, row.leaked_in_part, strict=True)]
    place, found = 0, []
    for text, labels, is_right in zip(row.gold_texts, row.gold_labels, row.labelled_correctly, strict=True):
        if not text:  # a blank stretch is no value
            continue
        if not is_right and not shows[place]:
            found.append(f"{text} (should be {' '.join(labels)})")
        place += 1
    return found
