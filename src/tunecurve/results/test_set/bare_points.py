"""What a test set can show when nothing but scores and its size are known: no answers, no rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunecurve.curve.curve_table import CurveTable
from tunecurve.curve.ranges import usual_range
from tunecurve.errors import DataError, UsageError
from tunecurve.findings import Finding
from tunecurve.results.records.test_set import Basis, TestDifference, TestSet, TestSetAnswer
from tunecurve.results.test_set.basis import guessed_noise
from tunecurve.results.test_set.entries import LEVEL, Questions, TestRows, difference_entry

# How alike the errors of two neighbouring sizes were in this project's studies (correlation over rows, middle 80 %):
# `benchmarks/testset/paired_noise.py`.
CORRELATION = (0.85, 0.3)


def test_set_of_points(
    tables: Sequence[CurveTable],
    n_rows: int | None,
    n_groups: int | None,
    score_range: tuple[float | None, float | None] | None,
    difference: float | None,
) -> TestSetAnswer:
    """Return what each curve's test set can show.

    Parameters
    ----------
    tables : sequence of CurveTable
        Curves with their scores and, where the file has them, test rows.
    n_rows, n_groups : int, optional
        Test rows and groups of them; default: the file's ``n_test``, each row a group.
    score_range : tuple, optional
        Of the metric; default by the scores.
    difference : float, optional
        To be told, in units of the score; default: one per cent of the range.

    Raises
    ------
    DataError
        For a curve without a fine-tuned run.
    UsageError
        Where the test rows are not known, or the metric has no largest value, as a loss.
    """
    entries, n_known, notes = [], 0, []
    for table in tables:
        if not len(table.score):
            raise DataError(
                f"curve {table.curve_id!r}: no fine-tuned run; expected rows of kind finetune, with n and score."
            )
        (low, high), said = (score_range, None) if score_range else range_of(table, n_rows)
        rows = TestRows(_rows_of(table, n_rows), 0)
        rows = TestRows(rows.n_rows, n_groups or rows.n_rows)
        if rows.n_groups > rows.n_rows:
            raise UsageError(
                f"--groups {rows.n_groups} with {rows.n_rows} test rows: expected at most as many groups as rows."
            )
        if low is None or high is None:
            raise UsageError(
                f"curve {table.curve_id!r}: a score without a largest value, as a loss: what a row may differ by is not known; "
                "give --range LO,HI, or the run folder of a study."
            )
        n_known = rows.n_rows
        notes += [*([said] if said else []), *table.file_notes, *table.notes]
        questions = Questions((high - low) / 100.0 if difference is None else difference)
        entries.append(_entry(table, rows, (low, high), questions))
    findings = [Finding("points-read-as", note, is_note=True) for note in dict.fromkeys(notes)]
    return TestSetAnswer(TestSet(n_known, n_groups or n_known, LEVEL, entries, None, []), findings)


def range_of(table: CurveTable, n_rows: int | None) -> tuple[tuple[float | None, float | None], str | None]:
    """Return the range that the scores of a curve, and those of the others in its file, tell, and what must be said of it."""
    if table.score_range is not None and table.direction != "min":
        return table.score_range, None
    points = table.points() if n_rows is None else replace(table.points(), n_test=n_rows)
    return usual_range(list(table.score), table.direction or "max", points)


def _rows_of(table: CurveTable, n_rows: int | None) -> int:
    known = np.array(table.test_rows)
    if n_rows is not None:
        return n_rows
    if not known.size or np.isnan(known).any():
        raise UsageError(f"curve {table.curve_id!r}: how many test rows there are is not known; give --test-rows N.")
    return int(known.min())


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
