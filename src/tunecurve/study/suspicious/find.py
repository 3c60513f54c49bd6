"""Look for suspicious labels among a study's rows, as its kind of task allows, within a given time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from tunecurve.data.rows import Row
from tunecurve.errors import how_to_install
from tunecurve.formats.label_sets import format_labels, parse_labels
from tunecurve.formats.spans import EntityFormat, MaskFormat, SpanFormat
from tunecurve.study.dataset import StudyData
from tunecurve.study.suspicious.classes import suspicious_classes, suspicious_labels
from tunecurve.study.suspicious.folds import BoolArray, Folds, NothingLearntError
from tunecurve.study.suspicious.records import SuspiciousLabels, SuspiciousRow, SuspiciousSpan
from tunecurve.study.suspicious.words import Stretch, suspicious_words, words_of
from tunecurve.tasks.base import Task

# Of fewer rows, or of one group, nothing can be learnt about the others.
FEWEST_ROWS, FEWEST_GROUPS = 30, 3
# What is looked at at most, however long it may take.
MOST_ROWS, MOST_CHARACTERS = 50_000, 10_000_000
# Seconds of one core: a character times a label of a text, a pair of rows, a character with words that have labels.
_A_CHARACTER_AND_LABEL, _A_PAIR, _A_LABELLED_CHARACTER = 8e-8, 3e-8, 6e-5


@dataclass(frozen=True)
class LookedAt:
    """The rows that are looked at: all, or of many an even sample, which needs none of the others."""

    rows: Sequence[Row] = ()
    """In the order of their numbers."""
    sides: Sequence[str] = ()
    """The side of each: ``test`` or ``training``."""
    n_rows: int = 0
    """All rows of both sides."""
    why_not: str = ""
    """Why none is looked at; empty where some are."""


def rows_to_look_at(data: StudyData, task: Task, seconds: float | None) -> LookedAt:
    """Return the rows among which suspicious labels are looked for: an even sample of more than time and memory allow."""
    rows = _Both(data.test, data.pool)
    why_not = _why_not(rows, task)
    if why_not:
        return LookedAt(n_rows=len(rows), why_not=why_not)
    numbers = _sample(rows, _n_most(rows, task, len(data.facts.labels), seconds))
    looked_at = [rows[number] for number in numbers]
    if len(looked_at) < len(rows):
        # Texts of their own: between those of millions of rows that are given up, each would keep a megabyte.
        copies: dict[str, str] = {}
        looked_at = [_with_texts_of_its_own(row, copies) for row in looked_at]
    sides = ["test" if number < len(data.test) else "training" for number in numbers]
    return LookedAt(looked_at, sides, len(rows))


def _with_texts_of_its_own(row: Row, copies: dict[str, str]) -> Row:
    """Return the row in memory that it shares with no row that is given up; equal texts share theirs."""
    source, target, *others = (_copied(text, copies) for text in (row.source, row.target, *row.other_targets))
    grouping = _copied(row.grouping, copies) if isinstance(row.grouping, str) else row.grouping
    return replace(row, source=source, target=target, other_targets=tuple(others), grouping=grouping)


def _copied(text: str, copies: dict[str, str]) -> str:
    if text not in copies:
        copy = text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
        copies[copy] = copy
    return copies[text]


def find_suspicious(looked_at: LookedAt, task: Task) -> SuspiciousLabels:
    """Return the rows whose labels two cheap learners doubt."""
    rows, n_rows = looked_at.rows, looked_at.n_rows
    if looked_at.why_not:
        return SuspiciousLabels(n_rows=n_rows, why_not=looked_at.why_not)
    folds = Folds.of_groups([row.group for row in rows])
    if folds.n_groups < FEWEST_GROUPS:
        why_not = f"the rows are of {folds.n_groups} group{'s' * (folds.n_groups > 1)} only, and a row is judged by others than its group's"
        return SuspiciousLabels(n_rows=n_rows, why_not=why_not)
    try:
        found = _look(rows, task, folds)
    except NothingLearntError as error:
        return SuspiciousLabels(n_rows=n_rows, why_not=str(error))
    named = [(row, replace(item, side=looked_at.sides[row], place=rows[row].place)) for row, item in found]
    in_order = _each_group_once_first(named, folds)
    return SuspiciousLabels(tuple(_with_texts(item, rows[row]) for row, item in in_order), len(rows), n_rows)


class _Both(Sequence[Row]):
    """Two lists of rows, one behind the other, without a third one beside them: of millions of rows that counts."""

    def __init__(self, first: Sequence[Row], second: Sequence[Row]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __getitem__(self, number: Any) -> Any:
        number, n_first = range(len(self))[number], len(self._first)
        return self._first[number] if number < n_first else self._second[number - n_first]

    def __iter__(self) -> Iterator[Row]:
        return itertools.chain(self._first, self._second)


def _why_not(rows: Sequence[Row], task: Task) -> str:
    if task.answer not in ("class", "labels", "mask", "entities"):
        return f"the targets of a {task.name} task are no labels that cheap learners could judge"
    if find_spec("sklearn") is None:
        return f"they need scikit-learn: {how_to_install('local')}"
    if len(rows) < FEWEST_ROWS:
        return f"{len(rows)} rows are too few to judge one by the others, which takes {FEWEST_ROWS}"
    return ""


def _n_most(rows: Sequence[Row], task: Task, n_labels: int, seconds: float | None) -> int:
    """Return how many rows can be looked at in the time, and in memory."""
    length = max(1.0, sum(len(row.source) for row in rows) / len(rows))
    n_most = min(len(rows), MOST_ROWS, int(MOST_CHARACTERS / length))
    if seconds is None:
        return n_most
    is_of_words = task.answer in ("mask", "entities")
    a_row = length * (_A_LABELLED_CHARACTER if is_of_words else _A_CHARACTER_AND_LABEL * max(n_labels, 2))
    a_pair = 0.0 if is_of_words else _A_PAIR
    while n_most > FEWEST_ROWS and n_most * a_row + n_most**2 * a_pair > seconds:
        n_most = int(0.9 * n_most)
    return n_most


def _sample(rows: Sequence[Row], n_most: int) -> list[int]:
    """Return the numbers of the rows to look at: all, or an even sample of both sides, drawn always alike."""
    if len(rows) <= n_most:
        return list(range(len(rows)))
    return np.sort(np.random.default_rng(0).permutation(len(rows))[:n_most]).tolist()


def _look(rows: Sequence[Row], task: Task, folds: Folds) -> list[tuple[int, SuspiciousRow]]:
    if task.answer == "class":
        return _classes(rows, task, folds)
    if task.answer == "labels":
        return _sets(rows, folds)
    return _words(rows, task, folds)


def _classes(rows: Sequence[Row], task: Task, folds: Folds) -> list[tuple[int, SuspiciousRow]]:
    given = [task.class_of(row.target).strip() for row in rows]
    names = sorted(set(given))
    found = suspicious_classes([row.source for row in rows], _gold([[name] for name in given], names), folds)
    return [(row, _row(given[row], names[suggested], sureness)) for row, suggested, sureness in found]


def _sets(rows: Sequence[Row], folds: Folds) -> list[tuple[int, SuspiciousRow]]:
    given = [parse_labels(row.target) for row in rows]
    names = sorted({label for one in given for label in one})
    found = suspicious_labels([row.source for row in rows], _gold(given, names), folds)
    return [
        (row, _row(format_labels(given[row]), format_labels({*given[row]} ^ {names[n] for n in turned}), sureness))
        for row, turned, sureness in found
    ]


def _words(rows: Sequence[Row], task: Task, folds: Folds) -> list[tuple[int, SuspiciousRow]]:
    """Return the rows with suspicious words; rows whose target cannot be read as spans are left out."""
    pairs = [(row.source, row.target) for row in rows]
    form: SpanFormat = MaskFormat.of_targets(pairs, task.form) if task.answer == "mask" else EntityFormat()
    spans = [form.derive(source, target) for source, target in pairs]
    readable = [number for number, own in enumerate(spans) if own is not None]
    texts = [rows[number].source for number in readable]
    words = words_of(texts, [spans[number] or [] for number in readable])
    if not words:
        return []
    by_row: dict[int, list[Stretch]] = {}
    for stretch in suspicious_words(texts, words, Folds(folds.groups[readable], folds.folds[readable])):
        by_row.setdefault(readable[stretch.row], []).append(stretch)
    return [(row, _row_of_words(found)) for row, found in by_row.items()]


def _row_of_words(found: Sequence[Stretch]) -> SuspiciousRow:
    in_order = sorted(found, key=lambda stretch: (-stretch.sureness, stretch.start))
    first = in_order[0]
    spans = tuple(SuspiciousSpan(one.start, one.end, one.label, one.suggested) for one in in_order)
    return replace(_row(first.label or "no label", first.suggested or "no label", first.sureness), spans=spans)


def _row(label: str, suggested: str, sureness: float) -> SuspiciousRow:
    return SuspiciousRow("", "", label, suggested, round(sureness, 3))


def _gold(given: Sequence[Sequence[str]], names: Sequence[str]) -> BoolArray:
    numbers = {name: number for number, name in enumerate(names)}
    gold = np.zeros((len(given), len(names)), dtype=bool)
    for row, labels in enumerate(given):
        gold[row, [numbers[label] for label in labels]] = True
    return gold


def _each_group_once_first(found: Sequence[tuple[int, SuspiciousRow]], folds: Folds) -> list[tuple[int, SuspiciousRow]]:
    """Return the rows, the most certain first; of a group the second row stands behind the first ones of all groups."""
    seen: dict[int, int] = {}
    ranked = []
    for row, item in sorted(found, key=lambda pair: (-pair[1].sureness, pair[0])):
        group = int(folds.groups[row])
        ranked.append((seen.setdefault(group, 0), row, item))
        seen[group] += 1
    return [(row, item) for _, row, item in sorted(ranked, key=lambda one: one[0])]


def _with_texts(item: SuspiciousRow, row: Row) -> SuspiciousRow:
    return replace(item, input=row.source, target=row.target)
