"""What in a study's rows could mislead: its labels, its targets, what training and test rows share."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

import numpy as np

from tunecurve.curve.intervals import groups_of_equal_size
from tunecurve.data.damaged_texts import damage_findings
from tunecurve.data.inputs import DEFAULT_TARGET
from tunecurve.data.labels import come_again, missing_labels
from tunecurve.data.near_duplicates import NearDuplicates
from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.spec.study import StudySpec
from tunecurve.study.facts import DataFacts
from tunecurve.study.language_findings import language_findings
from tunecurve.study.told_of_rows import told_of
from tunecurve.tasks.base import Task
from tunecurve.tasks.classification import SHARE_AGAIN
from tunecurve.tasks.lookup import all_tasks, is_own, suggest_task, task_of
from tunecurve.wording import counted, told_apart

MIN_TEST_ROWS = 100
# Of fewer groups, an interval says little about another group.
MIN_TEST_GROUPS = 5
# A template whose rows are on both sides of the split matters from here on.
MOST_TWINS = 0.1
# Inputs this many times as long as the median, and of so many characters, may be several rows in one.
LONG_TIMES, LONG_CHARACTERS = 10, 500
# Of more rows, length is no slip.
MOST_LONG = 0.01


def data_findings(
    task: Task, test: Sequence[Row], pool: Sequence[Row], facts: DataFacts, spec: StudySpec, near: NearDuplicates
) -> list[Finding]:
    """Return what the rows of a study could mislead by."""
    found = task.format_findings(test, pool)
    if not any(finding.code == "targets-differ" for finding in found):
        found = [*found, *_other_task(task, pool, spec)]
    found = [*found, *_unseen_labels(task, test, facts.labels), *task.label_findings(test, pool)]
    found += _missing_labels(task, [*test, *pool], spec)
    few_groups = _few_test_groups(facts, test) if spec.split.keeps_groups else []
    return [
        *found,
        *_overlap(facts, _against_twins(spec)),
        *_near_duplicates(facts, near),
        *damage_findings([*test, *pool]),
        *_much_longer(test, pool),
        *language_findings(test, pool, spec),
        *few_groups,
        *_few_test_rows(facts.n_test),
    ]


def _other_task(task: Task, pool: Sequence[Row], spec: StudySpec) -> list[Finding]:
    pairs = [(row.source, row.target) for row in pool[:500]]
    suggested, why = suggest_task(pairs, task, told_of(spec))
    if suggested == task.name or is_own(task):
        return []
    other = task_of(suggested)
    has_several_answers = any(row.other_targets for row in pool[:500])
    if has_several_answers and other.targets.list_is != "references":
        return []  # no other kind knows several right answers but those of free texts
    if other is all_tasks()[-1] and (task.recognise(pairs) or _are_classes(task, pairs)):
        return []  # only what is told speaks against it, as of a summary on a question; or part of the rows shows too few of each class
    text = f"this looks like {_a(suggested)} {suggested} task rather than {task.name}: {why}"
    return [Finding("other-task", text, f"if so, give --task {suggested}")]


def _are_classes(task: Task, pairs: Sequence[tuple[str, str]]) -> bool:
    return task.is_closed and come_again([target for _, target in pairs])[0] >= SHARE_AGAIN * len(pairs)


def _missing_labels(task: Task, rows: Sequence[Row], spec: StudySpec) -> list[Finding]:
    """Name what stands for no label, with the condition that leaves its rows out; sets of labels that are nothing else, too."""
    if task.answer not in ("class", "labels") or len(spec.data.target_columns) > 1:
        return []
    (column,) = spec.data.target_columns
    counts = Counter(row.target for row in rows)
    if task.answer == "labels":
        alone = {target for target in counts if task.labels_of(target) == [target.strip()]}
        counts = Counter({target: n for target, n in counts.items() if target in alone})
    return missing_labels(counts, DEFAULT_TARGET if column in spec.data.input_columns else column)


def labels_of_test_rows_alone(task: Task, test: Sequence[Row], known: Sequence[str]) -> list[str]:
    """Return the labels of test rows that are none of the known ones, in order."""
    return sorted({label for row in test for label in task.labels_of(row.target, row.source)} - {*known})


def _unseen_labels(task: Task, test: Sequence[Row], known: Sequence[str]) -> list[Finding]:
    if not (unseen := labels_of_test_rows_alone(task, test, known)):
        return []
    shown = ", ".join(told_apart([label[:60] for label in unseen[:8]])) + (
        f", ... ({len(unseen)} in all)" if unseen[8:] else ""
    )
    return [Finding("unseen-labels", f"labels only in the test set, which nothing can learn: {shown}")]


def _against_twins(spec: StudySpec) -> str:
    """Return what keeps a template on one side, of what is not in force already."""
    if spec.data.names_test_rows and spec.split.both_sides != "drop_groups":
        return "take those training rows out: both_sides: drop_groups under split in the study file"
    if not spec.data.names_test_rows and not spec.split.keeps_groups:
        return "keep a template's rows on one side: --split group"
    if spec.data.group_column is not None:
        return "one template has rows in several groups: give --group-column a column that names the template, or leave it out"
    return "name the template with --group-column"


def _overlap(facts: DataFacts, against_twins: str) -> list[Finding]:
    found = []
    n_same = facts.overlap.test_rows_with_input_in_pool
    n_twins = facts.overlap.test_rows_with_skeleton_in_pool
    if n_same:
        text = f"{n_same} test rows have the same input as a training row: scores will be too good"
        found.append(Finding("same-input", text))
    if n_twins > MOST_TWINS * facts.n_test:
        text = (
            f"{n_twins} of {facts.n_test} test rows have a template twin among the training rows: the curve will show "
            "memorising"
        )
        found.append(Finding("template-twins", text, against_twins))
    return found


def _much_longer(test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
    """Name the few rows whose input is far longer than usual: files that were read wrongly have such rows."""
    rows = [*test, *pool]
    median = statistics.median(len(row.source) for row in rows)
    longest = max(LONG_TIMES * median, LONG_CHARACTERS)
    long = sorted((row for row in rows if len(row.source) > longest), key=lambda row: -len(row.source))
    if not long or len(long) > max(1, MOST_LONG * len(rows)):
        return []
    n_long = f"{len(long)} inputs are" if len(long) > 1 else "one input is"
    text = (
        f"{n_long} more than {LONG_TIMES} times as long as the median ({median:,.0f} characters); the longest has "
        f"{len(long[0].source):,}"
    )
    remedy = "look whether several rows are joined there; data.max_tokens leaves out longer ones"
    places = tuple(row.place for row in long[:20] if row.place)
    return [Finding("much-longer", text, remedy, places, is_note=True)]


def _near_duplicates(facts: DataFacts, near: NearDuplicates) -> list[Finding]:
    """Say how many test rows are nearly a training row, and by how much the score may be too good."""
    n_near, n_test = len(near.pairs), near.n_test_compared
    if not n_near:
        return []
    share = n_near / n_test
    n_other = sum(pair.test.target != pair.training.target for pair in near.pairs)
    compares_inputs = facts.overlap.skeleton_of == "input"
    other = f", {n_other} of them with another target" if n_other and compares_inputs else ""
    what = "inputs" if compares_inputs else "targets"
    sampled = (
        f" (compared: {n_test:,} of {facts.n_test:,} test rows with {near.n_pool_compared:,} of {facts.n_pool:,} training rows)"
        if n_test < facts.n_test or near.n_pool_compared < facts.n_pool
        else ""
    )
    text = (
        f"{n_near} of {n_test} test rows are nearly the same as a training row by their {what}{other}{sampled}: a score that counts rows "
        f"may be up to {_points(100 * share)} points too good for new texts"
    )
    remedy = "name what such rows share with --group-column, or leave one of each pair out"
    places = tuple(f"{pair.test.place} like {pair.training.place}" for pair in near.pairs if pair.test.place)
    return [Finding("near-duplicates", text, remedy, places[:20], is_note=share <= MOST_TWINS)]


def _points(share: float) -> str:
    return f"{share:.0f}" if share >= 1 else f"{share:.1g}"


def _few_test_groups(facts: DataFacts, test: Sequence[Row]) -> list[Finding]:
    """Say where the test rows are of so few groups, or so unequal ones, that no interval can show how groups differ."""
    n_groups = facts.groups_in_test
    sizes = np.array([*Counter(row.group for row in test).values()], float)
    alike = groups_of_equal_size(sizes)
    if alike >= min(MIN_TEST_GROUPS, facts.n_test):
        return []
    text = f"the {facts.n_test} test rows are of {counted(n_groups, 'group')} only: intervals rest on whole groups, "
    if n_groups >= MIN_TEST_GROUPS:
        text = (
            f"of the {facts.n_test} test rows {max(sizes):g} are of one of {n_groups} groups, which so tell as much as {alike:.1f} of "
            "equal size: intervals rest on whole groups, "
        )
    text += "and these are too few to show how groups differ"
    remedy = "name a finer --group-column, or take test rows of more groups"
    return [Finding("few-test-groups", text, remedy, blocks=("verdict", "leaks") if n_groups == 1 else ())]


def _few_test_rows(n_test: int) -> list[Finding]:
    if n_test >= MIN_TEST_ROWS:
        return []
    text = f"{n_test} test rows give wide intervals; {MIN_TEST_ROWS} or more tell sizes apart"
    return [Finding("few-test-rows", text)]


def _a(name: str) -> str:
    return "an" if name[:1] in "aeio" else "a"
