"""Right answers that a tagger cannot give: labels that it cannot have learnt, targets that are more than labelled words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tunecurve.learners.base import Loss
from tunecurve.wording import first_of, told_apart


def lost_labels(rows: Mapping[int, Collection[str]]) -> Iterator[Loss]:
    """Say which rows have labels that cannot be learnt, none where there are none."""
    if rows:
        names = first_of(told_apart(sorted({label for labels in rows.values() for label in labels})), 8)
        what = f"test rows have a label that no training row has: {names}"
        yield Loss("labels", tuple(rows), what, "label training rows with it, or leave these test rows out")


def lost_spans(rows: Sequence[int]) -> Iterator[Loss]:
    """Say which targets are more than labelled words, none where there are none."""
    if rows:
        what = "test targets cannot be written as labelled words of their inputs"
        yield Loss("tags", tuple(rows), what, "check these targets, or let a language model stand beside the tagger")
