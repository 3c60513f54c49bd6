"""The metrics by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tunecurve.errors import SpecError, did_you_mean
from tunecurve.metrics.base import Metric
from tunecurve.metrics.bleu import Bleu
from tunecurve.metrics.chrf import Chrf
from tunecurve.metrics.classification import Accuracy, BalancedAccuracy, ClassRecall, MacroF1
from tunecurve.metrics.exact_match import ExactMatch
from tunecurve.metrics.extraction import (
    ExactObject,
    FieldF1,
    FieldMacroF1,
    FieldPrecision,
    FieldRecall,
    RecallOfFields,
    ValidJson,
)
from tunecurve.metrics.masking import (
    InventedPlaceholders,
    LabelAccuracy,
    LabelRecall,
    LeakingDocuments,
    LeakingEntities,
    LeakingPartsDocuments,
    LeakingPartsEntities,
    OverMasking,
    TextFidelity,
    Unanswered,
    WrongPlaceholderStyle,
)
from tunecurve.metrics.multilabel import LabelMacroF1, MicroF1, RecallOfLabels, SubsetAccuracy
from tunecurve.metrics.ner import EntityF1, EntityF1Partial, EntityPrecision, EntityRecall, TypeRecall
from tunecurve.metrics.own import own_metric
from tunecurve.metrics.rouge import Rouge
from tunecurve.metrics.settings import MetricSettings
from tunecurve.metrics.sql import SqlExact, SqlExecution, SqlFailing, SqlTooMuch
from tunecurve.own_code import is_reference

_BUILDERS: dict[str, Callable[[MetricSettings], Metric]] = {
    "bleu": lambda settings: Bleu(settings.bleu_tokenizer),
    "chrf": lambda settings: Chrf(),
    "exact_match": lambda settings: ExactMatch(),
    "leak_documents": lambda settings: LeakingDocuments(settings.placeholders),
    "leak_entities": lambda settings: LeakingEntities("any", settings.placeholders),
    "leak_entities_exact": lambda settings: LeakingEntities("exact", settings.placeholders),
    "leak_entities_normalised": lambda settings: LeakingEntities("normalised", settings.placeholders),
    "leak_entities_digits": lambda settings: LeakingEntities("digits", settings.placeholders),
    "leak_parts_documents": lambda settings: LeakingPartsDocuments(settings.placeholders),
    "leak_parts_entities": lambda settings: LeakingPartsEntities(settings.placeholders),
    "unanswered": lambda settings: Unanswered(),
    "label_accuracy": lambda settings: LabelAccuracy(settings.placeholders),
    "over_masking": lambda settings: OverMasking(settings.placeholders),
    "text_fidelity": lambda settings: TextFidelity(settings.placeholders),
    "invented_placeholders": lambda settings: InventedPlaceholders(settings.labels, settings.placeholders),
    "wrong_placeholder_style": lambda settings: WrongPlaceholderStyle(settings.labels, settings.placeholders),
    "label_recall": lambda settings: LabelRecall(settings.labels, settings.placeholders),
    "accuracy": lambda settings: Accuracy(settings.labels),
    "macro_f1": lambda settings: MacroF1(settings.labels, settings.unseen_labels),
    "balanced_accuracy": lambda settings: BalancedAccuracy(settings.labels, settings.unseen_labels),
    "class_recall": lambda settings: ClassRecall(settings.labels),
    "entity_f1": lambda settings: EntityF1(),
    "entity_f1_partial": lambda settings: EntityF1Partial(),
    "entity_precision": lambda settings: EntityPrecision(),
    "entity_recall": lambda settings: EntityRecall(),
    "type_recall": lambda settings: TypeRecall(settings.labels),
    "label_micro_f1": lambda settings: MicroF1(settings.labels),
    "label_macro_f1": lambda settings: LabelMacroF1((*settings.labels, *settings.unseen_labels)),
    "subset_accuracy": lambda settings: SubsetAccuracy(settings.labels),
    "recall_of_labels": lambda settings: RecallOfLabels(settings.labels),
    "field_f1": lambda settings: FieldF1(settings.labels),
    "field_macro_f1": lambda settings: FieldMacroF1((*settings.labels, *settings.unseen_labels)),
    "field_precision": lambda settings: FieldPrecision(settings.labels),
    "field_recall": lambda settings: FieldRecall(settings.labels),
    "exact_object": lambda settings: ExactObject(),
    "valid_json": lambda settings: ValidJson(),
    "recall_of_fields": lambda settings: RecallOfFields(settings.labels),
    "sql_exact": lambda settings: SqlExact(settings.sql),
    "sql_execution": lambda settings: SqlExecution(settings.sql),
    "sql_failing": lambda settings: SqlFailing(settings.sql),
    "sql_too_much": lambda settings: SqlTooMuch(settings.sql),
    "rougeL": lambda settings: Rouge("rougeL", settings.rouge_tokenizer),
    "rouge1": lambda settings: Rouge("rouge1", settings.rouge_tokenizer),
    "rouge2": lambda settings: Rouge("rouge2", settings.rouge_tokenizer),
}

METRIC_NAMES = tuple(_BUILDERS)


def build_metrics(names: Iterable[str], settings: MetricSettings | None = None) -> list[Metric]:
    """Return the metrics with these names, the user's own among them; default: no labels, else as for English.

    Raises
    ------
    SpecError
        For an unknown name, and for code that may not be loaded or is no metric.
    """
    metrics: list[Metric] = []
    settings = settings or MetricSettings()
    for name in names:
        if is_reference(name):
            metrics.append(own_metric(name))
            continue
        if name not in _BUILDERS:
            raise SpecError(
                f"unknown metric '{name}'; expected one of {', '.join(METRIC_NAMES)}.{did_you_mean(name, METRIC_NAMES)}"
            )
        metrics.append(_BUILDERS[name](settings))
    return metrics
