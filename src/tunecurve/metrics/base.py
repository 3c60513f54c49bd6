"""What a metric is: one row becomes a short vector, summed vectors become a score.

Because scores depend on rows only through a sum, a bootstrap over rows is one matrix product for every metric alike
(the idea is sacrebleu's). A metric knows nothing of models, prompts or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Direction = Literal["max", "min"]


@runtime_checkable
class Metric(Protocol):
    """A score of predictions against references, built from per-row sufficient statistics.

    Attributes
    ----------
    name : str
        Short name used in files and options, e.g. ``"bleu"``.
    title : str
        Name for people, e.g. ``"BLEU"``.
    direction : {"max", "min"}
        Whether more or less is better.
    score_range : tuple of float
        Smallest and largest possible score.
    signature : str
        Everything that makes two scores comparable: tool, version, settings.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def direction(self) -> Direction: ...

    @property
    def score_range(self) -> tuple[float, float]: ...

    @property
    def signature(self) -> str: ...

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's sufficient statistics, shape (d,)."""
        ...

    def score(self, summed: FloatArray) -> FloatArray:
        """Return scores, shape (...), from summed statistics, shape (..., d); NaN where undefined."""
        ...


def statistics_matrix(
    metric: Metric, predictions: Sequence[str], references: Sequence[str], sources: Sequence[str]
) -> FloatArray:
    """Return the statistics of all rows, shape (rows, d)."""
    rows = zip(predictions, references, sources, strict=True)
    return np.stack([metric.statistics(prediction, reference, source) for prediction, reference, source in rows])


def corpus_score(
    metric: Metric, predictions: Sequence[str], references: Sequence[str], sources: Sequence[str]
) -> float:
    """Return the metric's score over all rows."""
    return float(metric.score(statistics_matrix(metric, predictions, references, sources).sum(axis=0)))


def percentage(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return ``100 * numerator / denominator``, NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, 100.0 * numerator / denominator, np.nan)
