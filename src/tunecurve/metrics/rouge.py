"""ROUGE F-measures by the package rouge-score: words or word pairs in common, or the longest common subsequence.

The package's own words are made of the letters a to z and digits, reduced to their stems. In other texts its accented letters
split words, and other scripts have no words at all; there the words of `UnicodeTokenizer` are compared as they are.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunecurve.metrics.base import FloatArray, ShareMetric
from tunecurve.metrics.tokenizers import UnicodeTokenizer, choose_rouge_tokenizer

BY_ROW = "by-row"
ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")
_TITLES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


@functools.cache
def _scorer(tokenizer: str) -> Any:  # rouge-score is imported late: it costs seconds
    from rouge_score.rouge_scorer import RougeScorer

    if tokenizer == "unicode":
        return RougeScorer(list(ROUGE_TYPES), tokenizer=UnicodeTokenizer())
    return RougeScorer(list(ROUGE_TYPES), use_stemmer=True)


@functools.lru_cache(maxsize=8192)
def _f_measures(prediction: str, reference: str, tokenizer: str) -> dict[str, float]:
    """Return all F-measures of a row, 0 to 1: the metrics here share them."""
    if tokenizer == BY_ROW:
        tokenizer = choose_rouge_tokenizer((prediction, reference)).name
    scores = _scorer(tokenizer).score(reference, prediction)
    return {name: float(scores[name].fmeasure) for name in ROUGE_TYPES}


class Rouge(ShareMetric):
    """Mean F-measure over rows; statistics are [F-measure, 1].

    Parameters
    ----------
    rouge_type : {"rouge1", "rouge2", "rougeL"}
        Single words, word pairs, or the longest common subsequence of the whole texts.
    tokenizer : {"rouge-score", "unicode", "by-row"}, default "by-row"
        The package's own words with Porter's stemmer, for English; words of any script, without one; or what fits the letters
        of the row, where nothing is known of the data set.

    References
    ----------
    Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004. The best of several references counts, as in
    rouge-score's `score_multi`.
    """

    def __init__(self, rouge_type: str, tokenizer: str = BY_ROW) -> None:
        self.name = rouge_type
        self.tokenizer = tokenizer
        self.title = _TITLES[rouge_type]

    @property
    def signature(self) -> str:
        """Return name, settings for one reference a row, and the package's version."""
        from importlib.metadata import version

        stemmer = {"unicode": "none", "rouge-score": "porter"}.get(self.tokenizer, self.tokenizer)
        words = f"stem:{stemmer}|measure:f|avg:rows|tok:{self.tokenizer}"
        return f"{self.name}|nrefs:1|{words}|version:{version('rouge-score')}"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [F-measure, 1]."""
        return np.array([self._f_measure(prediction, reference), 1.0])

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return [F-measure against the best reference, 1]."""
        return np.array([max(self._f_measure(prediction, reference) for reference in references), 1.0])

    def _f_measure(self, prediction: str, reference: str) -> float:
        return _f_measures(prediction, reference, self.tokenizer)[self.name]
