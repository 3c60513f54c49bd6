"""Exact match: the share of rows whose prediction equals the reference.

Outer whitespace does not count, nor whether letters with accents are written as one character or as two (canonical equivalence).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunecurve.formats.folding import compose
from tunecurve.metrics.base import FloatArray, ShareMetric


class ExactMatch(ShareMetric):
    """Percentage of rows answered exactly; statistics are [hit, 1]."""

    name = "exact_match"
    title = "Exact match"
    signature = "exact_match|outer-whitespace:ignored|v1"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [1 if equal after stripping, in one canonical form, else 0; 1]."""
        return self.statistics_of_several(prediction, [reference], source)

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return [1 if equal to any reference after stripping else 0, 1]."""
        wanted = {compose(reference).strip() for reference in references}
        return np.array([float(compose(prediction).strip() in wanted), 1.0])
