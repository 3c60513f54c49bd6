"""Which placeholder form a study uses: decided once from its rows, or said in the study file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tunecurve.data.rows import Row, skeleton
from tunecurve.formats.alignment import align_exactly, replacements
from tunecurve.formats.placeholder_discovery import find_form, form_as_written
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm, Style
from tunecurve.spec.study import StudySpec
from tunecurve.study.decisions import Decisions

# What stands in more of the changed targets in the place of other words may be a placeholder.
SHARE_OF_ONE_WORD = 0.5


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


def why_no_placeholder(pairs: Sequence[tuple[str, str]]) -> str:
    """Return what stands in the targets of masking where no placeholder was found, and what to do.

    Parameters
    ----------
    pairs : sequence of (str, str)
        Inputs and targets.
    """
    changed = [(source, target) for source, target in pairs if source.strip() != target.strip()]
    if not changed:
        return "all targets are the inputs themselves: nothing is masked; check --target-column"
    rows = [replacements(source, target) for source, target in changed]
    if all(row and not any(row) for row in rows):
        return (
            "the targets leave words of the inputs out and write nothing in their place; write a placeholder there, such as [X]: "
            "values without one cannot be told from shortened texts"
        )
    counts = Counter(text for row in rows for text in set(row) if text)
    text = counts.most_common(1)[0][0] if counts else ""
    form = PlaceholderForm((Style("", "", (text,)),))
    found = [align_exactly(source, target, form) if text else None for source, target in changed]
    n_rows = sum(map(bool, found))
    hidden = {
        source[one.start : one.end] for (source, _), spans in zip(changed, found, strict=True) for one in spans or ()
    }
    if n_rows > SHARE_OF_ONE_WORD * len(changed) and len(hidden) > 1:
        return (
            f"'{text}' stands in {n_rows} of {len(pairs)} targets in the place of other words; if it is the placeholder, say so in "
            f"the study file (tunecurve init), data.placeholders: {json.dumps([text], ensure_ascii=False)}"
        )
    return "if there are placeholders, say how they are written in the study file (tunecurve init), e.g. data.placeholders: ['%LABEL%']"


def grouped_by_form(rows: list[Row], form: PlaceholderForm) -> list[Row]:
    """Return the rows, those that are grouped by their target's skeleton by that of this form."""
    if form.is_classic:
        return rows
    return [
        replace(row, group=skeleton(row.target, form)) if row.group == skeleton(row.target) else row for row in rows
    ]
