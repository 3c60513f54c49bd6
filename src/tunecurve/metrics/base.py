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
Reference = str | tuple[str, ...]


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


@runtime_checkable
class SeveralReferences(Protocol):
    """What a metric offers beside `Metric` if it knows rows with several right answers."""

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return the row's sufficient statistics against one or more references, shape (d,)."""
        ...


@runtime_checkable
class ShareOfParts(Protocol):
    """What a metric offers beside `Metric` if it is a share of something that not every row holds one of."""

    def n_parts(self, statistics: FloatArray) -> FloatArray:
        """Return how much each row holds of what the score is a share of, shape (rows,), from shape (rows, d)."""
        ...


@runtime_checkable
class ReadsDataSet(Protocol):
    """What a metric offers beside `Metric` if it reads texts as the rows show it, where nobody told it how."""

    def for_rows(self, references: Sequence[str], sources: Sequence[str]) -> Metric:
        """Return the metric that reads these rows; itself where it was told how."""
        ...


def row_weights(metric: Metric, statistics: FloatArray) -> FloatArray:
    """Return what each row weighs in the score, shape (rows,): its parts for a `ShareOfParts`, else 1."""
    return metric.n_parts(statistics) if isinstance(metric, ShareOfParts) else np.ones(len(statistics))


def statistics_matrix(
    metric: Metric, predictions: Sequence[str], references: Sequence[Reference], sources: Sequence[str]
) -> FloatArray:
    """Return the statistics of all rows, shape (rows, d).

    Parameters
    ----------
    metric : Metric
        A row with several references is scored against all of them if the metric is `SeveralReferences`, else against
        the first.
    predictions, sources : sequence of str
        Answers and inputs, shape (rows,).
    references : sequence of (str or tuple of str)
        The right answer of each row, or its right answers; rows may differ in their number.

    Raises
    ------
    ValueError
        For a row with no reference at all.
    """
    if isinstance(metric, ReadsDataSet):
        metric = metric.for_rows([one if isinstance(one, str) else "".join(one[:1]) for one in references], sources)
    knows_several = isinstance(metric, SeveralReferences)
    rows = []
    for index, (prediction, reference, source) in enumerate(zip(predictions, references, sources, strict=True)):
        several = (reference,) if isinstance(reference, str) else tuple(reference)
        if not several:
            raise ValueError(f"row {index} has no reference; expected a text or a tuple of at least one text")
        if knows_several and len(several) > 1:
            rows.append(metric.statistics_of_several(prediction, several, source))  # type: ignore[attr-defined]
        else:
            rows.append(metric.statistics(prediction, several[0], source))
    return np.stack(rows)


def corpus_score(
    metric: Metric, predictions: Sequence[str], references: Sequence[Reference], sources: Sequence[str]
) -> float:
    """Return the metric's score over all rows; see `statistics_matrix` for the parameters."""
    return float(metric.score(statistics_matrix(metric, predictions, references, sources).sum(axis=0)))


def signature_for(metric: Metric, references: Sequence[Reference]) -> str:
    """Return the metric's signature, with what was made of several references.

    The number of references a row is written as sacrebleu does, ``nrefs:2`` or ``nrefs:var``; ``refs:first`` stands
    where the metric looked at the first one only. With one reference a row this is `Metric.signature`.
    """
    numbers = {1 if isinstance(reference, str) else len(reference) for reference in references}
    if numbers <= {1}:
        return metric.signature
    if not isinstance(metric, SeveralReferences):
        return f"{metric.signature}|refs:first"
    number = f"nrefs:{numbers.pop() if len(numbers) == 1 else 'var'}"
    fields = metric.signature.split("|")
    return "|".join(number if field == "nrefs:1" else field for field in fields) + (
        "" if "nrefs:1" in fields else f"|{number}"
    )


def percentage(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return ``100 * numerator / denominator``, NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, 100.0 * numerator / denominator, np.nan)
