"""Any text as target."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.data.labels import come_again, is_closed_set
from tunecurve.data.rows import Pairs as PairsOfRows
from tunecurve.data.rows import Row
from tunecurve.findings import Finding
from tunecurve.tasks.base import Pairs, Task
from tunecurve.tasks.multilabel import TASK as MULTILABEL
from tunecurve.tasks.summarization import TASK as SUMMARIZATION
from tunecurve.tasks.summarization import asked_for_something_else
from tunecurve.tasks.told import Told

# From this share of short targets that come again on, they may be classes, of at least so many rows.
SHARE_AGAIN, MIN_ROWS = 0.8, 20


class Generation(Task):
    """What no other kind is: everything as `Task` has it."""

    name = "generation"
    description = "any text"

    def recognise(self, pairs: Pairs) -> str:
        """Return what is true of everything that no other kind has recognised."""
        return "targets are neither masked inputs nor classes, entities or summaries"

    def recognise_told(self, pairs: Pairs, told: Told) -> str:
        """Return the same, and what spoke against summaries where the lengths speak for them."""
        short, other = SUMMARIZATION.recognise(pairs), asked_for_something_else(pairs, told)
        return f"{short}, but {other}" if short and other else self.recognise(pairs)

    def label_findings(self, test: Sequence[Row], pool: Sequence[Row]) -> list[Finding]:
        """Return what `Task` does, and targets that may be classes, or sets of labels: short ones, or parts, that come again."""
        rows = [*test, *pool]
        return [*super().label_findings(test, pool), *(_possible_sets(rows) or _possible_classes(rows))]


def _possible_sets(rows: Sequence[Row]) -> list[Finding]:
    """Name sets of labels that come in every order: they may be lists whose order counts, so they are not taken for sets."""
    pairs = PairsOfRows(rows)
    why = MULTILABEL.recognise_in_any_order(pairs)
    if not why or len(rows) < MIN_ROWS or MULTILABEL.recognise(pairs) or any(row.other_targets for row in rows):
        return []
    text = f"if their order says nothing, {why}"
    return [Finding("other-task", text, "if these are sets of labels, give --task multilabel")]


def _possible_classes(rows: Sequence[Row]) -> list[Finding]:
    targets = [row.target.strip() for row in rows]
    n_again, n_classes = come_again(targets)
    is_told = is_closed_set({*targets}, len(targets))  # a task that rows look like is named with its reason
    if is_told or len(rows) < MIN_ROWS or n_again < SHARE_AGAIN * len(rows) or any(row.other_targets for row in rows):
        return []
    text = (
        f"{n_again} of {len(rows)} targets are short texts that come again ({n_classes} different ones), as classes do"
    )
    return [Finding("other-task", text, "if these are classes, give --task classification")]


TASK = Generation()
