"""The metrics by name, and which ones a task is measured with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tunecurve.errors import SpecError, did_you_mean
from tunecurve.metrics.base import Metric
from tunecurve.metrics.bleu import Bleu
from tunecurve.metrics.chrf import Chrf
from tunecurve.metrics.exact_match import ExactMatch
from tunecurve.metrics.masking import (
    InventedPlaceholders,
    LabelAccuracy,
    LabelRecall,
    LeakingDocuments,
    LeakingEntities,
    OverMasking,
    TextFidelity,
    WrongPlaceholderStyle,
)

Labels = Sequence[str]

_BUILDERS: dict[str, Callable[[Labels], Metric]] = {
    "bleu": lambda labels: Bleu(),
    "chrf": lambda labels: Chrf(),
    "exact_match": lambda labels: ExactMatch(),
    "leak_documents": lambda labels: LeakingDocuments(),
    "leak_entities": lambda labels: LeakingEntities(),
    "leak_entities_exact": lambda labels: LeakingEntities("exact"),
    "leak_entities_normalised": lambda labels: LeakingEntities("normalised"),
    "leak_entities_digits": lambda labels: LeakingEntities("digits"),
    "label_accuracy": lambda labels: LabelAccuracy(),
    "over_masking": lambda labels: OverMasking(),
    "text_fidelity": lambda labels: TextFidelity(),
    "invented_placeholders": lambda labels: InventedPlaceholders(labels),
    "wrong_placeholder_style": lambda labels: WrongPlaceholderStyle(labels),
    "label_recall": lambda labels: LabelRecall(labels),
}

METRIC_NAMES = tuple(_BUILDERS)
TASK_METRICS: dict[str, tuple[str, ...]] = {
    "masking": METRIC_NAMES,
    "generation": ("bleu", "chrf", "exact_match"),
}
# The metric drawn under the primary one: the side of the task that the primary metric can hide.
SECOND_METRIC = {"masking": "leak_documents", "generation": "exact_match"}


def build_metrics(names: Iterable[str], labels: Labels = ()) -> list[Metric]:
    """Return the metrics with these names.

    Parameters
    ----------
    names : iterable of str
        Names out of `METRIC_NAMES`.
    labels : sequence of str
        The task's label set, for the metrics that need one.

    Raises
    ------
    SpecError
        For an unknown name.
    """
    metrics = []
    for name in names:
        if name not in _BUILDERS:
            raise SpecError(
                f"unknown metric '{name}'; expected one of {', '.join(METRIC_NAMES)}.{did_you_mean(name, METRIC_NAMES)}"
            )
        metrics.append(_BUILDERS[name](labels))
    return metrics
