"""The data of a study, frozen: cleaned rows, test set, training pool, prompts.

What was frozen is written to `split.json` at the first run and must be the same ever after: a study whose test set
could change under it would compare scores on different rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tunecurve.data.cleaning import CleaningReport, clean_rows
from tunecurve.data.rows import Row
from tunecurve.data.sources import read_rows
from tunecurve.data.split import Split, count_overlap, split_rows, stratified_order, training_order
from tunecurve.errors import DataError, StudyStateError
from tunecurve.findings import Finding
from tunecurve.metrics.placeholders import CLASSIC
from tunecurve.metrics.settings import MetricSettings
from tunecurve.prompts import Prompt, PromptRenderer, TuningExample
from tunecurve.spec import StudySpec
from tunecurve.study.data_findings import data_findings
from tunecurve.study.decisions import Decisions
from tunecurve.study.storage import TRIALS, read_sealed_json, write_sealed_json
from tunecurve.tasks import MAX_CLASSES, find_labels, labels_of, suggest_task

FROZEN = "split.json"


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


def ids_hash(rows: Sequence[Row]) -> str:
    """Return the hash of the rows' contents in their order, 16 hexadecimal digits."""
    return hashlib.sha256("\n".join(row.row_id for row in rows).encode()).hexdigest()[:16]


def are_numbered(rows: Sequence[Row]) -> bool:
    """Return whether a label in the rows' targets carries a number: ``[NAME_2]``."""
    return any(one.name != one.label for row in rows for one in CLASSIC.find(row.target))


def too_long_test(count_tokens: Callable[[str], int], max_tokens: int) -> Callable[[str, str], bool]:
    """Return a test whether input and target have more than `max_tokens` tokens together.

    Few texts are tokenised: a text never has more tokens than bytes.
    """

    def is_too_long(source: str, target: str) -> bool:
        if len(source.encode("utf-8", "replace")) + len(target.encode("utf-8", "replace")) <= max_tokens:
            return False
        return count_tokens(source) + count_tokens(target) > max_tokens

    return is_too_long


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
    labels = _labels(spec, pool)
    numbered = spec.task == "masking" and are_numbered(pool)
    renderer = PromptRenderer(spec.system_prompt, spec.prompt.template, labels, numbered)
    pool_labels = [labels_of(spec.task, row.target) for row in pool] if spec.sampling == "stratified" else None
    facts = _facts(rows, cleaning, split, test, pool, labels, spec.kind.group_by)
    return StudyData(
        test,
        pool,
        renderer,
        spec.split.seed,
        facts,
        pool_labels,
        decisions=decisions,
        findings=data_findings(spec.task, test, pool, facts),
        metric_settings=MetricSettings(labels),
    )


def frozen_decisions(folder: Path | None) -> Decisions:
    """Return what the study in a folder has decided before; nothing where none is frozen there."""
    if folder is None or not (folder / FROZEN).exists():
        return Decisions()
    return Decisions(read_sealed_json(folder / FROZEN)["decided"])


def _labels(spec: StudySpec, pool: Sequence[Row]) -> tuple[str, ...]:
    """Return the study's label list, else the labels of the training pool; check that they make the task."""
    labels = tuple(spec.prompt.labels) if spec.prompt.labels is not None else ()
    labels = labels or find_labels(spec.task, [row.target for row in pool])
    if not spec.kind.needs_labels:
        return labels
    suggested, why = suggest_task([(row.source, row.target) for row in pool[:500]])
    if not labels:
        missing = {"masking": "[LABEL] placeholder", "ner": "'type: entity'"}.get(spec.task, "label")
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


def read_clean_rows(
    spec: StudySpec, is_too_long: Callable[[str, str], bool] | None = None
) -> tuple[list[Row], CleaningReport]:
    """Read and clean the rows of a study."""
    data = spec.data
    raw_rows = read_rows(
        data.source,
        limit=data.limit,
        revision=data.revision,
        subset=data.subset,
        hub_split=data.hub_split,
        language=data.language,
        seed=data.seed,
    )
    group_column = "template_id" if data.source.startswith("builtin:") and not data.group_column else data.group_column
    return clean_rows(
        raw_rows,
        input_column=data.input_column,
        target_column=data.target_column,
        group_column=group_column,
        group_by=spec.kind.group_by,
        drop_duplicates=data.drop_duplicates,
        is_too_long=is_too_long,
    )


def _facts(
    rows: list[Row],
    cleaning: CleaningReport,
    split: Split,
    test: list[Row],
    pool: list[Row],
    labels: tuple[str, ...],
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
        "overlap": count_overlap(rows, split, skeleton_of),
        "labels": list(labels),
        "labels_are_numbered": are_numbered(pool),
    }


def freeze(data: StudyData, spec: StudySpec, folder: Path) -> None:
    """Write the split and what it was made for, at the first run."""
    path = folder / FROZEN
    if path.exists():
        return
    check_no_other_split(data, folder)
    ids = {"test": [row.row_id for row in data.test], "pool": [row.row_id for row in data.pool]}
    write_sealed_json(
        path,
        {"comparable": spec.comparable_part(), "decided": data.decisions.to_json(), "facts": data.facts, **ids},
    )


def check_no_other_split(data: StudyData, folder: Path) -> None:
    """Refuse to freeze a split where trials were finished on another one, whose file is gone.

    Raises
    ------
    StudyStateError
        Naming such a trial.
    """
    for result in sorted((folder / TRIALS).glob("*/result.json")):
        config = result.with_name("config.json")
        if config.exists() and read_sealed_json(config)["test_sha256"] != data.facts["test_sha256"]:
            raise StudyStateError(
                f"'{folder / FROZEN}' is gone, and '{result.parent}' was scored on other test rows than the data gives now; "
                "restore the file or the data, or start anew in another folder with --out"
            )


def check_comparable(spec: StudySpec, folder: Path) -> None:
    """Refuse to continue a study whose data, split, prompt, answers or metrics were changed; say which.

    Raises
    ------
    StudyStateError
        With the changed keys, their old and new values.
    """
    path = folder / FROZEN
    if not path.exists():
        return
    before, now = flat(read_sealed_json(path)["comparable"]), flat(spec.comparable_part())
    changed = [
        f"{key}: {in_short(before.get(key))} -> {in_short(now.get(key))}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise StudyStateError(
            f"'{folder}' holds a study with other settings ({'; '.join(changed)}); its results cannot be mixed with new "
            "ones: choose another folder with --out"
        )


def in_short(value: Any) -> str:
    """Return a value for a message, cut to a line's length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf for key, item in value.items() for name, leaf in flat(item, f"{prefix}.{key}".strip(".")).items()
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
