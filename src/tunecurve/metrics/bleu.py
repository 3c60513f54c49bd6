"""SacreBLEU's BLEU, vectorised over bootstrap draws.

Tokenisation and n-gram counting are sacrebleu's own; only the closed formula from summed counts to a score is written
here, so that 2,000 bootstrap draws are one array operation. Tests hold it to sacrebleu's `corpus_score`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tunecurve.errors import SpecError
from tunecurve.metrics.base import FloatArray
from tunecurve.metrics.sacrebleu_counts import SacrebleuCounts
from tunecurve.metrics.tokenizers import how_to_install, is_installed

MAX_ORDER = 4


@functools.cache
def _sacrebleu_bleu(tokenizer: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenizer)


class Bleu(SacrebleuCounts):
    """BLEU with sacrebleu's exponential smoothing and one of its tokenizers; what it needs must be installed.

    Statistics are [system length, reference length, matches of order 1..4, totals of order 1..4], the layout that
    sacrebleu uses itself.

    References
    ----------
    Post, "A Call for Clarity in Reporting BLEU Scores", WMT 2018; the smoothing is method 3 of Chen and Cherry 2014.
    """

    name = "bleu"
    title = "BLEU"
    is_smooth = False  # the penalty for short answers begins where all of them together are as long as all references

    def __init__(self, tokenizer: str = "13a") -> None:
        if not is_installed(tokenizer):
            raise SpecError(
                f"BLEU is computed with sacrebleu's tokenizer '{tokenizer}' here, which is not installed; "
                f"{how_to_install(tokenizer)}, or choose another one in another folder (metric_options: bleu_tokenizer)"
            )
        self.tokenizer = tokenizer

    @property
    def signature(self) -> str:
        """Return sacrebleu's signature for one reference a row."""
        import sacrebleu

        tokenizer = _sacrebleu_bleu(self.tokenizer).tokenizer.signature()
        return f"nrefs:1|case:mixed|eff:no|tok:{tokenizer}|smooth:exp|version:{sacrebleu.__version__}"

    def extractor(self) -> Any:
        """Return sacrebleu's BLEU: matches are with any reference, the reference length is the closest one."""
        return _sacrebleu_bleu(self.tokenizer)

    def score(self, summed: FloatArray) -> FloatArray:
        """Return BLEU from summed counts, shape (..., 10) -> (...)."""
        summed = np.asarray(summed, dtype=np.float64)
        system_length, reference_length = summed[..., 0], summed[..., 1]
        matches, totals = summed[..., 2 : 2 + MAX_ORDER], summed[..., 2 + MAX_ORDER :]
        # Exponential smoothing: the j-th order without a match counts 1 / 2^j of a match.
        without_match = (matches == 0) & (totals > 0)
        smoothed = np.where(without_match, 0.5 ** np.cumsum(without_match, axis=-1), matches)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_precision = np.log(smoothed / totals)
            brevity = np.where(
                system_length < reference_length,
                np.exp(1.0 - reference_length / system_length),
                np.ones_like(system_length),
            )
            score = 100.0 * brevity * np.exp(log_precision.mean(axis=-1))
        empty = (totals == 0).any(axis=-1) | (matches == 0).all(axis=-1)
        return np.where(empty, 0.0, score)
