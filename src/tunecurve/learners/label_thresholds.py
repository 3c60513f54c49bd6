"""From probabilities of labels to sets of labels: thresholds, chosen on rows that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunecurve.formats.label_sets import format_labels, parse_labels
from tunecurve.learners.base import Learner, Loss, RoundTrip, TargetLoss
from tunecurve.prompts import Prompt, TuningExample

HELD_OUT_SHARE = 0.2
# Of fewer rows a threshold is a guess, and the middle is a better one.
FEWEST_EXAMPLES = 10
# From so many held-out rows with a label on, it has a threshold of its own.
FEWEST_POSITIVES = 10
MIDDLE = 0.5
CANDIDATES = np.arange(1, 20) / 20
UNKNOWN_LABEL = "a label that no training row has"

Shares = NDArray[np.floating]


class LabelSetLearner(Learner):
    """What learners share that answer with sets of labels of the training targets."""

    def identity(self) -> dict[str, object]:
        """Return what determines the answers, and that they are sets."""
        return super().identity() | {"answers": "labels"}  # type: ignore[safe-super]  # of the learner beside it

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Return the right sets as far as training rows have their labels."""
        known = {label for example in examples for label in parse_labels(example.answer)}
        sets = [parse_labels(target) for target in targets]
        lost = tuple(row for row, labels in enumerate(sets) if not known.issuperset(labels))
        kept = [
            format_labels(known.intersection(labels)) if row in lost else targets[row]
            for row, labels in enumerate(sets)
        ]
        what = "test rows have a label that no training row has"
        return RoundTrip(kept, (Loss("labels", lost, what, "label rows of it, or leave it out"),) if lost else ())


def n_held_out(n_examples: int) -> int:
    """Return how many of the training rows the thresholds are chosen on; none where there are few."""
    return round(HELD_OUT_SHARE * n_examples) if n_examples >= FEWEST_EXAMPLES else 0


def indicators(targets: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Return which labels stand in which targets, shape (rows, labels)."""
    sets = [set(parse_labels(target)) for target in targets]
    return np.array([[label in one for label in labels] for one in sets], dtype=bool).reshape(len(sets), len(labels))


def choose_thresholds(shares: Shares, gold: NDArray[np.bool_]) -> list[float]:
    """Return a threshold for each label: the one with the best F1 over all labels, or of the label where it has rows enough.

    Parameters
    ----------
    shares : array, shape (rows, labels)
        Probabilities.
    gold : array of bool, shape (rows, labels)
        Which labels are right.
    """
    if not gold.any():
        return [MIDDLE] * shares.shape[1]
    common = _best(shares, gold)
    enough = gold.sum(axis=0) >= FEWEST_POSITIVES
    return [_best(shares[:, [n]], gold[:, [n]]) if enough[n] else common for n in range(shares.shape[1])]


def _best(shares: Shares, gold: NDArray[np.bool_]) -> float:
    """Return the threshold with the best F1; of equally good ones that nearest to the middle."""

    def f1(threshold: float) -> float:
        predicted = shares >= threshold
        return 2.0 * float((predicted & gold).sum()) / float(predicted.sum() + gold.sum())

    return float(max(CANDIDATES, key=lambda threshold: (f1(threshold), -abs(threshold - MIDDLE))))


def shares_of(scores: Shares) -> Shares:
    """Return the probabilities that log odds stand for."""
    return np.exp(-np.logaddexp(0.0, -scores))


def sets_above(shares: Shares, thresholds: Sequence[float], labels: Sequence[str]) -> list[str]:
    """Return the set of every row as text."""
    chosen = shares >= np.asarray(thresholds)
    return [format_labels(label for label, is_in in zip(labels, row, strict=True) if is_in) for row in chosen]


def losses_of_sets(scores: Shares, targets: Sequence[str], labels: Sequence[str]) -> list[TargetLoss]:
    """Return the loss of every right set: of independent labels, from their log odds, shape (rows, labels)."""
    gold = indicators(targets, labels)
    nats = np.logaddexp(0.0, np.where(gold, -scores, scores)).sum(axis=1)
    known = set(labels)
    return [
        TargetLoss(float(loss), 1) if known.issuperset(parse_labels(target)) else TargetLoss(left_out=UNKNOWN_LABEL)
        for loss, target in zip(nats, targets, strict=True)
    ]
