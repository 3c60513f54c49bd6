"""Asks something of every curve of a file: a curve that cannot be used is named, with its line, and the others are answered.

What is wrong with one curve says nothing of the others. Where it makes the reading of the whole file doubtful, the file is refused:
no curve is of use, rows lack cells that others have, or an option fits less than half of the curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from tunecurve.errors import CurvesRefused, TunecurveError

if TYPE_CHECKING:
    from tunecurve.curve.curve_table import CurveTable

Answer = TypeVar("Answer")

# An option that more curves than this share contradict is wrong itself.
MOST_CONTRADICTING = 0.5


def check_each(tables: Sequence[CurveTable], check: Callable[[CurveTable], None], *, is_option: bool) -> None:
    """Refuse the curves that do not pass a check; `is_option` says that it holds them to what an option says.

    Raises
    ------
    TunecurveError
        The first problem, where no curve passes, or less than half of them and an option may be wrong.
    """
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


def ask_each(
    tables: Sequence[CurveTable], ask: Callable[[CurveTable], Answer], *, verb: str
) -> Iterator[tuple[CurveTable, Answer | None]]:
    """Yield every curve in its order with its answer; None where it cannot be used, and `problem` says why.

    Raises
    ------
    TunecurveError
        The first problem, where there is no answer at all; nothing was yielded then.
    CurvesRefused
        At the end, where there are some: so many are not `verb`.
    """
    refused: list[CurveTable] = []
    file_notes: list[str] = []
    is_answered = False
    for table in tables:
        table.file_notes[:0] = file_notes
        answer = _answer(table, ask)
        file_notes = table.file_notes if answer is None else []
        refused += [table] if answer is None else []
        if answer is not None and not is_answered:
            is_answered = True
            yield from ((one, None) for one in refused)
        if is_answered:
            yield table, answer
    problems = [table.problem for table in refused if table.problem]
    if problems and not is_answered:
        raise problems[0]
    if problems:
        raise CurvesRefused(
            f"{len(problems)} of {len(tables)} curves are not {verb}, each named with what is wrong with it; the others are."
        )


def _answer(table: CurveTable, ask: Callable[[CurveTable], Answer]) -> Answer | None:
    """Ask one curve; None where it cannot be asked, and its `problem` says why."""
    if table.problem:
        return None
    try:
        return ask(table)
    except TunecurveError as problem:
        table.refuse(problem)
        return None


def problem_line(table: CurveTable) -> str:
    """Return what is wrong with a curve in one line, with its name in front."""
    said, name = str(table.problem), f"curve {table.curve_id!r}: "
    more = table.n_bad_rows - 1
    rest = f" ({more} more of its lines cannot be read.)" if more > 0 else ""
    return f"{'' if said.startswith(name) else name}{said}{rest}"
