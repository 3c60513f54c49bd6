"""Exact match: the share of rows whose prediction equals the reference, outer whitespace aside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunecurve.metrics.base import Direction, FloatArray, percentage


class ExactMatch:
    """Percentage of rows answered exactly; statistics are [hit, 1]."""

    name = "exact_match"
    title = "Exact match"
    direction: Direction = "max"
    score_range = (0.0, 100.0)
    signature = "exact_match|outer-whitespace:ignored|v1"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [1 if equal after stripping else 0, 1]."""
        return self.statistics_of_several(prediction, [reference], source)

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return [1 if equal to any reference after stripping else 0, 1]."""
        return np.array([float(any(prediction.strip() == reference.strip() for reference in references)), 1.0])

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the percentage of hits."""
        return percentage(summed[..., 0], summed[..., 1])
