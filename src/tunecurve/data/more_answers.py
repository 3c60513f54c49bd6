"""Columns that hold further right answers beside the target, and that a study does not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import list_in_text, plain_value
from tunecurve.findings import Finding

# From so many rows on, lists that hold the target are no accident.
MIN_ROWS = 2


def more_answers(rows: Sequence[Mapping[str, Any]], target: str, named: Sequence[str]) -> list[Finding]:
    """Return a note for the first column whose lists hold the target of every row, and more than it in some."""
    columns = dict.fromkeys(column for row in rows for column in row if column not in {target, *named})
    for column in columns:
        answers = [(plain_value(row.get(target)), _listed(row.get(column))) for row in rows]
        n_more = sum(len(listed) > 1 for _, listed in answers)
        if n_more >= MIN_ROWS and all(isinstance(own, str) and own in listed for own, listed in answers):
            text = (
                f"the lists of column '{column}' hold the target '{target}', and in {n_more} of the first {len(rows)} rows further "
                "answers, which are not compared with"
            )
            are_texts = any(type(row.get(column)) is str for row in rows)
            remedy = f"if all are right, {'write them as lists and ' if are_texts else ''}give --target-column {column}"
            return [Finding("more-answers", text, remedy, is_note=True)]
    return []


def _listed(cell: Any) -> list[Any]:
    cell = plain_value(cell)
    cell = list_in_text(cell, with_scalars=True) if isinstance(cell, str) else cell
    return cell if isinstance(cell, list) else []
