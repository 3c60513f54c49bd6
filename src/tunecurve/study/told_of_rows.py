"""What a study tells of its rows, for the kind of task that they look like."""

from __future__ import annotations

from tunecurve.data.inputs import DEFAULT_COLUMN, DEFAULT_TARGET
from tunecurve.data.shapes.base import COLUMNS
from tunecurve.spec.study import StudySpec
from tunecurve.study.reading import asked_of
from tunecurve.tasks.told import Told


def told_of(spec: StudySpec) -> Told:
    """Return how a study's columns are called, its own instruction, and whether its inputs may be chats."""
    asked = asked_of(spec)
    inputs = (*asked.input_columns, *asked.template_columns)
    return Told(
        tuple(name for name in inputs if name != DEFAULT_COLUMN),
        tuple(name for name in asked.target_columns if name != DEFAULT_TARGET and name not in inputs),
        asked.instruction or "",
        has_turns=asked.name != COLUMNS,
    )
