"""The data of a study: test set, training pool, prompts, and what was decided about them.

What was frozen at the first run (`frozen.py`) is taken as it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from tunecurve.data.cleaning import CleaningReport
from tunecurve.data.rows import Row, ids_hash
from tunecurve.data.split import Split, count_overlap, split_rows, stratified_order, training_order
from tunecurve.errors import DataError, StudyStateError
from tunecurve.findings import Finding
from tunecurve.metrics.placeholders import CLASSIC, PlaceholderForm
from tunecurve.metrics.settings import MetricSettings
from tunecurve.prompts import Prompt, PromptRenderer, TuningExample, masking_instruction
from tunecurve.spec import StudySpec
from tunecurve.study.data_findings import check_classes, data_findings
from tunecurve.study.decisions import Decisions
from tunecurve.study.frozen import FROZEN, frozen_decisions
from tunecurve.study.metric_tokenizers import MetricTokenizers, decide_tokenizers
from tunecurve.study.placeholder_form import decide_form, grouped_by_form
from tunecurve.study.storage import read_sealed_json
from tunecurve.tasks import MAX_CLASSES, find_labels, labels_of, suggest_task


@dataclass(frozen=True)
class StudyData:
    """Rows, their two sides, and the renderer that makes prompts of them.

    Attributes
    ----------
    test, pool : list of Row
        Frozen test rows; training rows in the order of seed 0.
    renderer : PromptRenderer
        With instruction and labels filled in.
    pool_labels : list of lists of str, optional
        Labels of every pool row, where training rows are drawn so that small sizes hold all labels.
    facts : dict
        Counts and hashes, JSON-able, for results and report.
    decisions : Decisions
        What was decided once from the rows; frozen with them.
    findings : list of Finding
        What is odd about the data; later checks of a study add theirs.
    metric_settings : MetricSettings
        How the metrics read the texts.
    checks : list of dict
        Known answers that were scored on the test rows; see `known_answers`.
    """

    test: list[Row]
    pool: list[Row]
    renderer: PromptRenderer
    split_seed: int
    facts: dict[str, Any]
    pool_labels: list[list[str]] | None = None
    decisions: Decisions = field(default_factory=Decisions)
    findings: list[Finding] = field(default_factory=list)
    metric_settings: MetricSettings = field(default_factory=MetricSettings)
    checks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def frozen_date(self) -> str:
        """The ISO date of the study's first run: what a date in a prompt says, on whatever day."""
        return self.decisions.once("date", lambda: date.today().isoformat())

    def training_rows(self, train_size: int, seed: int) -> list[Row]:
        """Return the training rows of a size and seed; smaller sizes are the beginning of larger ones."""
        order = training_order(len(self.pool), seed, self.split_seed)
        if self.pool_labels is not None:
            order = stratified_order(order, self.pool_labels)
        return [self.pool[position] for position in order[:train_size]]

    def prompts(self, shots: int = 0, seed: int = 0) -> list[Prompt]:
        """Return the prompts of all test rows, with `shots` training examples as earlier turns."""
        examples = [(row.source, row.target) for row in self.training_rows(shots, seed)]
        return [self.renderer.prompt(row.source, examples) for row in self.test]

    def tuning_examples(self, train_size: int, seed: int) -> list[TuningExample]:
        """Return the tuning examples of a size and seed."""
        return [self.renderer.tuning_example(row.source, row.target) for row in self.training_rows(train_size, seed)]


def are_numbered(rows: Sequence[Row], form: PlaceholderForm = CLASSIC) -> bool:
    """Return whether a label in the rows' targets carries a number: ``[NAME_2]``."""
    return any(one.name != one.label for row in rows for one in form.find(row.target, row.source))


def split_data(spec: StudySpec, rows: list[Row], cleaning: CleaningReport, folder: Path | None = None) -> StudyData:
    """Split cleaned rows into the sides of a study; a split that is frozen in `folder` is taken as it is there.

    Raises
    ------
    DataError
        When the rows cannot carry the study.
    StudyStateError
        When the rows no longer hold the frozen ones.
    """
    decisions = frozen_decisions(folder)
    form = decide_form(spec, rows, decisions)
    rows = grouped_by_form(rows, form)
    decisions.once("date", lambda: date.today().isoformat())
    if folder is not None and (folder / FROZEN).exists():
        split = _frozen_split(rows, folder, spec.n_train_needed)
    else:
        split = split_rows(
            rows,
            method=spec.split.method,
            test_size=spec.split.test_size,
            seed=spec.split.seed,
            n_train_needed=spec.n_train_needed,
        )
    test, pool = [rows[index] for index in split.test], [rows[index] for index in split.pool]
    check_classes(spec.task, test, pool, spec.data.limit is not None)
    findings = cleaning.findings()
    decided = _decide(spec, test, pool, form, decisions, findings)
    facts = _facts(rows, cleaning, split, test, pool, decided, spec.kind.group_by)
    findings += data_findings(spec.task, test, pool, facts, form)
    return StudyData(
        test,
        pool,
        decided.renderer(spec),
        spec.split.seed,
        facts,
        [labels_of(spec.task, row.target, form, row.source) for row in pool] if spec.sampling == "stratified" else None,
        decisions=decisions,
        findings=findings,
        metric_settings=decided.metric_settings,
    )


@dataclass(frozen=True)
class _Decided:
    """What a study has decided about its rows; made in `_decide`, and nowhere else."""

    labels: tuple[str, ...]
    is_numbered: bool
    form: PlaceholderForm
    tokenizers: MetricTokenizers

    def renderer(self, spec: StudySpec) -> PromptRenderer:
        own_instruction = spec.task != "masking" or spec.prompt.system is not None
        system = spec.system_prompt if own_instruction else masking_instruction(self.form)
        return PromptRenderer(system, spec.prompt.user_template, self.labels, self.is_numbered, self.form)

    @property
    def metric_settings(self) -> MetricSettings:
        return MetricSettings(self.labels, self.form, self.tokenizers.bleu, self.tokenizers.rouge)


def _decide(
    spec: StudySpec,
    test: list[Row],
    pool: list[Row],
    form: PlaceholderForm,
    decisions: Decisions,
    findings: list[Finding],
) -> _Decided:
    """Decide how the rows are understood, each thing once in a study's life; say what is odd.

    Every decision goes through `Decisions.once`, so that rows which join later change no prompt and no metric.
    """
    labels = tuple(decisions.once("labels", lambda: list(_labels(spec, pool, form))))
    is_numbered = decisions.once("labels_are_numbered", lambda: spec.task == "masking" and are_numbered(pool, form))
    tokenizers = decide_tokenizers(spec, [*test, *pool], decisions)
    findings += tokenizers.findings
    return _Decided(labels, is_numbered, form, tokenizers)


def _labels(spec: StudySpec, pool: Sequence[Row], form: PlaceholderForm) -> tuple[str, ...]:
    """Return the study's label list, else the labels of the training pool; check that they make the task."""
    labels = tuple(spec.prompt.labels) if spec.prompt.labels is not None else ()
    labels = labels or find_labels(spec.task, [(row.source, row.target) for row in pool], form)
    if not spec.kind.needs_labels:
        return labels
    suggested, why = suggest_task([(row.source, row.target) for row in pool[:500]])
    if not labels:
        missing = {"masking": "placeholder ([LABEL], <LABEL>, {{label}}, ***, ...)", "ner": "'type: entity'"}.get(
            spec.task, "label"
        )
        raise DataError(
            f"no {missing} in any training target, so this is not a {spec.task} task; this looks like --task {suggested} "
            f"({why}); or check --target-column"
        )
    if spec.task == "classification" and len(labels) > MAX_CLASSES:
        raise DataError(
            f"{len(labels)} different targets, so this is not a classification task (at most {MAX_CLASSES} classes); this "
            f"looks like --task {suggested} ({why}); or check --target-column"
        )
    return labels


def _facts(
    rows: list[Row],
    cleaning: CleaningReport,
    split: Split,
    test: list[Row],
    pool: list[Row],
    decided: _Decided,
    skeleton_of: Literal["target", "input"],
) -> dict[str, Any]:
    return {
        "rows_in": cleaning.rows_in,
        "rows_kept": cleaning.rows_kept,
        "dropped": dict(sorted(cleaning.dropped.items())),
        "dropped_places": cleaning.places,
        "n_test": len(test),
        "n_pool": len(pool),
        "n_set_aside": split.set_aside,
        "groups_in_test": len({row.group for row in test}),
        "split_method": split.method,
        "test_sha256": ids_hash(test),
        "pool_sha256": ids_hash(pool),
        "overlap": count_overlap(rows, split, skeleton_of, decided.form),
        "labels": list(decided.labels),
        "labels_are_numbered": decided.is_numbered,
    }


def _frozen_split(rows: list[Row], folder: Path, n_train_needed: int) -> Split:
    frozen = read_sealed_json(folder / FROZEN)
    index_of = {row.row_id: index for index, row in enumerate(rows)}
    missing = sum(row_id not in index_of for side in ("test", "pool") for row_id in frozen[side])
    if missing:
        n_frozen = len(frozen["test"]) + len(frozen["pool"])
        raise StudyStateError(
            f"{missing} of the {n_frozen} rows that '{folder}' was started with are gone from the data; restore the data, "
            "or start anew in another folder with --out"
        )
    if n_train_needed > len(frozen["pool"]):
        raise DataError(
            f"'{folder}' was frozen with {len(frozen['pool'])} training rows, {n_train_needed} are asked for; "
            "lower --train-sizes, or start anew in another folder with --out"
        )
    test, pool = ([index_of[row_id] for row_id in frozen[side]] for side in ("test", "pool"))
    return Split(test, pool, len(rows) - len(test) - len(pool), frozen["facts"]["split_method"])
