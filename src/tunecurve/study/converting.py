"""The rows of a study written out: as plain rows, or as the chat files that tuning services and TRL take.

What is written is what was understood: the rows that `validate` counts, with the study's instruction and labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tunecurve.data.rows import Row
from tunecurve.learners.hosted.tuning import backend, vertex
from tunecurve.learners.hosted.tuning.limits import manner_of
from tunecurve.prompts import PromptRenderer, TuningExample
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import decided_task, study_labels
from tunecurve.study.frozen import frozen_decisions

ROWS = "rows"
INPUT, TARGET, GROUP, SPLIT = "input", "target", "group", "split"
# As these services and TRL document their files of supervised examples.
CHATS: dict[str, Callable[[Sequence[TuningExample]], list[str]]] = {
    "openai": backend.training_lines,
    "vertex": vertex.training_lines,
    "together": backend.training_lines,
    "trl": backend.training_lines,
}
FORMATS = (ROWS, *CHATS)


def converted(spec: StudySpec, rows: Sequence[Row], to: str, folder: Path | None = None) -> dict[str, list[str]]:
    """Return the lines of each file: plain rows are one, chats one for each side that the data name.

    Returns
    -------
    dict of str to list of str
        By side: ``""`` for training rows and rows of no side, ``"test"``, ``"dev"``.

    Raises
    ------
    DataError
        When the rows are no such task.
    """
    decisions = frozen_decisions(folder)
    task = decided_task(spec, rows, decisions)
    training = [row for row in rows if row.side in ("", "train")]
    labels = tuple(decisions.once("labels", lambda: list(study_labels(spec, training, task))))
    if to == ROWS:
        return {"": [_plain_line(spec, row) for row in rows]}
    system = task.system if spec.prompt.system is None else spec.prompt.system
    renderer = PromptRenderer(system, spec.prompt.user_template, labels)
    by_side = {"": training, **{side: [row for row in rows if row.side == side] for side in ("test", "dev")}}
    return {
        side: CHATS[to]([renderer.tuning_example(row.source, row.target) for row in own])
        for side, own in by_side.items()
        if own
    }


def _plain_line(spec: StudySpec, row: Row) -> str:
    """Return a row as one line of JSON: what `validate` reads again as the same row."""
    cells: dict[str, object] = {
        INPUT: row.source,
        TARGET: [row.target, *row.other_targets] if row.other_targets else row.target,
    }
    if spec.data.group_column:
        cells[GROUP] = row.group
    if row.side:
        cells[SPLIT] = row.side
    return json.dumps(cells, ensure_ascii=False)


def fewest_rows(to: str) -> int:
    """Return how many rows a service takes at least; 1 where it does not say."""
    return manner_of(to).fewest_rows if to in CHATS and to != "trl" else 1
