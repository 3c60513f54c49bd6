"""Inputs that nobody labelled, for teachers: those of a file, else those of the pool beyond the labelled rows of a trial."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from tunecurve.data.cleaning import group_named
from tunecurve.data.inputs import InputText
from tunecurve.data.parts import with_parts
from tunecurve.data.rows import skeleton
from tunecurve.data.sides import levelled
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError, UsageError, did_you_mean
from tunecurve.findings import Finding
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.entities import normalise_whitespace, parse_entities
from tunecurve.formats.json_objects import read_object
from tunecurve.formats.json_shapes import JsonShape, joined_fields, shape_of_paths, shape_of_targets
from tunecurve.formats.label_sets import parse_labels
from tunecurve.learners.base import Learner
from tunecurve.learners.cleaning import Cleaning
from tunecurve.learners.unlabelled_rows import FaultFinder, UnlabelledRows
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData
from tunecurve.study.reading import columns_named
from tunecurve.tasks.base import AnswerKind, Task
from tunecurve.wording import first_of

NO_SUCH_LABEL = "with a label that is not in the list"
MOST_TARGETS = 100
MOST_COLUMNS = 12


def give_unlabelled(spec: StudySpec, data: StudyData, learners: Mapping[str, Learner]) -> None:
    """Give every learner with a teacher the inputs for it, and note where they come from.

    Raises
    ------
    UsageError
        For inputs that no learner of the study asks for.
    """
    taught = [learner for learner in learners.values() if learner.has_teacher]
    source = spec.data.unlabelled
    if source is not None and not taught:
        raise UsageError(
            f"data.unlabelled is '{source}', and no model has a teacher; name one, e.g. --model tagger+4x:TEACHER, or leave it out"
        )
    if not taught:
        return
    inputs = None if source is None else _inputs_of(spec, data, source)
    rows = StudyUnlabelled(data, data.task or spec.kind, tuple(spec.answers.clean), bool(spec.prompt.labels), inputs)
    for learner in taught:
        learner.use_unlabelled(rows)
    if source is None:
        text = "teachers answer inputs of training rows beyond the labelled rows of a trial; nobody is shown or trained on their labels"
        data.findings.append(Finding("teacher-inputs", text, is_note=True))


def _inputs_of(spec: StudySpec, data: StudyData, source: str) -> tuple[str, ...]:
    """Return the inputs in a file, each once, without those that a test row or a training row has, and without test groups."""
    text_of = InputText(spec.data.input_columns, spec.prompt.column_template)
    groups = _Groups.of(spec, data)
    found, columns, n_read, n_unread = dict[str, None](), dict[str, None](), 0, 0
    rows = read_rows(source, spec.data.reading_options(), findings=data.findings)
    for _, cells in with_parts(rows, columns_named(spec)):
        n_read += 1
        columns.update(dict.fromkeys(cells))
        reading, _ = text_of.for_columns(cells).read(cells)
        if reading.problem or not reading.texts:
            n_unread += 1
        elif not groups.has(cells):
            found[reading.texts[0]] = None
    known = {_bare(row.source) for row in data.test}
    labelled = {levelled(row.source) for row in (*data.test, *data.pool)}
    kept = tuple(text for text in found if _bare(text) not in known and levelled(text) not in labelled)
    if not kept:
        raise DataError(f"'{source}': {_why_none(spec.data.input_columns, list(columns), n_read, n_unread)}")
    text = (
        f"'{source}': {len(kept)} of {n_read} rows are inputs for teachers; left out: {n_unread} without an input, "
        f"{n_read - n_unread - groups.n_of_test - len(found)} that came before, {len(found) - len(kept)} like a test row or the same as a "
        f"training row{groups.in_words()}"
    )
    data.findings.append(Finding("teacher-inputs", text, is_note=True))
    return kept


def _bare(text: str) -> str:
    """Return the skeleton of a text without its punctuation and numbers; of one that has nothing else, what it has.

    >>> _bare("Order 17 is late!"), _bare("order is late"), _bare("17!"), _bare("12"), _bare("?!")
    ('order is late', 'order is late', '0', '0', '?!')
    """
    whole = skeleton(text)
    words = whole.translate(_punctuation()).split()
    return " ".join(word for word in words if word.strip("0")) or " ".join(words) or whole


@cache
def _punctuation() -> dict[int, str]:
    """Return a blank for every mark of punctuation; brackets stand for placeholders in skeletons."""
    codes = range(sys.maxunicode + 1)
    return {code: " " for code in codes if unicodedata.category(chr(code)).startswith("P") and chr(code) not in "[]"}


def _why_none(expected: Sequence[str], columns: Sequence[str], n_read: int, n_unread: int) -> str:
    """Return why no row has an input for a teacher, and what to do."""
    if not n_read:
        return "there is no row in it; give one with inputs"
    wanted = ", ".join(f"'{column}'" for column in expected)
    missing = [column for column in expected if column not in columns]
    if missing:
        there = first_of([f"'{column}'" for column in columns], MOST_COLUMNS)
        close = did_you_mean(missing[0], columns)
        return (
            f"its rows have the columns {there}, expected the study's input columns {wanted}; rename them there.{close}"
        )
    if n_unread == n_read:
        return f"none of {n_read:,} rows has an input in {wanted}; give rows with one"
    return (
        f"none of {n_read:,} rows is left as an input for a teacher: {n_unread:,} have none in {wanted}, the others are like a "
        "test row, of its group, or the same as a training row; give other rows with --unlabelled"
    )


@dataclass
class _Groups:
    """Tells inputs of the groups of test rows, where the split keeps groups that a column names; counts them."""

    column: str | None
    of_test: frozenset[str]
    n_of_test: int = 0
    n_unnamed: int = 0

    @classmethod
    def of(cls, spec: StudySpec, data: StudyData) -> _Groups:
        column = spec.data.group_column if spec.split.keeps_groups else None
        return cls(column, frozenset(row.group for row in data.test))

    def has(self, cells: Mapping[str, Any]) -> bool:
        if self.column is None:
            return False
        group = group_named(cells, self.column)
        self.n_unnamed += not group
        self.n_of_test += group in self.of_test
        return group in self.of_test

    def in_words(self) -> str:
        if self.column is None:
            return ""
        unknown = (
            f"; {self.n_unnamed} name no group in column '{self.column}': whether it is one of a test row is not known"
        )
        return f", {self.n_of_test} of a group of test rows" + (unknown if self.n_unnamed else "")


@dataclass(frozen=True)
class StudyUnlabelled(UnlabelledRows):
    """The inputs of a study."""

    data: StudyData
    """Its rows."""
    task: Task
    """For targets as the rows write them."""
    clean: tuple[str, ...]
    """What the study takes off answers."""
    labels_are_given: bool
    """Whether the study file lists the labels."""
    inputs: tuple[str, ...] | None = None
    """Those of a file; default: those of the pool."""

    def most_rows(self, times: int) -> int:
        """Return the most labelled rows for which there are so many times as many inputs."""
        return len(self.data.pool) // (1 + times) if self.inputs is None else len(self.inputs) // times

    def prompts(self, n_labelled: int, n: int, seed: int) -> list[Prompt]:
        """Return the first inputs of the file, or those behind the labelled rows in the order of the seed."""
        if self.inputs is not None:
            texts = list(self.inputs[:n])
        else:
            texts = [row.source for row in self.data.training_rows(n_labelled + n, seed)[n_labelled:]]
        return [self.data.renderer.prompt(text) for text in texts]

    def targets(self) -> list[str]:
        """Return some right answers."""
        return [row.target for row in self.data.pool[:MOST_TARGETS]]

    def example(self, prompt: Prompt, answer: str) -> TuningExample:
        """Return the tuning example of an input and its answer."""
        return self.data.renderer.tuning_example(prompt.source, answer)

    def cleaning(self) -> Cleaning:
        """Return what is taken off answers, as of those that are scored."""
        return Cleaning.for_targets(self.clean, [row.target for row in self.data.pool])

    def fault_finder(self, labelled: Sequence[TuningExample]) -> FaultFinder:
        """Return what tells why an answer cannot be right: by these labelled rows and what the instruction names, no other row."""
        return _Faults(self._told, [(one.prompt.source, one.answer) for one in labelled], self.task).of

    @property
    def _told(self) -> tuple[str, ...]:
        """The labels that no row has to show: those that the study file or the instruction names."""
        is_told = self.labels_are_given or self.data.renderer.names_labels
        return tuple(self.data.renderer.labels) if is_told else ()


@dataclass(frozen=True)
class _Faults:
    """Tells answers that cannot be right."""

    told: tuple[str, ...]
    """Labels that need not be shown by a row."""
    labelled: Sequence[tuple[str, str]]
    """Inputs and targets."""
    task: Task
    """Reads labels in targets."""

    def of(self, prompt: Prompt, answer: str) -> str:
        if not answer.strip() and self._is_never_empty:
            return "empty"
        check = _FAULTS.get(self.task.answer)
        return "" if check is None else check(self, prompt, answer)

    @cached_property
    def _is_never_empty(self) -> bool:
        return all(target.strip() for _, target in self.labelled)

    @cached_property
    def labels(self) -> frozenset[str]:
        return frozenset({*self.told, *self.task.find_labels(self.labelled)})

    @cached_property
    def shape(self) -> JsonShape:
        """What the answers of extraction may be."""
        shown = shape_of_targets((target, source) for source, target in self.labelled)
        return joined_fields(shown, shape_of_paths(self.told)) if self.told else shown


def _masking_fault(rows: _Faults, prompt: Prompt, answer: str) -> str:
    spans = align_exactly(prompt.source, answer, prompt.form)
    if spans is None:
        return "no masking of its input"
    return NO_SUCH_LABEL if rows.labels and any(not rows.labels.issuperset(span.labels) for span in spans) else ""


def _class_fault(rows: _Faults, prompt: Prompt, answer: str) -> str:
    return "" if answer.strip() in rows.labels else NO_SUCH_LABEL


def _label_set_fault(rows: _Faults, prompt: Prompt, answer: str) -> str:
    return "" if rows.labels.issuperset(parse_labels(answer)) else NO_SUCH_LABEL


def _entity_fault(rows: _Faults, prompt: Prompt, answer: str) -> str:
    text = normalise_whitespace(prompt.source)
    for kind, surface in parse_entities(answer):
        if kind not in rows.labels:
            return NO_SUCH_LABEL
        if surface not in text:
            return "with an entity that is not in its input"
    return ""


def _object_fault(rows: _Faults, prompt: Prompt, answer: str) -> str:
    value = read_object(answer)
    if value is None:
        return "no JSON object"
    return "" if rows.shape.has(value) else "of another shape than the targets"


_FAULTS: dict[AnswerKind, Callable[[_Faults, Prompt, str], str]] = {
    "mask": _masking_fault,
    "class": _class_fault,
    "labels": _label_set_fault,
    "entities": _entity_fault,
    "object": _object_fault,
}
