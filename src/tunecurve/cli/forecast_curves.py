"""Asks a question of every curve of a file: a curve that cannot be used is named, with its line, and the others are forecast.

What is wrong with one curve says nothing of the others. Where it makes the reading of the whole file doubtful, the file is refused:
no curve is of use, rows lack cells that others have, or an option fits less than half of the curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from tunecurve.errors import CurvesRefused, TunecurveError

if TYPE_CHECKING:
    from tunecurve.cli.forecast_question import Question
    from tunecurve.curve.curve_table import CurveTable
    from tunecurve.curve.forecast import Forecast

# An option that more curves than this share contradict is wrong itself.
MOST_CONTRADICTING = 0.5
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

    _check(tables, question.check_direction, is_option=True)
    _check(tables, check_range, is_option=question.ends is not None)
    _check(tables, question.check, is_option=True)
    if question.ends is None:
        _doubt_per_cents(tables, question)


def _check(tables: Sequence[CurveTable], check: Callable[[CurveTable], None], *, is_option: bool) -> None:
    looked_at = [table for table in tables if table.problem is None]
    failed: list[TunecurveError] = []
    for table in looked_at:
        try:
            check(table)
        except TunecurveError as problem:
            table.refuse(problem)
            failed.append(problem)
    if failed and (len(failed) == len(looked_at) or (is_option and len(failed) > MOST_CONTRADICTING * len(looked_at))):
        raise failed[0]


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


def ask_all(tables: Sequence[CurveTable], question: Question) -> Iterator[tuple[CurveTable, Forecast | None]]:
    """Yield every curve in its order with its forecast; None where it cannot be used, and `problem` says why.

    Raises
    ------
    TunecurveError
        The first problem, where there is no forecast at all; nothing was yielded then.
    CurvesRefused
        At the end, where there are some.
    """
    refused: list[CurveTable] = []
    file_notes: list[str] = []
    is_answered = False
    for table in tables:
        table.file_notes[:0] = file_notes
        answer = _answer(table, question)
        file_notes = [] if answer else table.file_notes
        refused += [] if answer else [table]
        if answer and not is_answered:
            is_answered = True
            yield from ((one, None) for one in refused)
        if is_answered:
            yield table, answer
    problems = [table.problem for table in refused if table.problem]
    if problems and not is_answered:
        raise problems[0]
    if problems:
        raise CurvesRefused(
            f"{len(problems)} of {len(tables)} curves are not forecast, each named with what is wrong with it; the others are."
        )


def _answer(table: CurveTable, question: Question) -> Forecast | None:
    """Forecast one curve; None where it cannot be, and its `problem` says why."""
    if table.problem:
        return None
    try:
        return question.ask(table)
    except TunecurveError as problem:
        table.refuse(problem)
        return None


def problem_line(table: CurveTable) -> str:
    """Return what is wrong with a curve in one line, with its name in front."""
    said, name = str(table.problem), f"curve {table.curve_id!r}: "
    more = table.n_bad_rows - 1
    rest = f" ({more} more of its lines cannot be read.)" if more > 0 else ""
    return f"{'' if said.startswith(name) else name}{said}{rest}"
