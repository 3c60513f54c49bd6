"""What a metric is: one row becomes a short vector, summed vectors become a score.

Because scores depend on rows only through a sum, a bootstrap over rows is one matrix product for every metric alike
(the idea is sacrebleu's). A metric knows nothing of models, prompts or files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunecurve.direction import Direction, better_end, sign_of
from tunecurve.errors import SpecError

FloatArray = NDArray[np.float64]
Reference = str | tuple[str, ...]


class Metric(ABC):
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
    is_smooth : bool
        Whether the score has no kink in its summed statistics. The intervals of a score that has one are not corrected for bias: the
        jackknife sees one there that the score does not have.

    Examples
    --------
    >>> class SameLength(Metric):
    ...     name, title = "same_length", "Same length"
    ...     signature = "same_length|version:1"
    ...
    ...     def statistics(self, prediction, reference, source):
    ...         return np.array([len(prediction) == len(reference), 1.0])
    ...
    ...     def score(self, summed):
    ...         return percentage(summed[..., 0], summed[..., 1])
    >>> corpus_score(SameLength(), ["Ann", "Bob"], ["Eve", "Robert"], ["", ""])
    50.0
    """

    name: str = ""
    title: str = ""
    direction: Direction = "max"
    score_range: tuple[float, float] = (0.0, 100.0)
    is_smooth: bool = True

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return sign_of(self.direction)

    @property
    def best_score(self) -> float:
        """The best possible score."""
        return better_end(self.score_range, self.direction)

    @property
    @abstractmethod
    def signature(self) -> str:
        """Everything that makes two scores comparable: tool, version, settings."""

    @abstractmethod
    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return the row's sufficient statistics, shape (d,)."""

    @abstractmethod
    def score(self, summed: FloatArray) -> FloatArray:
        """Return scores, shape (...), from summed statistics, shape (..., d); NaN where undefined."""

    @property
    def knows_several_references(self) -> bool:
        """Whether rows with several right answers are scored against all of them: `statistics_of_several` is written."""
        return type(self).statistics_of_several is not Metric.statistics_of_several

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return the row's sufficient statistics against one or more references, shape (d,); default: the first one."""
        return self.statistics(prediction, references[0], source)

    def row_weights(self, statistics: FloatArray) -> FloatArray:
        """Return what each row weighs in the score, shape (rows,), from shape (rows, d).

        Default: 1. A share of something that not every row holds one of weighs its rows by how much they hold of it.
        """
        return np.ones(len(statistics))

    def for_rows(self, references: Sequence[str], sources: Sequence[str]) -> Metric:
        """Return the metric that reads texts as these rows show it, where nobody told it how; default: itself."""
        return self


class ShareMetric(Metric):
    """A percentage whose statistics are [numerator, denominator], shape (2,); rows weigh by their denominators."""

    def row_weights(self, statistics: FloatArray) -> FloatArray:
        """Return the denominators, shape (rows,)."""
        return statistics[:, 1]

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the percentage."""
        return percentage(summed[..., 0], summed[..., 1])


def statistics_matrix(
    metric: Metric,
    predictions: Sequence[str],
    references: Sequence[Reference],
    sources: Sequence[str],
    places: Sequence[str] = (),
) -> FloatArray:
    """Return the statistics of all rows, shape (rows, d).

    Parameters
    ----------
    metric : Metric
        A row with several references is scored against all of them if the metric knows them, else against the first.
    predictions, sources : sequence of str
        Answers and inputs, shape (rows,).
    references : sequence of (str or tuple of str)
        The right answer of each row, or its right answers; rows may differ in their number.
    places : sequence of str, optional
        Where the rows stand, for messages.

    Raises
    ------
    ValueError
        For a row with no reference at all.
    SpecError
        For a row of which a metric of the user's own makes no number.
    """
    metric = metric.for_rows([one if isinstance(one, str) else "".join(one[:1]) for one in references], sources)
    rows = []
    for index, (prediction, reference, source) in enumerate(zip(predictions, references, sources, strict=True)):
        several = (reference,) if isinstance(reference, str) else tuple(reference)
        if not several:
            raise ValueError(f"row {index} has no reference; expected a text or a tuple of at least one text")
        try:
            if len(several) > 1:
                rows.append(metric.statistics_of_several(prediction, several, source))
            else:
                rows.append(metric.statistics(prediction, several[0], source))
        except SpecError as error:
            stands = f", {places[index]}" if index < len(places) and places[index] else ""
            raise SpecError(f"{error} (row {index + 1} of {len(predictions)}{stands})") from error
    return np.stack(rows)


def corpus_score(
    metric: Metric,
    predictions: Sequence[str],
    references: Sequence[Reference],
    sources: Sequence[str],
    places: Sequence[str] = (),
) -> float:
    """Return the metric's score over all rows; see `statistics_matrix` for the parameters."""
    return float(metric.score(statistics_matrix(metric, predictions, references, sources, places).sum(axis=0)))


def signature_for(metric: Metric, references: Sequence[Reference]) -> str:
    """Return the metric's signature, with what was made of several references.

    The number of references a row is written as sacrebleu does, ``nrefs:2`` or ``nrefs:var``; ``refs:first`` stands
    where the metric looked at the first one only. With one reference a row this is `Metric.signature`.
    """
    numbers = {1 if isinstance(reference, str) else len(reference) for reference in references}
    if numbers <= {1}:
        return metric.signature
    if not metric.knows_several_references:
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
