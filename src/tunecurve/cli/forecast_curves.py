"""Which curves of a file a question fits: those that contradict an option, or score outside their range, are refused first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunecurve.cli.each_curve import check_each

if TYPE_CHECKING:
    from tunecurve.cli.forecast_question import Question
    from tunecurve.curve.curve_table import CurveTable

# Where more of them score beyond 100, per cents are doubted.
MOST_BEYOND = 0.5


def refuse_what_does_not_fit(tables: Sequence[CurveTable], question: Question, path: str | None) -> None:
    """Mark curves that contradict an option, or whose scores lie outside their range; `path` of the file, if there is one.

    Raises
    ------
    DataError, UsageError
        The first problem, where no curve is of use or an option fits less than half of them.
    """

    def check_range(table: CurveTable) -> None:
        if path is not None:
            table.check_range(*question.range_of(table), path, among_others=len(tables) > 1)

    check_each(tables, question.check_direction, is_option=True)
    check_each(tables, check_range, is_option=question.ends is not None)
    check_each(tables, question.check, is_option=True)
    if question.ends is None:
        _doubt_per_cents(tables, question)


def _doubt_per_cents(tables: Sequence[CurveTable], question: Question) -> None:
    """Note of scores read as per cent where most curves of the file are read as having no ends: they may be in another unit."""
    rising = [table for table in tables if question.direction_of(table) == "max"]
    endless = [table for table in rising if question.range_of(table) == (None, None)]
    if len(endless) <= MOST_BEYOND * len(rising):
        return
    for table in rising:
        if question.range_of(table) == (0.0, 100.0):
            table.notes.append(
                "Read as per cent, while most curves of the file score above 100: if all are in one unit, give --range LO,HI."
            )
