"""Which placeholder form a study uses: decided once from its rows, or said in the study file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tunecurve.data.rows import Row, skeleton
from tunecurve.metrics.placeholder_discovery import find_form, form_as_written
from tunecurve.metrics.placeholders import CLASSIC, PlaceholderForm
from tunecurve.spec import StudySpec
from tunecurve.study.decisions import Decisions


def decide_form(spec: StudySpec, rows: Sequence[Row], decisions: Decisions) -> PlaceholderForm:
    """Return how the study's targets write placeholders; the first answer is kept with the frozen split.

    Raises
    ------
    DataError
        When the study file says how, and no target is written so.
    """
    if spec.task != "masking":
        return CLASSIC

    def decide() -> object:
        pairs = [(row.source, row.target) for row in rows]
        written = spec.data.placeholders
        form = form_as_written(written, pairs) if written else find_form(pairs)
        return _with_labels(form, spec.prompt.labels or ()).to_json()

    return PlaceholderForm.from_json(decisions.once("placeholders", decide))


def _with_labels(form: PlaceholderForm, labels: Sequence[str]) -> PlaceholderForm:
    """Return the form with labels of the study file that no row shows."""
    first = form.styles[0]
    known = {name for style in form.styles for name in style.names}
    missing = [label for label in labels if label not in known]
    if not first.names or first.is_run or not missing:
        return form
    return replace(form, styles=(replace(first, names=tuple(sorted({*first.names, *missing}))), *form.styles[1:]))


def grouped_by_form(rows: list[Row], form: PlaceholderForm) -> list[Row]:
    """Return the rows, those that are grouped by their target's skeleton by that of this form."""
    if form.is_classic:
        return rows
    return [
        replace(row, group=skeleton(row.target, form)) if row.group == skeleton(row.target) else row for row in rows
    ]
