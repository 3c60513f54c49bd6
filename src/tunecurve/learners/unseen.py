"""Classes that no training row has shown: what share of probability they are given, so that their loss is a number.

A model over k of K classes is asked with probability k / K; otherwise one of the others is guessed. All shares still add up
to 1, and a model that knows all classes keeps its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tunecurve.learners.losses import TargetLoss
from tunecurve.prompts import Prompt


class ClassShares:
    """The shares of a model's own classes among all classes of a study."""

    def __init__(self, known: Iterable[str], others: Iterable[str]) -> None:
        self.indices = {name: index for index, name in enumerate(known)}
        self.n_classes = len(self.indices.keys() | set(others))

    @property
    def nats_known(self) -> float:
        """What the loss of a known class rises by."""
        return math.log(self.n_classes / len(self.indices)) if self.indices else math.inf

    @property
    def nats_unknown(self) -> float:
        """The loss of a class that is not known."""
        return math.log(self.n_classes)


def class_losses(
    nats: np.ndarray, known: Sequence[str], prompts: Sequence[Prompt], targets: Sequence[str]
) -> list[TargetLoss]:
    """Return the losses of right classes; `nats` are those of the known classes, shape (rows, classes)."""
    gold = [target.strip() for target in targets]
    shares = ClassShares(known, {*gold, *(label for prompt in prompts for label in prompt.labels)})
    losses = [TargetLoss(shares.nats_unknown, 1)] * len(gold)
    for row, name in enumerate(gold):
        if name in shares.indices:
            losses[row] = TargetLoss(float(nats[row, shares.indices[name]]) + shares.nats_known, 1)
    return losses
