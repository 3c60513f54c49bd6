"""How well entities are found: type and surface of each, in any order, as multisets.

Types are compared without case, surfaces with it, both in one canonical Unicode form. Targets and answers are texts
(`entities.py`); there are no offsets in them, so two mentions of one name are told apart by their number alone.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable

import numpy as np

from tunecurve.formats.entities import Entity, normalise_whitespace, parse_entities
from tunecurve.formats.folding import compose
from tunecurve.formats.segmentation import words
from tunecurve.metrics.base import FloatArray, Metric, percentage
from tunecurve.metrics.recall import RecallByLabel

PARTIAL_CREDIT = 0.5


@functools.lru_cache(maxsize=16384)
def entity_counts(text: str) -> Counter[Entity]:
    """Return how often each entity stands in the text, types in lower case; do not change the result."""
    return Counter((entity_type.casefold(), surface) for entity_type, surface in parse_entities(compose(text)))


@functools.lru_cache(maxsize=8192)
def matches(prediction: str, reference: str) -> tuple[int, int, int, int]:
    """Return how many entities match (exactly, in part only), and how many were predicted and gold."""
    predicted, gold = entity_counts(prediction), entity_counts(reference)
    exact = predicted & gold
    partial = _partial_matches(predicted - exact, gold - exact)
    return exact.total(), partial, predicted.total(), gold.total()


def _partial_matches(predicted: Counter[Entity], gold: Counter[Entity]) -> int:
    """Return the number of pairs of one type that share words, the pair that shares most paired first.

    Pairs are ranked by what they say alone, so that the order of entities cannot matter.
    """
    pairs = [
        (-shared, gold_entity, predicted_entity)
        for gold_entity in gold
        for predicted_entity in predicted
        if gold_entity[0] == predicted_entity[0] != ""
        and (shared := _shared_words(gold_entity[1], predicted_entity[1]))
    ]
    free_predicted, free_gold = Counter(predicted), Counter(gold)
    found = 0
    for _, gold_entity, predicted_entity in sorted(pairs):
        number = min(free_gold[gold_entity], free_predicted[predicted_entity])
        free_gold[gold_entity] -= number
        free_predicted[predicted_entity] -= number
        found += number
    return found


def _shared_words(first: str, second: str) -> int:
    return (Counter(words(first)) & Counter(words(second))).total()


class _EntityScore(Metric):
    """Micro-averaged over all entities of all rows; statistics are [credit, predicted, gold], shape (3,)."""

    @property
    def signature(self) -> str:
        """Return name and version of the definition."""
        return f"{self.name}|types:no-case|surfaces:case|avg:micro|v1"

    def credit(self, exact: int, partial: int) -> float:
        """Return what the matches of a row count."""
        return float(exact)

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return credit of the matches, entities predicted, gold entities."""
        exact, partial, predicted, gold = matches(prediction, reference)
        return np.array([self.credit(exact, partial), predicted, gold], dtype=np.float64)

    def row_weights(self, statistics: FloatArray) -> FloatArray:
        """Return the entities predicted and in gold, shape (rows,): a row without any does not count."""
        return statistics[:, 1] + statistics[:, 2]


class EntityF1(_EntityScore):
    """F1 of entities whose type and surface are both right."""

    name, title = "entity_f1", "Entity F1"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return ``200 * credit / (predicted + gold)``; NaN where neither holds an entity."""
        return percentage(2.0 * summed[..., 0], summed[..., 1] + summed[..., 2])


class EntityF1Partial(EntityF1):
    """F1 in which an entity of the right type that shares words with the gold surface counts half.

    References
    ----------
    The 0.5 for a partial match is MUC's (Chinchor and Sundheim, "MUC-5 Evaluation Metrics", 1993), used again by
    SemEval-2013 task 9 (Segura-Bedmar et al. 2013). With texts instead of offsets, overlap is shared words.
    """

    name, title = "entity_f1_partial", "Entity F1, partial"

    @property
    def signature(self) -> str:
        """Return name, credit and version of the definition."""
        return f"{self.name}|types:no-case|surfaces:case|avg:micro|partial:{PARTIAL_CREDIT}|v1"

    def credit(self, exact: int, partial: int) -> float:
        """Return the exact matches and half of the partial ones."""
        return exact + PARTIAL_CREDIT * partial


class EntityPrecision(_EntityScore):
    """Of the predicted entities, the percentage whose type and surface are right."""

    name, title = "entity_precision", "Entity precision"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return right over predicted entities; NaN where none is predicted."""
        return percentage(summed[..., 0], summed[..., 1])


class EntityRecall(_EntityScore):
    """Of the gold entities, the percentage found with the right type and surface."""

    name, title = "entity_recall", "Entity recall"

    def score(self, summed: FloatArray) -> FloatArray:
        """Return right over gold entities; NaN where there is no gold entity."""
        return percentage(summed[..., 0], summed[..., 2])


class TypeRecall(RecallByLabel):
    """Recall by type: of the gold entities of a type, the percentage found with type and surface; types in lower case."""

    name, title = "type_recall", "Type recall"

    def label_key(self, label: str) -> str:
        """Return the type in lower case, whitespace normalised."""
        return normalise_whitespace(compose(label)).casefold()

    def findings(self, prediction: str, reference: str, source: str) -> Iterable[tuple[str, bool]]:
        """Yield (type, found) for each gold entity."""
        predicted = entity_counts(prediction)
        for entity, number in entity_counts(reference).items():
            for copy in range(number):
                yield entity[0], copy < predicted[entity]
