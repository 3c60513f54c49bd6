"""Which class was taken for which: counted from the answers of a classification study. Only names of known classes are in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tunecurve.metrics.classification import as_class
from tunecurve.report.answer_lines import TrialAnswers
from tunecurve.results.model import Results
from tunecurve.storage.records import Record

# More classes than these are one, named so.
MOST_CLASSES = 20
OTHER, NO_CLASS = "(other classes)", "(no class)"


@dataclass(frozen=True)
class Confusion(Record):
    """The answers of one point, all its seeds together."""

    name: str
    classes: list[str]
    """The commonest of the test set first; the last columns may be other classes, and answers that are no class."""
    counts: list[tuple[int, int, int]]
    """Right class, answered class, rows; pairs that occur."""


def confusions(results: Results, answers: list[TrialAnswers]) -> list[Confusion]:
    """Return a matrix for every point but the floor; none where targets are no classes."""
    if not results.are_classes:
        return []
    known = {as_class(label) for label in results.data.labels}
    by_point: dict[str, list[TrialAnswers]] = {}
    for one in answers:
        if one.trial.strategy != "floor":
            by_point.setdefault(one.point_name, []).append(one)
    return [_matrix(name, own, known) for name, own in by_point.items()]


def _matrix(name: str, answers: list[TrialAnswers], known: set[str]) -> Confusion:
    pairs = [(as_class(line.target), as_class(line.prediction)) for one in answers for line in one.lines]
    common = [label for label, _ in Counter(target for target, _ in pairs if target in known).most_common(MOST_CLASSES)]
    place = {label: index for index, label in enumerate(common)}
    other, none = len(common), len(common) + 1

    def position(label: str) -> int:
        return place.get(label, other if label in known else none)

    counts = Counter((position(target), position(answer)) for target, answer in pairs)
    return Confusion(name, [*common, OTHER, NO_CLASS], [(*pair, n) for pair, n in sorted(counts.items())])
