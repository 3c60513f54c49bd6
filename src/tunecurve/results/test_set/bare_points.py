"""What a test set can show when nothing but scores and its size are known: no answers, no rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tunecurve.curve.curve_table import CurveTable
from tunecurve.curve.ranges import usual_range
from tunecurve.curve.table_notes import said_of_test_rows
from tunecurve.errors import DataError, UsageError
from tunecurve.findings import Finding
from tunecurve.results.records.test_set import Basis, TestDifference, TestSet, TestSetAnswer
from tunecurve.results.test_set.basis import guessed_noise
from tunecurve.results.test_set.entries import LEVEL, Questions, TestRows, difference_entry
from tunecurve.wording import first_of

# How alike the errors of two neighbouring sizes were in this project's studies (correlation over rows, middle 80 %):
# `benchmarks/testset/paired_noise.py`.
CORRELATION = (0.85, 0.3)


# What of an n_test that differs within a curve is taken for what.
DIFFERENT_ROWS = (
    "the fewest, {least}, are taken for all of it, as if all sizes had the same rows; --test-rows N takes others."
)


@dataclass(frozen=True)
class AskedOfPoints:
    """What is told and asked of every curve."""

    test_rows: int | None
    groups: int | None
    """Test rows and groups of them; None: the file's ``n_test``, each row a group."""
    ends: tuple[float | None, float | None] | None
    """Range of the metric; None: by the scores."""
    difference: float | None
    """To be told, in units of the score; None: one per cent of the range."""

    def range_of(self, table: CurveTable) -> tuple[tuple[float | None, float | None], str | None]:
        """Return the range that was given, else what a curve's scores and the others of its file tell, and what is said of it."""
        if self.ends is not None:
            return self.ends, None
        if table.score_range is not None and table.direction != "min":
            return table.score_range, None
        points = table.points() if self.test_rows is None else replace(table.points(), n_test=self.test_rows)
        return usual_range(list(table.score), table.direction or "max", points)

    def check_groups(self, table: CurveTable) -> None:
        """Raise UsageError for more groups than test rows."""
        n_rows = self._rows_of(table) if self.groups is not None else 0
        if self.groups is not None and self.groups > n_rows:
            raise UsageError(
                f"--groups {self.groups} with {n_rows} test rows: expected at most as many groups as rows."
            )

    def check_difference(self, table: CurveTable) -> None:
        """Raise UsageError for a difference that no two scores of a curve can have."""
        (low, high), _ = self.range_of(table)
        if low is not None and high is not None:
            refuse_another_unit(self.difference, "the score", high - low)

    def ask(self, table: CurveTable) -> PointsAnswer:
        """Say what the test rows of a curve can show.

        Raises
        ------
        DataError
            For a curve without a fine-tuned run.
        UsageError
            Where the test rows are not known, or the metric has no largest value, as a loss.
        """
        if not len(table.score):
            raise DataError(
                f"curve {table.curve_id!r}: no fine-tuned run; expected rows of kind finetune, with n and score."
            )
        (low, high), said = self.range_of(table)
        n_rows = self._rows_of(table)
        if low is None or high is None:
            raise UsageError(
                f"curve {table.curve_id!r}: a score without a largest value, as a loss: what a row may differ by is not known; "
                "give --range LO,HI, or the run folder of a study."
            )
        notes = [*([said] if said else []), *said_of_test_rows(table, self.test_rows, DIFFERENT_ROWS), *table.notes]
        questions = Questions((high - low) / 100.0 if self.difference is None else self.difference)
        return PointsAnswer(_entry(table, TestRows(n_rows, self.groups or n_rows), (low, high), questions), notes)

    def _rows_of(self, table: CurveTable) -> int:
        if self.test_rows is not None:
            return self.test_rows
        told = [rows for rows in table.test_rows if not math.isnan(rows)]
        if not told:
            raise UsageError(
                f"curve {table.curve_id!r}: how many test rows there are is not known; give --test-rows N."
            )
        return int(min(told))


@dataclass(frozen=True)
class PointsAnswer:
    """What the test rows of one curve can show, and what must be known of how it was read."""

    entry: TestDifference
    notes: Sequence[str]


def test_set_of_points(answers: Sequence[tuple[CurveTable, PointsAnswer]]) -> TestSetAnswer:
    """Put the answers of curves together; what is said of some of them alone is said with their names."""
    entries = [answer.entry for _, answer in answers]
    first = entries[0].noises[0]
    findings = [Finding("points-read-as", note, is_note=True) for note in _notes(answers)]
    return TestSetAnswer(TestSet(first.n_rows, round(first.n_groups), LEVEL, entries, None, []), findings)


def _notes(answers: Sequence[tuple[CurveTable, PointsAnswer]]) -> Iterator[str]:
    """Yield what must be known of the file, then of its curves."""
    for table, _ in answers:
        yield from table.file_notes
    for note in dict.fromkeys(note for _, answer in answers for note in answer.notes):
        names = [repr(table.curve_id) for table, answer in answers if note in answer.notes]
        names_itself = len(names) == len(answers) or names[0] in note
        yield note if names_itself else f"curve{'s' * (len(names) > 1)} {first_of(names, 5)}: {note}"


def refuse_another_unit(difference: float | None, title: str, width: float) -> None:
    """Raise UsageError for a difference that no two scores within a range of this width can have; None asks for none."""
    if difference is not None and difference >= width:
        raise UsageError(
            f"--difference {difference:g} of {title}, whose range is {width:g} wide: expected a smaller one, in the same unit as the "
            "scores."
        )


def _entry(table: CurveTable, rows: TestRows, ends: tuple[float, float], questions: Questions) -> TestDifference:
    """Two scores of rows between the ends vary at most as shares do; how much falls out of their difference is borrowed."""
    size, score = np.array(table.size), np.array(table.score)
    width = ends[1] - ends[0]
    sizes = np.unique(size)[-2:]
    shares = [(float(score[size == one].mean()) - ends[0]) / width for one in sizes]
    shares = shares * 2 if len(shares) == 1 else shares
    outside = [share for share in shares if not 0.0 <= share <= 1.0]
    if outside:
        raise UsageError(
            f"curve {table.curve_id!r}: a score outside the range {ends[0]:g} to {ends[1]:g}; give --range LO,HI."
        )
    apart = sum(max(share * (1 - share), 0.5 / rows.n_rows) for share in shares)
    deviations = [width * math.sqrt(apart * (1 - correlation)) for correlation in CORRELATION]
    effects = [1.0, math.sqrt(rows.n_rows / rows.n_groups)]
    noises = [
        guessed_noise(deviation, width, width, rows, rows.n_groups, effect)
        for deviation, effect in zip(deviations, effects, strict=True)
    ]
    source = (
        "Guessed from the scores alone, as if each row were right or wrong; two sizes err alike on a row with a correlation of "
        f"{CORRELATION[1]:g} to {CORRELATION[0]:g}, as in other studies. The answers of a run say it better."
    )
    learner = None if table.curve_id == "curve" else table.curve_id
    basis = Basis("borrowed", None, learner, [int(one) for one in sizes], source, "the score")
    return difference_entry(noises, rows, questions, basis)
