"""Right answers seen through a learner: how improbable they are to it, and what of them it could not return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LossUnit = Literal["token", "word", "row"]


@dataclass(frozen=True)
class TargetLoss:
    """How improbable a row's right answer is to a model."""

    nats: float = 0.0
    """Minus the natural logarithm of the probability of the whole answer."""
    n_units: int = 0
    """Parts of the answer, see `Learner.loss_unit`."""
    left_out: str = ""
    """Why there is no loss, in a few words; empty where there is one."""


@dataclass(frozen=True)
class Loss:
    """Right answers that a step on the way from a model to its text does not let through whole."""

    step: str
    """The step, e.g. ``"answer cap"``."""
    rows: tuple[int, ...]
    """Places of the answers."""
    text: str
    """What is wrong with them, to be read behind their count: ``"test targets are longer than ..."``."""
    remedy: str = ""
    """What to do."""


@dataclass(frozen=True)
class RoundTrip:
    """The right answers as they would come back from a perfect model, and what was lost on the way."""

    texts: list[str]
    losses: tuple[Loss, ...] = ()
