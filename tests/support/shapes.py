"""Rows of a shape, as the study reads them: recognised from the first ones, then turned into plain cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tunecurve.data.cells import Unreadable
from tunecurve.data.shapes.base import Asked, Match
from tunecurve.data.shapes.reader import PlainRows
from tunecurve.data.shapes.registry import SAMPLE_ROWS, recognise
from tunecurve.findings import Finding


@dataclass(frozen=True)
class Read:
    """What rows were read as: the match, pairs of input and target (or the name of the reason why not), the line, other findings."""

    match: Match
    pairs: list[Any]
    line: str
    cells: list[Any]
    findings: list[Finding]


def read_shape(rows: list[dict], **asked: Any) -> Read:
    """Recognise and read rows; fails where they are plain columns."""
    wanted = Asked(**asked)
    match = recognise(rows[:SAMPLE_ROWS], wanted)
    assert match is not None, "read as plain columns"
    settled = replace(
        wanted,
        name=match.shape,
        input_columns=match.input_columns,
        target_columns=match.target_columns,
        instruction=wanted.instruction if match.instruction is None else match.instruction,
        options={**match.options, **wanted.options},
    )
    reader = PlainRows(settled)
    cells = [row for _, row in reader.read((f"line {number}", row) for number, row in enumerate(rows, start=1))]
    inputs, targets = reader.input_columns, reader.target_columns
    pairs = [
        _pair("\n".join(filter(None, (_text(row.get(name)) for name in inputs))), row[targets[0]]) for row in cells
    ]
    line, *findings = reader.findings() or [Finding("", "")]
    return Read(match, pairs, line.text, cells, findings)


def _text(cell: Any) -> Any:
    return cell.name if isinstance(cell, Unreadable) else cell


def _pair(source: Any, target: Any) -> Any:
    return target.name if isinstance(target, Unreadable) else (source, target)
