"""What in a study's rows could mislead: its labels, its targets, what training and test rows share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.data.cells import is_json_text
from tunecurve.data.labels import class_findings, untidy_labels
from tunecurve.data.rows import Row
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.study.placeholder_findings import placeholder_findings
from tunecurve.tasks.base import TaskName, labels_of, suggest_task

MIN_TEST_ROWS = 100
# Of fewer groups, an interval says little about another group.
MIN_TEST_GROUPS = 5
# A template whose twins stand on both sides of the split matters from here on.
MOST_TWINS = 0.1
# From this share of one class on, accuracy says little.
MOST_FREQUENT = 0.85
# From this share of targets that are JSON on, they are meant to be.
MOST_JSON = 0.5


def data_findings(
    task: TaskName,
    test: Sequence[Row],
    pool: Sequence[Row],
    facts: Mapping[str, Any],
    form: PlaceholderForm = CLASSIC,
) -> list[Finding]:
    """Return what the rows of a study could mislead by.

    Parameters
    ----------
    task : str
        The kind of task.
    test, pool : sequence of Row
        The two sides.
    facts : mapping
        Of `StudyData`: counts, labels, overlap.
    form : PlaceholderForm, default `[LABEL]`
        How placeholders are written.
    """
    found = placeholder_findings(form, [*test, *pool]) if task == "masking" else []
    if not any(finding.code == "targets-differ" for finding in found):
        found += _other_task(task, pool, form if task == "masking" else None)
    found += [*_underivable(task, test), *_unseen_labels(task, test, facts["labels"], form)]
    if task == "classification":
        found += [*_rare_classes(test, pool), *_lonely_classes(pool)]
        found += _one_test_class(test)
    found += _label_spelling(task, [*test, *pool], form)
    return [*found, *_overlap(facts), *_few_test_groups(facts), *_few_test_rows(facts["n_test"])]


def _label_spelling(task: TaskName, rows: Sequence[Row], form: PlaceholderForm) -> list[Finding]:
    """Find classes or types that are probably one, and targets whose spelling an exact match hangs on."""
    if task == "classification":
        return class_findings(Counter(row.target for row in rows))
    if task in ("ner", "masking"):
        return untidy_labels(Counter(label for row in rows for label in labels_of(task, row.target, form, row.source)))
    n_json = sum(is_json_text(row.target) for row in rows)
    if n_json < MOST_JSON * len(rows):
        return []
    text = f"{n_json} of {len(rows)} targets are JSON text: exact match compares characters, so that blanks and the order of keys count"
    return [Finding("json-targets", text, "write all with the same json.dumps(..., sort_keys=True)", is_note=True)]


def _other_task(task: TaskName, pool: Sequence[Row], form: PlaceholderForm | None) -> list[Finding]:
    suggested, why = suggest_task([(row.source, row.target) for row in pool[:500]], form)
    if suggested == task:
        return []
    text = f"this looks like a {suggested} task rather than {task}: {why}"
    return [Finding("other-task", text, f"if so, give --task {suggested}")]


def _underivable(task: TaskName, test: Sequence[Row]) -> list[Finding]:
    """Count the targets that the task's format cannot write."""
    from tunecurve.formats.spans import EntityFormat

    if task != "ner":
        return []
    odd = sum(EntityFormat().derive(row.source, row.target) is None for row in test)
    text = (
        f"{odd} of {len(test)} test targets are not lists of words that stand in the input; a tagger cannot give them"
    )
    return [Finding("underivable-targets", text)] if odd else []


def _unseen_labels(task: TaskName, test: Sequence[Row], known: Sequence[str], form: PlaceholderForm) -> list[Finding]:
    unseen = sorted({label for row in test for label in labels_of(task, row.target, form, row.source)} - set(known))
    if not unseen:
        return []
    shown = ", ".join(label[:60] for label in unseen[:8]) + (f", ... ({len(unseen)} in all)" if unseen[8:] else "")
    return [Finding("unseen-labels", f"labels only in the test set, which nothing can learn: {shown}")]


def check_classes(task: TaskName, test: Sequence[Row], pool: Sequence[Row], has_limit: bool) -> None:
    """Refuse a classification of one class.

    Raises
    ------
    DataError
        Naming the class, and why there may be no other.
    """
    if task != "classification":
        return
    trained, everywhere = ({row.target.strip() for row in rows} for rows in (pool, [*pool, *test]))
    if len(trained) > 1:
        return
    which = "all rows are" if len(everywhere) == 1 else "all rows to train on are"
    remedy = (
        "is the file sorted by class? --first-rows (data.limit_takes) takes the first rows of the file: leave it out, and --limit "
        "draws at random"
        if has_limit
        else "check --target-column, or add rows of another class"
    )
    raise DataError(f"{which} '{next(iter(trained), '')}', and a classification needs two classes at least; {remedy}")


def _rare_classes(test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
    """Say where one class has nearly all rows: the floor is as high, and the others have few test rows."""
    counts = Counter(row.target.strip() for row in [*test, *pool])
    name, n_frequent = counts.most_common(1)[0]
    n_rows = counts.total()
    if len(counts) < 2 or n_frequent < MOST_FREQUENT * n_rows:
        return []
    in_test = Counter(row.target.strip() for row in test)
    others = [other for other, _ in counts.most_common() if other != name]
    rows = ", ".join(f"'{other}' {in_test[other]}" for other in others[:8]) + (", ..." if others[8:] else "")
    text = (
        f"one class is {100 * n_frequent / n_rows:.0f} % of the rows ('{name}', {n_frequent} of {n_rows}), which always "
        f"answering it gets right; test rows of the others, of {len(test)}: {rows}"
    )
    remedy = "go by macro_f1 (--metric macro_f1), draw with --sampling stratified, and have a few dozen test rows of each class"
    return [Finding("rare-classes", text, remedy)]


def _one_test_class(test: Sequence[Row]) -> list[Finding]:
    classes = {row.target.strip() for row in test}
    if len(classes) > 1:
        return []
    text = (
        f"all {len(test)} test rows are '{next(iter(classes), '')}': what is scored is whether that one class is found, not "
        "classification"
    )
    return [Finding("one-test-class", text, "take test rows of the other classes, too", blocks=("verdict",))]


def _lonely_classes(pool: Sequence[Row]) -> list[Finding]:
    counts = Counter(row.target.strip() for row in pool)
    lonely = sorted(name for name, count in counts.items() if count == 1)
    if not lonely:
        return []
    text = f"classes with a single row to train on: {', '.join(lonely[:8])}{', ...' if lonely[8:] else ''}"
    return [Finding("lonely-classes", text)]


def _overlap(facts: Mapping[str, Any]) -> list[Finding]:
    found = []
    n_same = facts["overlap"]["test_rows_with_input_in_pool"]
    n_twins = facts["overlap"]["test_rows_with_skeleton_in_pool"]
    if n_same:
        text = f"{n_same} test rows have the same input as a training row: scores will be too good"
        found.append(Finding("same-input", text))
    if n_twins > MOST_TWINS * facts["n_test"]:
        text = (
            f"{n_twins} of {facts['n_test']} test rows have a template twin among the training rows: the curve will show "
            "memorising"
        )
        found.append(Finding("template-twins", text, "name the template with --group-column, or use --split group"))
    return found


def _few_test_groups(facts: Mapping[str, Any]) -> list[Finding]:
    """Say where the test rows are of so few groups that no interval can show how groups differ."""
    n_groups = facts["groups_in_test"]
    if n_groups >= min(MIN_TEST_GROUPS, facts["n_test"]):
        return []
    text = (
        f"the {facts['n_test']} test rows are of {n_groups} group{'s' if n_groups > 1 else ''} only: groups are drawn for intervals, "
        "and these are too few to show how groups differ"
    )
    remedy = "name a finer --group-column, or take test rows of more groups"
    return [Finding("few-test-groups", text, remedy, blocks=("verdict", "leaks") if n_groups == 1 else ())]


def _few_test_rows(n_test: int) -> list[Finding]:
    if n_test >= MIN_TEST_ROWS:
        return []
    text = f"{n_test} test rows give wide intervals; {MIN_TEST_ROWS} or more tell sizes apart"
    return [Finding("few-test-rows", text)]
