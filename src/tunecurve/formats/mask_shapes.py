"""What maskings look like beside their labels: how much one placeholder stands for, and how placeholders follow each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm

# Few rows do not show the longest value there is: a placeholder may stand for more than any that they show.
MARGIN = 2.0
_MOST_BYTES_A_CHARACTER = 4
BLANKS = " \t\n\r\v\f"


@dataclass(frozen=True)
class MaskShape:
    """The limits of a masking."""

    most_bytes: int
    """Most bytes (UTF-8) of the input that one placeholder stands for."""
    most_in_a_row: int
    """Most placeholders with nothing or blanks alone between them."""
    repeated: tuple[str, ...] = ()
    """Labels that may follow themselves so."""

    def to_json(self) -> dict[str, object]:
        """Return the limits as plain values."""
        return {"most_bytes": self.most_bytes, "most_in_a_row": self.most_in_a_row, "repeated": list(self.repeated)}

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> MaskShape:
        """Return the limits that `to_json` wrote."""
        return cls(parts["most_bytes"], parts["most_in_a_row"], tuple(parts["repeated"]))


def mask_shape(pairs: Iterable[tuple[str, str]], form: PlaceholderForm = CLASSIC) -> MaskShape | None:
    """Return the limits that (input, target) pairs show; None where no target is a masking with a placeholder.

    A placeholder may stand for `MARGIN` times the longest stretch that one of theirs stands for. As many may follow each
    other as do in a target, and one more.
    """
    longest, run, repeated = 0, 0, set()
    for source, target in pairs:
        spans = align_exactly(source, target, form)
        if not spans:
            continue
        longest = max(longest, *(len(source[span.start : span.end].encode()) for span in spans))
        for labels in _runs(target, form):
            run = max(run, len(labels))
            repeated |= {label for label, after in itertools.pairwise(labels) if label == after}
    if not longest:
        return None
    return MaskShape(max(round(MARGIN * longest), _MOST_BYTES_A_CHARACTER), run + 1, tuple(sorted(repeated)))


def _runs(target: str, form: PlaceholderForm) -> list[list[str]]:
    """Return the labels of a target, those in one list that have nothing or blanks alone between them.

    What looks like a placeholder counts also where the input has it: who writes byte by byte cannot tell the two apart.
    """
    runs: list[list[str]] = []
    end: int | None = None
    for found in form.find(target):
        if end is not None and not target[end : found.start].strip(BLANKS):
            runs[-1].append(found.label)
        else:
            runs.append([found.label])
        end = found.end
    return runs
