"""What a reader must know of how the rows of a curve were read: copies, means, and rows that may be those of several curves."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator

from tunecurve.curve.curve_table import CurveTable
from tunecurve.curve.ranges import DOUBTFUL
from tunecurve.curve.runs import MEAN_OF_RUNS

# Ends a note on rows that differ in what one curve seldom does, in a file that does not name curves.
MAY_BE_SEVERAL = " If the rows are several curves, name them in a column curve_id."


def say_what_was_read(table: CurveTable) -> None:
    """Take copies out of a curve, and note them and whatever else was taken together."""
    first: dict[tuple[float, float, str, str], int] = {}
    copies: list[tuple[int, int]] = []
    twins: list[tuple[int, int]] = []
    keep: list[int] = []
    rows = zip(table.size, table.score, table.replicate, table.test_rows, table.line, strict=True)
    for index, (size, score, replicate, test_rows, line) in enumerate(rows):
        earlier = first.setdefault((size, score, replicate, str(test_rows)), line)
        (copies if replicate else twins).extend([(line, earlier)] if earlier != line else [])
        if earlier == line or not replicate:
            keep.append(index)
    if copies:
        for name in ("size", "score", "test_rows", "line", "replicate"):
            values = getattr(table, name)
            kept = [values[index] for index in keep]
            setattr(table, name, array(values.typecode, kept) if isinstance(values, array) else kept)
        table.notes.append(_of_lines(copies, "the same replicate again, counted once"))
    table.notes += _same_run_notes(table)
    if twins:
        table.notes.append(_of_lines(twins, "read as runs of their own; leave copies out"))
    table.notes += _untrained_notes(table)
    table.notes += parts_of_rows(table)


def parts_of_rows(table: CurveTable) -> Iterator[str]:
    """Say where a size is no whole number of rows: what is expected of noise and shape depends on how many there are."""
    part = next((size for size in table.size if size % 1.0), None)
    if part is not None:
        yield (
            f"{DOUBTFUL}n={part:g} is no whole number of rows: sizes are taken for rows all the same, by which shape and noise are "
            "expected. If they are shares of the data or thousands, write the rows."
        )


def _same_run_notes(table: CurveTable) -> Iterator[str]:
    """Say where one replicate has several scores of a size."""
    first: dict[tuple[float, str], tuple[float, int]] = {}
    for size, score, replicate, line in zip(table.size, table.score, table.replicate, table.line, strict=True):
        if not replicate or MEAN_OF_RUNS.fullmatch(replicate):
            continue
        earlier, at = first.setdefault((size, replicate), (score, line))
        if earlier != score:
            yield (
                f"Replicate {replicate!r} at n={size:g} scores {earlier:g} in line {at} and {score:g} in line {line}: read as two runs; "
                "leave out what is wrong."
            )
            return


def said_of_test_rows(table: CurveTable, given: int | None, used: str) -> Iterator[str]:
    """Say of a curve's ``n_test`` what is not as a reader would expect it: some empty, several numbers, or another one `given`.

    Parameters
    ----------
    table : CurveTable
    given : int, optional
        Test rows that an option says, which are taken instead.
    used : str
        Which of several numbers are taken for what; ``{least}`` stands for the fewest, ``{last}`` for those of the largest size.
    """
    told = {line: rows for line, rows in zip(table.line, table.test_rows, strict=True) if not math.isnan(rows)}
    values = sorted(set(told.values()))
    if not values:
        return
    if given is not None:
        if values != [given]:
            yield f"--test-rows {given} is taken; the file says {_few(values)}."
        return
    empty = [line for line in table.line if line not in told]
    if empty:
        more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
        which = (
            f"the {values[0]:g} test rows of the others are"
            if len(values) == 1
            else f"the fewest of the others, {values[0]:g}, are"
        )
        yield f"n_test is empty in line {empty[0]}{more}: {which} taken."
    if len(values) > 1:
        last = table.test_rows[max(range(len(table.size)), key=table.size.__getitem__)]
        said = used.format(least=f"{values[0]:g}", last=f"{values[0] if math.isnan(last) else last:g}")
        name = f"curve {table.curve_id!r}" if table.is_named else "the curve"
        yield f"n_test differs within {name}: {_few(values)}; {said}{'' if table.is_named else MAY_BE_SEVERAL}"


def _few(values: list[float]) -> str:
    """Return numbers in words, the first and the last of many."""
    shown = [f"{value:g}" for value in values]
    return " and ".join(shown) if len(shown) < 3 else f"{shown[0]} to {shown[-1]} ({len(shown)} numbers)"


def _untrained_notes(table: CurveTable) -> Iterator[str]:
    """Say where several scores of a kind became one; runs of one prompt, each with a name, are what a mean is for."""
    for kind in dict.fromkeys(one.kind for one in table.untrained):
        rows = [one for one in table.untrained if one.kind == kind]
        names = [one.replicate for one in rows]
        are_runs = len({one.n for one in rows}) == 1 and len(set(names)) == len(names)
        if len({one.score for one in rows}) == 1 or (are_runs and kind != "floor"):
            continue
        scores, sizes = [one.score for one in rows], sorted({one.n for one in rows})
        with_n = f", n {sizes[0]:g} to {sizes[-1]:g}" if len(sizes) > 1 else ""
        yield (
            f"{len(rows)} rows of kind {kind} in one curve (from line {rows[0].line} on: {min(scores):g} to {max(scores):g}{with_n}): "
            f"their mean, {sum(scores) / len(scores):.4g}, is taken.{'' if table.is_named else MAY_BE_SEVERAL}"
        )


def _of_lines(pairs: list[tuple[int, int]], what: str) -> str:
    """Say of which lines something holds."""
    line, earlier = pairs[0]
    more = f" ({len(pairs)} such lines)" if len(pairs) > 1 else ""
    return f"Line {line} says what line {earlier} says{more}: {what}."
