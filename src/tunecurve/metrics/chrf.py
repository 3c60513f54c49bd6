"""SacreBLEU's chrF2, vectorised over bootstrap draws; the character n-gram counts are sacrebleu's own."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunecurve.formats.folding import compose
from tunecurve.metrics.base import FloatArray, Metric

CHARACTER_ORDER = 6
BETA_SQUARED = 4.0


@functools.cache
def _sacrebleu_chrf() -> Any:  # sacrebleu is imported late: it costs 0.1 s
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


class Chrf(Metric):
    """chrF2 with sacrebleu's defaults (character order 6, no word n-grams, beta 2).

    Statistics are [hypothesis, reference, matching] n-gram counts for orders 1..6, shape (18,). Texts are taken in
    Unicode's composed form.

    References
    ----------
    Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015.
    """

    name = "chrf"
    title = "chrF"

    @property
    def signature(self) -> str:
        """Return sacrebleu's signature for one reference a row."""
        import sacrebleu

        return f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{sacrebleu.__version__}"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the counts sacrebleu extracts from one row, shape (18,)."""
        return self.statistics_of_several(prediction, [reference], source)

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return sacrebleu's counts against several references, shape (18,).

        They are those of the reference with the row's best score. Rows may have different
        numbers of them. sacrebleu's `corpus_score` gives the same if missing ones are None; an empty text is a
        reference to it.
        """
        streams = [[compose(reference)] for reference in references]
        (row,) = _sacrebleu_chrf()._extract_corpus_statistics([compose(prediction)], streams)
        return np.asarray(row, dtype=np.float64)

    def score(self, summed: FloatArray) -> FloatArray:
        """Return chrF from summed counts, shape (..., 18) -> (...)."""
        counts = np.asarray(summed, dtype=np.float64).reshape(*np.shape(summed)[:-1], CHARACTER_ORDER, 3)
        hypothesis, reference, matching = counts[..., 0], counts[..., 1], counts[..., 2]
        effective = (hypothesis > 0) & (reference > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(effective, matching / hypothesis, 0.0).sum(axis=-1) / effective.sum(axis=-1)
            recall = np.where(effective, matching / reference, 0.0).sum(axis=-1) / effective.sum(axis=-1)
            score = 100.0 * (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
        return np.where(np.isfinite(score), score, 0.0)
