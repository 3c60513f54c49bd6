"""The first rows of a source, from which is settled what a study leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunecurve.data.cells import Reading, TargetRule, read_target
from tunecurve.data.inputs import InputText
from tunecurve.data.parts import with_parts
from tunecurve.data.rows import RawRow
from tunecurve.data.selecting import parse_condition
from tunecurve.data.shapes.reader import PlainRows
from tunecurve.data.shapes.registry import SAMPLE_ROWS
from tunecurve.data.sources import read_rows
from tunecurve.formats import column_names
from tunecurve.formats.label_sets import NO_LABEL
from tunecurve.spec.study import UNSETTLED_TASK, StudySpec
from tunecurve.study.reading import asked_of, columns_named
from tunecurve.study.told_of_rows import told_of
from tunecurve.tasks.lookup import all_tasks, suggest_task, task_of
from tunecurve.tasks.multilabel import SHARE_OF_SEVERAL

# A sorted file shows its kind of task not in its first rows alone; of more rows than these, every so many are looked at.
MOST_ROWS_READ = 20_000
EVERY = 40


def first_rows_of(spec: StudySpec, *, is_for_task: bool) -> list[RawRow]:
    """Return the first rows of a study's source for which its conditions hold, as they stand there.

    Parameters
    ----------
    spec : StudySpec
        The study.
    is_for_task : bool
        Whether further rows are taken behind the first ones, to see the kind of task.
    """
    data = spec.data
    conditions = [parse_condition(text) for text in data.where]
    kept: list[RawRow] = []
    rows = with_parts(read_rows(data.source, data.reading_options()), columns_named(spec))
    for number, (place, cells) in enumerate(rows):
        if number >= MOST_ROWS_READ or (len(kept) >= SAMPLE_ROWS and not is_for_task):
            break
        # A column of the shape's own making is not there yet.
        if not all(one.column not in cells or one.holds(cells[one.column]) for one in conditions):
            continue
        if len(kept) < SAMPLE_ROWS or number % EVERY == 0:
            kept.append((place, cells))
    return kept


def task_of_rows(spec: StudySpec, rows: Sequence[RawRow]) -> tuple[str, str]:
    """Return the kind of task that rows look like, and why, in a few words."""
    if len(spec.data.target_columns) > 1:
        return "multilabel", f"{len(spec.data.target_columns)} target columns are named"
    if spec.data.label_separator is not None:
        return "multilabel", "data.label_separator is given"
    if spec.data.placeholders is not None:
        return "masking", "data.placeholders are given"
    texts = _texts(spec, rows)
    if not texts:
        return UNSETTLED_TASK, "no row shows another one"
    told = told_of(spec)
    pairs = [(source, targets[0]) for source, targets in texts]
    n_several = sum(len({*targets} - {NO_LABEL}) > 1 for _, targets in texts)
    if n_several and (column := told.target_called(column_names.ANSWERS)):
        are_read = any(len(targets) > 1 for _, targets in _texts(spec, rows, _answers))
        said = (
            "are lists of texts, read as answers that are all right"
            if are_read
            else "are texts that spell out lists, and stay these texts: write lists for answers that are all right"
        )
        return all_tasks()[-1].name, f"{n_several} of {len(texts)} targets in '{column}' {said}"
    if n_several:
        joined = [(source, "; ".join(targets)) for source, targets in texts]
        name, why = suggest_task(joined, None, told)
        if task_of(name).targets.list_is == "labels":
            return name, f"{n_several} of {len(texts)} targets are lists of several labels"
        if task_of(name).targets.list_is == "entities":
            return name, why
    name, why = suggest_task(pairs, None, told)
    if n_several and task_of(name).targets.list_is == "classes" and n_several >= SHARE_OF_SEVERAL * len(texts):
        return (
            "multilabel",
            f"{n_several} of {len(texts)} targets are lists of several labels",
        )  # always the same ones together
    return name, why


def _texts(
    spec: StudySpec, rows: Sequence[RawRow], read: Callable[[object], Reading] | None = None
) -> list[tuple[str, tuple[str, ...]]]:
    """Return input and targets of the rows that have both; targets as `read` reads a cell, else whatever the task."""
    plain = PlainRows(asked_of(spec))
    inputs = InputText(plain.input_columns, spec.prompt.column_template)
    target_column = plain.target_columns[0]
    found = []
    for _, cells in plain.read(rows):
        source, _ = inputs.for_columns(cells).read(cells)
        target = (read or _target)(cells.get(target_column))
        if source.texts and target.texts:
            found.append((source.texts[0], target.texts))
    return found


def _answers(cell: object) -> Reading:
    """Return what a target cell holds where a list holds answers that are all right."""
    return read_target(cell, TargetRule("references"))


def _target(cell: object) -> Reading:
    """Return what a target cell holds, whatever the task: a text, texts of a list, an object as JSON."""
    listed = read_target(cell, TargetRule("labels"))
    return read_target(cell, TargetRule("object")) if listed.shape == "an object" else listed
