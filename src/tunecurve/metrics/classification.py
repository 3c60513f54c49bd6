"""Scores of answers out of a closed set of classes, with scikit-learn's definitions.

An answer counts as a class only if it is one, outer whitespace and canonical Unicode form aside; anything else is wrong and
predicts no class.
scikit-learn itself is not needed here: tests hold these formulas to it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tunecurve.formats.folding import compose
from tunecurve.metrics.base import FloatArray, Metric, percentage
from tunecurve.metrics.recall import RecallByLabel


def as_class(text: str) -> str:
    """Return the text in the form in which classes are compared."""
    return compose(text).strip()


class _CountsByClass(Metric):
    """Statistics are [true positive, predicted, gold] of each class in order, and [rows]: shape (3 * classes + 1,).

    The count of rows keeps those whose gold class is outside the set in the denominator. Case counts, outer whitespace does not.
    """

    def __init__(self, classes: Iterable[str]) -> None:
        self.classes = tuple(sorted({as_class(label) for label in classes}))
        self._position = {label: index for index, label in enumerate(self.classes)}

    @property
    def signature(self) -> str:
        """Return name, classes and version of the definition."""
        return f"{self.name}|classes:{','.join(self.classes)}|outer-whitespace:ignored|v1"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's counts by class, and 1."""
        counts = np.zeros((len(self.classes), 3))
        predicted, gold = self._position.get(as_class(prediction)), self._position.get(as_class(reference))
        if predicted is not None:
            counts[predicted, 1] = 1.0
        if gold is not None:
            counts[gold, 2] = 1.0
            counts[gold, 0] = float(predicted == gold)
        return np.append(counts.ravel(), 1.0)


def _by_class(summed: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return true positives, predictions and gold rows, each of shape (..., classes)."""
    counts = np.asarray(summed, dtype=np.float64)[..., :-1]
    return counts[..., 0::3], counts[..., 1::3], counts[..., 2::3]


def mean_of_defined(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return 100 times the mean ratio over the classes with a denominator; NaN where there is none."""
    defined = denominator > 0
    ratios = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=defined)
    return percentage(ratios.sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


class Accuracy(_CountsByClass):
    """Percentage of rows with the right class."""

    name, title = "accuracy", "Accuracy"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return right rows over all rows."""
        true_positive, _, _ = _by_class(summed)
        return percentage(true_positive.sum(axis=-1), summed[..., -1])


class _MeanOverClasses(_CountsByClass):
    """A mean over classes, those that stand in test rows alone among them: as these are no answers, they are missed.

    Parameters
    ----------
    classes : iterable of str
        What may be answered.
    unseen : iterable of str
        Other classes of test rows.
    """

    def __init__(self, classes: Iterable[str], unseen: Iterable[str] = ()) -> None:
        super().__init__(classes)
        self.unseen = tuple(sorted({as_class(label) for label in unseen} - {*self.classes}))
        self._place_of_unseen = {label: len(self.classes) + index for index, label in enumerate(self.unseen)}

    @property
    def signature(self) -> str:
        """Return name, classes and version of the definition."""
        return super().signature + (f"|only-in-test-rows:{','.join(self.unseen)}" if self.unseen else "")

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's counts by class, those of test rows alone last, and 1: shape (3 * all classes + 1,)."""
        known = super().statistics(prediction, reference, source)
        counts = np.append(known[:-1], np.zeros(3 * len(self.unseen)))
        place = self._place_of_unseen.get(as_class(reference))
        if place is not None:
            counts[3 * place + 2] = 1.0
        return np.append(counts, 1.0)


class MacroF1(_MeanOverClasses):
    """F1 of each class, averaged over the classes that occur in gold or predictions: every class weighs the same."""

    name, title = "macro_f1", "Macro-F1"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the mean over classes of ``2 * true positive / (predicted + gold)``."""
        true_positive, predicted, gold = _by_class(summed)
        return mean_of_defined(2.0 * true_positive, predicted + gold)


class BalancedAccuracy(_MeanOverClasses):
    """Recall of each class, averaged over the classes that occur in gold: always the largest class wins nothing."""

    name, title = "balanced_accuracy", "Balanced accuracy"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the mean over gold classes of ``true positive / gold``."""
        true_positive, _, gold = _by_class(summed)
        return mean_of_defined(true_positive, gold)


class ClassRecall(RecallByLabel):
    """Recall by class: of the rows of a class, the percentage answered with it."""

    name, title = "class_recall", "Class recall"

    def label_key(self, label: str) -> str:
        """Return the class without outer whitespace."""
        return as_class(label)

    def findings(self, prediction: str, reference: str, source: str) -> Iterable[tuple[str, bool]]:
        """Yield the row's class and whether it was predicted."""
        yield reference, as_class(prediction) == as_class(reference)
