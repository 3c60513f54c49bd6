"""Scores of answers that are JSON objects: whether they are any, whether they are right as a whole, and field by field.

A field is right if path and value are; see `tunecurve.formats.json_objects` for what is the same. An answer that is no JSON
object has no field; one that gives a key two values is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from tunecurve.formats.json_objects import fields_of, read_object, same
from tunecurve.metrics.base import FloatArray, Metric, ShareMetric, percentage
from tunecurve.metrics.classification import mean_of_defined
from tunecurve.metrics.recall import RecallByLabel

_KEYS = "keys:one-value-each"
_read = lru_cache(maxsize=20_000)(read_object)


class _CountsByField(Metric):
    """Statistics are [right, answered, gold] of each known field in order and of all others, shape (3 * fields + 3,)."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = tuple(sorted(set(fields)))
        self._position = {path: index for index, path in enumerate(self.fields)}

    @property
    def signature(self) -> str:
        """Return name, number of fields and version of the definition."""
        return f"{self.name}|fields:{len(self.fields)}|lists:without-order|null:absent|{_KEYS}|v2"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's counts."""
        counts = np.zeros((len(self.fields) + 1, 3))
        answered, gold = fields_of(_read(prediction) or {}), fields_of(_read(reference) or {})
        for column, fields in enumerate((answered & gold, answered, gold)):
            for (path, _), count in fields.items():
                counts[self._position.get(path, -1), column] += count
        return counts.ravel()

    def _counts(self, summed: FloatArray) -> FloatArray:
        """Return [right, answered, gold] by field, the others last, shape (3, ..., fields + 1)."""
        summed = np.asarray(summed, dtype=np.float64)
        return np.moveaxis(summed.reshape(*summed.shape[:-1], len(self.fields) + 1, 3), -1, 0)


class FieldF1(_CountsByField):
    """F1 over the fields of all rows together."""

    name, title = "field_f1", "Field F1"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return ``2 * right / (answered + gold)``."""
        right, answered, gold = self._counts(summed).sum(axis=-1)
        return percentage(2.0 * right, answered + gold)


class FieldPrecision(_CountsByField):
    """Of the fields that are answered, the percentage that is right."""

    name, title = "field_precision", "Field precision"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return ``right / answered``; 0 where nothing is answered and something should be."""
        right, answered, gold = self._counts(summed).sum(axis=-1)
        return percentage(right, np.where((answered == 0) & (gold > 0), 1.0, answered))


class FieldRecall(_CountsByField):
    """Of the fields of the targets, the percentage that is answered rightly."""

    name, title = "field_recall", "Field recall"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return ``right / gold``."""
        right, _, gold = self._counts(summed).sum(axis=-1)
        return percentage(right, gold)


class FieldMacroF1(_CountsByField):
    """F1 of each field, averaged over the fields that occur in targets, and the known ones in answers: every field weighs the same."""

    name, title = "field_macro_f1", "Field macro-F1"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the mean over fields of ``2 * right / (answered + gold)``."""
        right, answered, gold = self._counts(summed)[..., :-1]
        return mean_of_defined(2.0 * right, answered + gold)


class _ShareOfRows(ShareMetric):
    """The percentage of rows for which something holds; statistics are [rows that do, rows]."""

    @property
    def signature(self) -> str:
        """Return name and version of the definition."""
        return f"{self.name}|{_KEYS}|v2"

    def holds(self, prediction: str, reference: str) -> bool:
        """Return whether it holds for a row."""
        raise NotImplementedError

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return whether it holds, and 1."""
        return np.array([float(self.holds(prediction, reference)), 1.0])


class ExactObject(_ShareOfRows):
    """Percentage of rows whose answer is the right object, whatever the order of keys and items, and the blanks."""

    name, title = "exact_object", "Exact objects"

    def holds(self, prediction: str, reference: str) -> bool:
        """Return whether both are the same object."""
        answered, gold = _read(prediction), _read(reference)
        return answered is not None and gold is not None and same(answered, gold)


class ValidJson(_ShareOfRows):
    """Percentage of answers that are a JSON object."""

    name, title = "valid_json", "Valid JSON"

    def holds(self, prediction: str, reference: str) -> bool:
        """Return whether the answer is an object."""
        return _read(prediction) is not None


class RecallOfFields(RecallByLabel):
    """Recall by field: of the values that targets have under a path, the percentage that is answered there."""

    name, title = "recall_of_fields", "Field recall by path"

    @property
    def signature(self) -> str:
        """Return the signature of recalls, and that a key has one value."""
        return f"{super().signature}|{_KEYS}"

    def findings(self, prediction: str, reference: str, source: str) -> Iterable[tuple[str, bool]]:
        """Yield the path of every value of the target and whether the answer has it."""
        gold = fields_of(_read(reference) or {})
        right = gold & fields_of(_read(prediction) or {})
        for (path, value), count in gold.items():
            yield from ((path, number < right[path, value]) for number in range(count))
