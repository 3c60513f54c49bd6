"""Recall by label: which kind of thing is found, and which is missed.

What the tasks share: counts [found, gold] for each label, and the table made of them. What a label is, and when one is
found, is the business of the metrics that derive from this.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tunecurve.metrics.base import FloatArray, Metric, percentage

# Names of those below: each has a table of its own, with a line a label.
BY_LABEL = frozenset({"label_recall", "class_recall", "type_recall", "recall_of_fields", "recall_of_labels"})


class RecallByLabel(Metric):
    """Of what has a label, the percentage found; statistics are [found, gold] for each label, shape (2 * labels,).

    What has another label is left out.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self.labels = tuple(sorted({self.label_key(label) for label in labels}))
        self._position = {label: index for index, label in enumerate(self.labels)}

    def label_key(self, label: str) -> str:
        """Return the form in which labels are compared and shown."""
        return label

    @property
    def signature(self) -> str:
        """Return name, label set and version."""
        return f"{self.name}|labels:{','.join(self.labels)}|v1"

    def findings(self, prediction: str, reference: str, source: str) -> Iterable[tuple[str, bool]]:
        """Yield (label, found) for everything of the row that should be found."""
        raise NotImplementedError

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return found and gold counts by label; labels outside the set are left out."""
        counts = np.zeros((len(self.labels), 2))
        for label, found in self.findings(prediction, reference, source):
            position = self._position.get(self.label_key(label))
            if position is not None:
                counts[position] += (found, 1.0)
        return counts.ravel()

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the recall over all labels."""
        return percentage(summed[..., 0::2].sum(axis=-1), summed[..., 1::2].sum(axis=-1))

    def by_label(self, summed: FloatArray) -> dict[str, tuple[float, int]]:
        """Return, for each label that occurs, its recall in percent and how often it occurs."""
        found, gold = summed[0::2], summed[1::2]
        return {
            label: (100.0 * found[index] / gold[index], int(gold[index]))
            for index, label in enumerate(self.labels)
            if gold[index] > 0
        }
