"""The metrics by name, and which ones a task is measured with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tunecurve.errors import SpecError, did_you_mean
from tunecurve.metrics.base import Metric
from tunecurve.metrics.bleu import Bleu
from tunecurve.metrics.chrf import Chrf
from tunecurve.metrics.classification import Accuracy, BalancedAccuracy, ClassRecall, MacroF1
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
from tunecurve.metrics.ner import EntityF1, EntityF1Partial, EntityPrecision, EntityRecall, TypeRecall
from tunecurve.metrics.rouge import Rouge

# The placeholders of masking, the classes of classification, the entity types of ner.
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
    "accuracy": lambda labels: Accuracy(labels),
    "macro_f1": lambda labels: MacroF1(labels),
    "balanced_accuracy": lambda labels: BalancedAccuracy(labels),
    "class_recall": lambda labels: ClassRecall(labels),
    "entity_f1": lambda labels: EntityF1(),
    "entity_f1_partial": lambda labels: EntityF1Partial(),
    "entity_precision": lambda labels: EntityPrecision(),
    "entity_recall": lambda labels: EntityRecall(),
    "type_recall": lambda labels: TypeRecall(labels),
    "rougeL": lambda labels: Rouge("rougeL"),
    "rouge1": lambda labels: Rouge("rouge1"),
    "rouge2": lambda labels: Rouge("rouge2"),
}

METRIC_NAMES = tuple(_BUILDERS)
# The first one of each task is its headline.
TASK_METRICS: dict[str, tuple[str, ...]] = {
    "masking": (
        "bleu",
        "chrf",
        "exact_match",
        "leak_documents",
        "leak_entities",
        "leak_entities_exact",
        "leak_entities_normalised",
        "leak_entities_digits",
        "label_accuracy",
        "over_masking",
        "text_fidelity",
        "invented_placeholders",
        "wrong_placeholder_style",
        "label_recall",
    ),
    "classification": ("accuracy", "macro_f1", "balanced_accuracy", "class_recall"),
    "ner": ("entity_f1", "entity_f1_partial", "entity_precision", "entity_recall", "type_recall"),
    "summarization": ("rougeL", "rouge1", "rouge2", "chrf"),
    "generation": ("bleu", "chrf", "exact_match"),
}
# The metric drawn under the primary one: the side of the task that the primary metric can hide.
SECOND_METRIC = {
    "masking": "leak_documents",
    "classification": "macro_f1",
    "ner": "entity_f1_partial",
    "summarization": "rouge1",
    "generation": "exact_match",
}
# The metric that says which label is missed (a `RecallByLabel`); tasks without labels have none.
RECALL_BY_LABEL = {"masking": "label_recall", "classification": "class_recall", "ner": "type_recall"}


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
