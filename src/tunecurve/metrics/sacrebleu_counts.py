"""What BLEU and chrF share: the counts of a row are those that sacrebleu extracts itself, and are summed before they are a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tunecurve.formats.folding import compose
from tunecurve.metrics.base import FloatArray, Metric


class SacrebleuCounts(Metric):
    """A metric of sacrebleu; texts are taken in Unicode's composed form.

    Rows may have different numbers of references. sacrebleu's `corpus_score` gives the same if missing ones are None; an empty text
    is a reference to it.
    """

    def extractor(self) -> Any:
        """Return sacrebleu's own metric; it is imported late, since that costs 0.1 s."""
        raise NotImplementedError

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the counts sacrebleu extracts from one row, shape (d,)."""
        return self.statistics_of_several(prediction, [reference], source)

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return sacrebleu's counts against several references, shape (d,)."""
        streams = [[compose(reference)] for reference in references]
        (row,) = self.extractor()._extract_corpus_statistics([compose(prediction)], streams)
        return np.asarray(row, dtype=np.float64)
