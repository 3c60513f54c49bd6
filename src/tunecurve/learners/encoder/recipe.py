"""How an encoder is fine-tuned: every value, with its reason, resolved before training starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from tunecurve.learners.development_settings import DevelopmentSettings
from tunecurve.learners.epochs import epochs_for
from tunecurve.learners.torch.recipe import TrainingRecipe

USUAL_LEARNING_RATE = 2e-4
# Of many rows; more are made of few.
FEWEST_EPOCHS = 3


@dataclass(frozen=True, kw_only=True)
class EncoderRecipe(TrainingRecipe):
    """A resolved recipe; all weights are trained."""

    section: ClassVar[str] = "encoder"
    head_learning_rate: float
    """Peak for the new head; `learning_rate` is the encoder's."""
    weight_decay: float = 0.01

    def at_rate(self, learning_rate: float) -> Self:
        """Return the recipe at another learning rate; that of the head changes alike."""
        factor = learning_rate / self.learning_rate
        return replace(self, learning_rate=learning_rate, head_learning_rate=factor * self.head_learning_rate)


def resolve_encoder_recipe(settings: Mapping[str, Any], n_examples: int) -> EncoderRecipe:
    """Return the recipe with every value filled in.

    Parameters
    ----------
    settings : mapping
        The study's encoder section; None means: as described here.
    n_examples : int
        Training rows.

    Notes
    -----
    All weights are trained. Steps have a floor, as with language models: few rows get more epochs, so that steps and
    data are not confounded (``epochs_for`` with 300 steps and 40 epochs, and 3 epochs at least where more are not forbidden).
    """
    given = {key: value for key, value in settings.items() if value is not None}
    batch_size = given.get("batch_size", 16)
    development = DevelopmentSettings.of(given, n_examples)
    n_trained = development.n_trained
    rule = {key: given[key] for key in ("epochs", "min_steps", "max_epochs") if key in given}
    fewest = given.get("epochs", min(FEWEST_EPOCHS, given.get("max_epochs", FEWEST_EPOCHS)))
    epochs = max(epochs_for({"min_steps": 300, "max_epochs": 40} | rule, n_trained, batch_size), fewest)
    n_steps = epochs * math.ceil(n_trained / batch_size)
    learning_rate = USUAL_LEARNING_RATE if given.get("learning_rate", "auto") == "auto" else given["learning_rate"]
    return EncoderRecipe(
        name="encoder",
        epochs=epochs,
        n_steps=n_steps,
        warmup_steps=round(0.1 * n_steps),
        batch_size=batch_size,
        learning_rate=learning_rate,
        head_learning_rate=given.get("head_learning_rate", 10 * learning_rate),
        development_share=development.share,
        tried_learning_rates=development.rates(learning_rate),
    )
