"""The data of a study: test set, training pool, prompts, and what was decided about them.

What was frozen at the first run (`frozen.py`) is taken as it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from tunecurve.data.cleaning import CleaningReport
from tunecurve.data.near_duplicates import NearDuplicates, find_near_duplicates
from tunecurve.data.rows import Pairs, Row, ids_hash
from tunecurve.data.sides import clash_test, frozen_groups_findings, has_own_test_rows, side_findings, split_own
from tunecurve.data.split import Split, count_overlap, grown_order, skeleton_text, split_rows
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.learners.similarity import Similarity
from tunecurve.metrics.settings import MetricSettings, SqlSettings
from tunecurve.prompts import Prompt, PromptRenderer, TuningExample
from tunecurve.spec.data import DEFAULT_TEST_SIZE
from tunecurve.spec.study import StudySpec
from tunecurve.study.data_findings import data_findings, labels_of_test_rows_alone
from tunecurve.study.decisions import UNSEEN, Decisions
from tunecurve.study.facts import DataFacts
from tunecurve.study.frozen import Frozen, freeze_rows, frozen_decisions, read_frozen
from tunecurve.study.growth import Grown, grow, growth_findings
from tunecurve.study.known_answers import Check
from tunecurve.study.metric_tokenizers import MetricTokenizers, decide_tokenizers
from tunecurve.study.reading import StudyRows, check_fetched
from tunecurve.study.similar import similarity_of_study
from tunecurve.study.sql_targets import sql_findings, sql_settings
from tunecurve.study.told_of_rows import told_of
from tunecurve.tasks.base import Task
from tunecurve.tasks.lookup import suggest_task


@dataclass(frozen=True)
class StudyData:
    """Rows, their two sides, and the renderer that makes prompts of them."""

    test: list[Row]
    pool: list[Row]
    """Frozen test rows; training rows in the order of seed 0."""
    renderer: PromptRenderer
    """With instruction and labels filled in."""
    split_seed: int
    facts: DataFacts
    """Counts and hashes, for results and report."""
    pool_labels: list[list[str]] | None = None
    """Labels of every pool row, where training rows are drawn so that small sizes hold all labels."""
    decisions: Decisions = field(default_factory=Decisions)
    """What was decided once from the rows; frozen with them."""
    findings: list[Finding] = field(default_factory=list)
    """What is odd about the data; later checks of a study add theirs."""
    metric_settings: MetricSettings = field(default_factory=MetricSettings)
    """How the metrics read the texts."""
    checks: list[Check] = field(default_factory=list)
    """Known answers that were scored on the test rows; see `known_answers`."""
    frozen: Frozen | None = None
    """What the study keeps of its rows on disk."""
    near: NearDuplicates = field(default_factory=NearDuplicates)
    """Test rows that are nearly the same as a training row."""
    task: Task = field(default_factory=Task)
    similarity: Similarity | None = None
    """For targets as the rows write them; how alike rows are, in studies with similar examples."""

    @property
    def frozen_date(self) -> str:
        """The ISO date of the study's first run: what a date in a prompt says, on whatever day."""
        return self.decisions.once("date", lambda: date.today().isoformat())

    @property
    def has_accepted_changes(self) -> bool:
        """Whether frozen rows were changed or went, with consent."""
        return self.frozen is not None and bool(self.frozen.accepted)

    def training_rows(self, train_size: int, seed: int) -> list[Row]:
        """Return the training rows of a size and seed; smaller sizes are the beginning of larger ones."""
        slots, generations = self._slots()
        order = grown_order(slots, generations, seed, self.split_seed, self.pool_labels)
        return [self.pool[position] for position in order[:train_size]]

    def training_groups(self, train_size: int, seed: int) -> list[str]:
        """Return the group of every training row of a size and seed; where rows were split one by one, each is its own."""
        rows = self.training_rows(train_size, seed)
        is_random = self.facts.split_method.startswith("random")
        return [row.row_id if is_random else row.group for row in rows]

    def _slots(self) -> tuple[list[int | None], Sequence[int]]:
        """Return the pool's rows by number in the order in which they joined, and how many joined at once."""
        if self.frozen is None:
            return list(range(len(self.pool))), [len(self.pool)]
        numbers = iter(range(len(self.pool)))
        is_there = self.frozen.is_there
        return [next(numbers) if there else None for there in is_there], self.frozen.generations

    def prompts(self, shots: int = 0, seed: int = 0) -> list[Prompt]:
        """Return the prompts of all test rows, with `shots` training examples as earlier turns."""
        examples = [(row.source, row.target) for row in self.training_rows(shots, seed)]
        return [self.renderer.prompt(row.source, examples) for row in self.test]

    def tuning_examples(self, train_size: int, seed: int) -> list[TuningExample]:
        """Return the tuning examples of a size and seed."""
        return [self.renderer.tuning_example(row.source, row.target) for row in self.training_rows(train_size, seed)]


def split_data(
    spec: StudySpec, found: StudyRows, folder: Path | None = None, *, accept_data_changes: bool = False
) -> StudyData:
    """Split cleaned rows into the sides of a study; what is frozen in `folder` stays, and grows by what has joined.

    Raises
    ------
    DataError
        When the rows cannot carry the study.
    StudyStateError
        When the rows no longer hold the frozen ones, and `accept_data_changes` is not given.
    """
    rows, cleaning = found.rows, found.cleaning
    decisions = frozen_decisions(folder)
    check_fetched(found.fetched, decisions, accept_data_changes=accept_data_changes)
    task = decided_task(spec, rows, decisions)
    rows = task.grouped(rows)
    decisions.once("date", lambda: date.today().isoformat())
    before = read_frozen(folder)
    grown: Grown | None = None
    if before is None or folder is None:
        split = _first_split(spec, rows)
        test, pool = [rows[index] for index in split.test], [rows[index] for index in split.pool]
        frozen = freeze_rows(test, pool, spec, split.method, found.drawn)
    else:
        grown = grow(
            before,
            rows,
            spec,
            folder,
            lambda test: _stay_out_test(spec, rows, test),
            accept_data_changes=accept_data_changes,
        )
        frozen = replace(grown.frozen, drawn=tuple(found.drawn) or grown.frozen.drawn)
        _check_enough(spec, grown, folder)
        test, pool = [rows[index] for index in grown.test], [rows[index] for index in grown.pool]
        split = Split(grown.test, grown.pool, len(rows) - len(test) - len(pool), _method_in_words(frozen))
    task.check_rows(test, pool, are_first_rows=spec.data.limit is not None and spec.data.limit_takes == "first")
    findings = [*_settled_findings(found, decisions), *cleaning.findings()]
    decided = _decide(spec, test, pool, task, decisions, findings)
    near = find_near_duplicates(test, pool, skeleton_text(decided.task.group_by, decided.task.form))
    facts = _facts(rows, cleaning, split, (test, pool, near), decided)
    findings += data_findings(task, test, pool, facts, spec, near)
    findings += side_findings(
        rows,
        split,
        spec.split.both_sides,
        groups_are_named=spec.data.group_column is not None,
        names_test_rows=spec.data.names_test_rows,
    )
    if grown is not None:
        known = decided.labels if spec.prompt.labels is None else None
        findings += growth_findings(grown, rows, known, task.find_labels(Pairs(pool)))
        findings += frozen_groups_findings(test, pool) if _keeps_named_groups(spec) else []
    return StudyData(
        test,
        pool,
        decided.renderer(spec),
        spec.split.seed,
        facts,
        [task.labels_of(row.target, row.source) for row in pool] if spec.sampling == "stratified" else None,
        decisions=decisions,
        findings=findings,
        metric_settings=decided.metric_settings,
        frozen=frozen,
        near=near,
        task=decided.task,
        similarity=similarity_of_study(spec, decided.labels, decisions),
    )


def _keeps_named_groups(spec: StudySpec) -> bool:
    keeps = spec.split.both_sides != "keep" if spec.data.names_test_rows else spec.split.keeps_groups
    return keeps and spec.data.group_column is not None


def _settled_findings(found: StudyRows, decisions: Decisions) -> list[Finding]:
    """Return how the study was settled from its first rows when it began."""
    if not found.settled and not decisions.has("settled"):
        return []
    kept = decisions.once("settled", lambda: [[finding.code, finding.text] for finding in found.settled])
    return [Finding(code, text, is_note=True) for code, text in kept]


def _first_split(spec: StudySpec, rows: list[Row]) -> Split:
    if has_own_test_rows(rows):
        return split_own(
            rows,
            spec.n_test_rows,
            spec.split.seed,
            spec.n_train_needed,
            spec.split.both_sides,
            groups_are_named=spec.data.group_column is not None,
        )
    is_dev = clash_test(rows, [], spec.split.both_sides, groups_are_named=spec.data.group_column is not None)
    has_dev = any(row.side == "dev" for row in rows)
    free = [index for index, row in enumerate(rows) if row.side != "dev" and not is_dev(row)] if has_dev else []
    split = split_rows(
        [rows[index] for index in free] if has_dev else rows,
        method=spec.split.method,
        test_size=spec.n_test_rows or DEFAULT_TEST_SIZE,
        seed=spec.split.seed,
        n_train_needed=spec.n_train_needed,
        groups_are_named=spec.data.group_column is not None,
    )
    if not has_dev:
        return split
    test, pool = [free[index] for index in split.test], [free[index] for index in split.pool]
    return Split(test, pool, len(rows) - len(test) - len(pool), split.method)


def _stay_out_test(spec: StudySpec, rows: Sequence[Row], test: Sequence[Row]) -> Callable[[Row], bool]:
    """Return the test for rows that must not join the pool of a study: those that the first split would not have taken."""
    named = spec.data.group_column is not None
    if spec.data.names_test_rows:
        own = [*test, *(row for row in rows if row.side == "test")]
        return clash_test(rows, own, spec.split.both_sides, groups_are_named=named)
    return clash_test(rows, test, "drop", groups_are_named=spec.split.keeps_groups)


def _check_enough(spec: StudySpec, grown: Grown, folder: Path) -> None:
    if spec.n_train_needed > len(grown.pool):
        raise DataError(
            f"'{folder}' has {len(grown.pool)} training rows now, {spec.n_train_needed} are asked for; lower {spec.asks_most_rows}, or "
            "add labelled rows to the data: they join the training rows, and the test rows stay"
        )


def _method_in_words(frozen: Frozen) -> str:
    joined = sum(frozen.generations[1:])
    return frozen.split_method + (f"; {joined} training rows joined later" if joined else "")


@dataclass(frozen=True)
class _Decided:
    """What a study has decided about its rows; made in `_decide`, and nowhere else."""

    labels: tuple[str, ...]
    is_numbered: bool
    task: Task
    tokenizers: MetricTokenizers
    sql: SqlSettings
    unseen: tuple[str, ...]

    def renderer(self, spec: StudySpec) -> PromptRenderer:
        system = self.task.system if spec.prompt.system is None else spec.prompt.system
        return PromptRenderer(system, spec.prompt.user_template, self.labels, self.is_numbered, self.task.form)

    @property
    def metric_settings(self) -> MetricSettings:
        return MetricSettings(
            self.labels, self.unseen, self.task.form, self.tokenizers.bleu, self.tokenizers.rouge, self.sql
        )


def _decide(
    spec: StudySpec, test: list[Row], pool: list[Row], task: Task, decisions: Decisions, findings: list[Finding]
) -> _Decided:
    """Decide how the rows are understood, each thing once in a study's life; say what is odd.

    Every decision goes through `Decisions.once`, so that rows which join later change no prompt and no metric.
    """
    labels = tuple(decisions.once("labels", lambda: list(study_labels(spec, pool, task))))
    is_numbered = decisions.once("labels_are_numbered", lambda: task.are_numbered(Pairs(pool)))
    tokenizers = decide_tokenizers(spec, [*test, *pool], decisions)
    sql = sql_settings(spec, test, pool, decisions)
    findings += [*tokenizers.findings, *sql_findings(spec, test, sql)]
    return _Decided(labels, is_numbered, task, tokenizers, sql, _unseen(task, test, labels, decisions))


def _unseen(task: Task, test: Sequence[Row], known: Sequence[str], decisions: Decisions) -> tuple[str, ...]:
    """Return the classes, labels or fields that stand in test rows alone; decided, and kept, where there are any."""
    found = labels_of_test_rows_alone(task, test, known)
    if task.answer not in ("class", "labels", "object") or not ((known and found) or decisions.has(UNSEEN)):
        return ()
    return tuple(decisions.once(UNSEEN, lambda: found))


def decided_task(spec: StudySpec, rows: Sequence[Row], decisions: Decisions) -> Task:
    """Return the study's task, for targets as the rows write them; the first answer is kept with the frozen split."""
    task = spec.kind
    if not task.decision:
        return task
    written, labels = spec.data.placeholders, spec.prompt.labels or ()
    return task.as_decided(decisions.once(task.decision, lambda: task.decide(Pairs(rows), written, labels)))


def study_labels(spec: StudySpec, pool: Sequence[Row], task: Task) -> tuple[str, ...]:
    """Return the study's label list, else the labels of the training pool; check that they make the task.

    Raises
    ------
    DataError
        When they make no such task.
    """
    pairs = Pairs(pool)
    labels = tuple(spec.prompt.labels or ()) or task.find_labels(pairs)
    if task.needs_labels:
        task.check_labels(labels, pairs, suggest_task(pairs[:500], None, told_of(spec)))
    return labels


def _facts(
    rows: list[Row],
    cleaning: CleaningReport,
    split: Split,
    sides: tuple[list[Row], list[Row], NearDuplicates],
    decided: _Decided,
) -> DataFacts:
    test, pool, near = sides
    dev = [row for row in rows if row.side == "dev"]
    return DataFacts(
        rows_in=cleaning.rows_in,
        rows_kept=cleaning.rows_kept,
        dropped=dict(sorted(cleaning.dropped.items())),
        dropped_places=cleaning.places,
        n_test=len(test),
        n_pool=len(pool),
        n_set_aside=split.set_aside,
        n_dev=len(dev),
        dev_sha256=ids_hash(dev) if dev else None,
        groups_in_test=len({row.group for row in test}),
        split_method=split.method,
        test_sha256=ids_hash(test),
        pool_sha256=ids_hash(pool),
        overlap=count_overlap(test, pool, decided.task.group_by, decided.task.form, near),
        labels=list(decided.labels),
        labels_are_numbered=decided.is_numbered,
    )
