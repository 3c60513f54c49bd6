"""One class out of a closed set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunecurve.data.cells import TargetRule
from tunecurve.data.labels import class_findings, come_again, is_closed_set, lonely_labels
from tunecurve.data.rows import Row
from tunecurve.errors import DataError
from tunecurve.findings import Finding
from tunecurve.formats import column_names
from tunecurve.tasks.base import Pairs, Task
from tunecurve.tasks.floors import MostFrequent
from tunecurve.tasks.told import Told
from tunecurve.wording import first_of

# Which share of targets must come again where their column is called as classes are.
SHARE_AGAIN = 0.5
# From this share of one class on, accuracy says little.
MOST_FREQUENT = 0.85


class Classification(Task):
    """The target is one of a few short texts."""

    name = "classification"
    description = "one of a closed set"
    order = 50
    instruction = (
        "Which class does the text belong to? Answer with exactly one of these classes, and nothing else: {labels}."
    )
    models = ("classifier", "tfidf")
    answer = "class"
    metrics = ("accuracy", "macro_f1", "balanced_accuracy", "class_recall")
    second_metric = "macro_f1"
    recall_metric = "class_recall"
    nothing_right = "accuracy"
    floor = MostFrequent()
    floor_remedy = "where one class is frequent, go by --metric macro_f1 and draw with --sampling stratified"
    needs_labels = is_closed = True
    labels_in_words = "targets"
    targets = TargetRule("classes")

    def recognise(self, pairs: Pairs) -> str:
        """Recognise a few short texts that come again and again."""
        classes = {target.strip() for _, target in pairs}
        if not is_closed_set(classes, len(pairs)):
            return ""
        return f"{len(pairs)} targets are only {len(classes)} different short texts"

    def recognise_told(self, pairs: Pairs, told: Told) -> str:
        """Recognise more classes for the rows where the target's column is called as classes are."""
        if why := self.recognise(pairs):
            return why
        column = told.target_called(column_names.CLASSES)
        n_again, n_classes = come_again([target for _, target in pairs]) if column else (0, 0)
        if not n_again or n_again < SHARE_AGAIN * len(pairs):
            return ""
        return f"{n_again} of {len(pairs)} targets in '{column}' are short texts that come again, {n_classes} different ones in all"

    def labels_of(self, target: str, source: str = "") -> list[str]:
        """Return the class."""
        return [target.strip()]

    def class_of(self, target: str) -> str:
        """Return the target."""
        return target

    def check_rows(self, test: Sequence[Row], pool: Sequence[Row], *, are_first_rows: bool) -> None:
        """Refuse a classification of one class: name it, and why there may be no other."""
        trained, everywhere = ({row.target.strip() for row in rows} for rows in (pool, [*pool, *test]))
        if len(trained) > 1:
            return
        which = "all rows are" if len(everywhere) == 1 else "all rows to train on are"
        remedy = (
            "is the file sorted by class? --first-rows (data.limit_takes) takes the first rows of the file: leave it out, and "
            "--limit draws at random"
            if are_first_rows
            else "check --target-column, or add rows of another class"
        )
        raise DataError(
            f"{which} '{next(iter(trained), '')}', and a classification needs two classes at least; {remedy}"
        )

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return classes that are rare, alone or probably one."""
        lonely = lonely_labels(Counter(row.target.strip() for row in pool), "classes")
        untidy = class_findings(Counter(row.target for row in [*test, *pool]))
        return [*_rare_classes(test, pool), *lonely, *_one_test_class(test), *untidy]


def _rare_classes(test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
    """Say where one class has nearly all rows: the floor is as high, and the others have few test rows."""
    counts = Counter(row.target.strip() for row in [*test, *pool])
    name, n_frequent = counts.most_common(1)[0]
    n_rows = counts.total()
    if len(counts) < 2 or n_frequent < MOST_FREQUENT * n_rows:
        return []
    in_test = Counter(row.target.strip() for row in test)
    others = [other for other, _ in counts.most_common() if other != name]
    rows = first_of([f"'{other}' {in_test[other]}" for other in others], 8)
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


TASK = Classification()
