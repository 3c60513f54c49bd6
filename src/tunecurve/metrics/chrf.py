"""SacreBLEU's chrF2, vectorised over bootstrap draws; the character n-gram counts are sacrebleu's own."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tunecurve.metrics.base import FloatArray
from tunecurve.metrics.sacrebleu_counts import SacrebleuCounts

CHARACTER_ORDER = 6
BETA_SQUARED = 4.0


@functools.cache
def _sacrebleu_chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


class Chrf(SacrebleuCounts):
    """chrF2 with sacrebleu's defaults (character order 6, no word n-grams, beta 2).

    Statistics are [hypothesis, reference, matching] n-gram counts for orders 1..6, shape (18,).

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

    def extractor(self) -> Any:
        """Return sacrebleu's chrF: of several references, the one with the row's best score counts."""
        return _sacrebleu_chrf()

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
