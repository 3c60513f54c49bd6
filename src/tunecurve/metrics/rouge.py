"""ROUGE F-measures by the package rouge-score: words or word pairs in common, or the longest common subsequence.

The package reads letters a-z and digits only: accented letters split words, and text in another script has no words
and scores 0. Read chrF beside it there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from tunecurve.metrics.base import Direction, FloatArray, percentage

ROUGE_TYPES = ("rouge1", "rouge2", "rougeL")
_TITLES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}


@functools.cache
def _scorer():  # type: ignore[no-untyped-def]  # rouge-score is imported late: it costs seconds
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE_TYPES), use_stemmer=True)


@functools.lru_cache(maxsize=8192)
def _f_measures(prediction: str, reference: str) -> dict[str, float]:
    """Return all F-measures of a row, 0 to 1: the metrics here share them."""
    scores = _scorer().score(reference, prediction)
    return {name: float(scores[name].fmeasure) for name in ROUGE_TYPES}


class Rouge:
    """Mean F-measure over rows, Porter stemmer on; statistics are [F-measure, 1].

    Parameters
    ----------
    rouge_type : {"rouge1", "rouge2", "rougeL"}
        Single words, word pairs, or the longest common subsequence of the whole texts.

    References
    ----------
    Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004. The best of several references counts, as in
    rouge-score's `score_multi`.
    """

    direction: Direction = "max"
    score_range = (0.0, 100.0)

    def __init__(self, rouge_type: str) -> None:
        self.name = rouge_type
        self.title = _TITLES[rouge_type]

    @property
    def signature(self) -> str:
        """Return name, settings for one reference a row, and the package's version."""
        from importlib.metadata import version

        return f"{self.name}|nrefs:1|stem:porter|measure:f|avg:rows|tok:rouge-score|version:{version('rouge-score')}"

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [F-measure, 1]."""
        return np.array([_f_measures(prediction, reference)[self.name], 1.0])

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return [F-measure against the best reference, 1]."""
        return np.array([max(_f_measures(prediction, reference)[self.name] for reference in references), 1.0])

    def score(self, summed: FloatArray) -> FloatArray:
        """Return 100 times the mean F-measure."""
        return percentage(summed[..., 0], summed[..., 1])
