"""Scores of answers that are sets of labels, with scikit-learn's definitions.

A label that the study does not know counts as well: one too many in an answer, one missed where the target has it. The means
over labels are those over the known ones that occur, and over those that stand in test rows alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tunecurve.formats.folding import compose
from tunecurve.formats.label_sets import parse_labels
from tunecurve.metrics.base import FloatArray, Metric, percentage
from tunecurve.metrics.classification import mean_of_defined
from tunecurve.metrics.recall import RecallByLabel


def as_set(text: str) -> set[str]:
    """Return the labels of a text in the form in which they are compared."""
    return {compose(label) for label in parse_labels(text)}


class _CountsByLabel(Metric):
    """Statistics are [found, predicted, gold] of each label in order, of all others, and [whole sets right, 0, rows].

    Shape (3 * labels + 6,). Case counts.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self.labels = tuple(sorted({compose(label) for label in labels}))
        self._position = {label: index for index, label in enumerate(self.labels)}

    @property
    def signature(self) -> str:
        """Return name, labels and version of the definition."""
        return f"{self.name}|labels:{','.join(self.labels)}|other-labels:count|v2"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's counts."""
        counts = np.zeros((len(self.labels) + 2, 3))
        predicted, gold = as_set(prediction), as_set(reference)
        for column, labels in enumerate((predicted & gold, predicted, gold)):
            for label in labels:
                counts[self._position.get(label, len(self.labels)), column] += 1.0
        # No answer is not the answer that there is no label.
        counts[-1] = float(predicted == gold and bool(prediction.strip())), 0.0, 1.0
        return counts.ravel()

    def _counts(self, summed: FloatArray) -> FloatArray:
        """Return [found, predicted, gold] of the known labels and the others, shape (..., labels + 1, 3)."""
        summed = np.asarray(summed, dtype=np.float64)
        return summed.reshape(*summed.shape[:-1], len(self.labels) + 2, 3)[..., :-1, :]


class MicroF1(_CountsByLabel):
    """F1 over all labels of all rows together: frequent labels weigh most."""

    name, title = "label_micro_f1", "Micro-F1"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return ``2 * found / (predicted + gold)``."""
        found, predicted, gold = np.moveaxis(self._counts(summed).sum(axis=-2), -1, 0)
        return percentage(2.0 * found, predicted + gold)


class LabelMacroF1(_CountsByLabel):
    """F1 of each label, averaged over the labels that occur in targets, and the known ones in answers: every label weighs the same."""

    name, title = "label_macro_f1", "Macro-F1"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the mean over labels of ``2 * found / (predicted + gold)``."""
        found, predicted, gold = np.moveaxis(self._counts(summed)[..., :-1, :], -1, 0)
        return mean_of_defined(2.0 * found, predicted + gold)


class SubsetAccuracy(_CountsByLabel):
    """Percentage of rows with all of their labels and no other."""

    name, title = "subset_accuracy", "Subset accuracy"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return rows with the right set over all rows."""
        summed = np.asarray(summed, dtype=np.float64)
        return percentage(summed[..., -3], summed[..., -1])


class RecallOfLabels(RecallByLabel):
    """Recall by label: of the rows that have a label, the percentage whose answer has it."""

    name, title = "recall_of_labels", "Label recall"

    def label_key(self, label: str) -> str:
        """Return the label in the form in which labels are compared."""
        return compose(label)

    def findings(self, prediction: str, reference: str, source: str) -> Iterable[tuple[str, bool]]:
        """Yield every label of the target and whether the answer has it."""
        predicted = as_set(prediction)
        return [(label, label in predicted) for label in sorted(as_set(reference))]
