"""TF-IDF with one logistic regression a label, each against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tunecurve.formats.label_sets import parse_labels
from tunecurve.learners.base import TargetLoss
from tunecurve.learners.baselines.tfidf import REGULARISATION, Head, TfidfLearner
from tunecurve.learners.label_thresholds import (
    MIDDLE,
    LabelSetLearner,
    choose_thresholds,
    indicators,
    losses_of_sets,
    n_held_out,
    sets_above,
    shares_of,
)
from tunecurve.prompts import Prompt

# Log odds of a label that all training rows have, or none of those that are fitted.
CERTAIN = 20.0


class TfidfLabelSets(LabelSetLearner, TfidfLearner):
    """A linear classifier a label over n-gram counts; thresholds come from a fifth of the rows, the fit from all."""

    def fit(self, features: Any, answers: Sequence[str]) -> tuple[np.ndarray, np.ndarray, Head, float]:
        """Return weights and bias by label, the labels with their thresholds, and the mean loss on the rows."""
        labels = sorted({label for answer in answers for label in parse_labels(answer)})
        gold = indicators(answers, labels)
        weights, bias = _one_against_rest(features, gold)
        head = Head(labels, self._thresholds(features, gold))
        losses = losses_of_sets(features @ weights.T + bias, answers, labels)
        return weights, bias, head, float(np.mean([loss.nats for loss in losses]))

    @staticmethod
    def _thresholds(features: Any, gold: np.ndarray) -> list[float]:
        """Return thresholds from a fit without the last fifth of the rows."""
        n_fitted = len(gold) - n_held_out(len(gold))
        if n_fitted == len(gold):
            return [MIDDLE] * gold.shape[1]
        weights, bias = _one_against_rest(features[:n_fitted], gold[:n_fitted])
        return choose_thresholds(shares_of(features[n_fitted:] @ weights.T + bias), gold[n_fitted:])

    def answers_of(self, scores: np.ndarray, head: Head) -> list[str]:
        """Return the sets of likely labels."""
        return sets_above(shares_of(scores), head.thresholds, head.classes)

    def losses_of(
        self, scores: np.ndarray, head: Head, prompts: Sequence[Prompt], targets: Sequence[str]
    ) -> list[TargetLoss]:
        """Return the losses of the right sets."""
        return losses_of_sets(scores, targets, head.classes)


def _one_against_rest(features: Any, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights, shape (labels, n-grams), and bias of one model a label; one that all rows or none have is certain."""
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((gold.shape[1], features.shape[1]))
    bias = np.where(gold.all(axis=0), CERTAIN, -CERTAIN)
    for number in np.flatnonzero(gold.any(axis=0) & ~gold.all(axis=0)):
        model = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(features, gold[:, number])
        weights[number], bias[number] = model.coef_[0], model.intercept_[0]
    return weights, bias
