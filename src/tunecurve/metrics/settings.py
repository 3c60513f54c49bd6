"""What metrics are told about the data set that they score."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.metrics.placeholders import CLASSIC, PlaceholderForm


@dataclass(frozen=True)
class MetricSettings:
    """How the texts of a data set are to be read, the same for all its trials.

    Attributes
    ----------
    labels : tuple of str
        The placeholders of masking, the classes of classification, the entity types of ner.
    placeholders : PlaceholderForm
        How placeholders of masking are written.
    """

    labels: tuple[str, ...] = ()
    placeholders: PlaceholderForm = CLASSIC
