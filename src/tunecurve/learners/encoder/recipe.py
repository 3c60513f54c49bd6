"""How an encoder is fine-tuned: every value, with its reason, resolved before training starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tunecurve.learners.epochs import epochs_for
from tunecurve.learners.torch.recipe import TrainingRecipe


@dataclass(frozen=True, kw_only=True)
class EncoderRecipe(TrainingRecipe):
    """A resolved recipe; all weights are trained.

    Attributes
    ----------
    head_learning_rate : float
        Peak for the new head; `learning_rate` is the encoder's.
    """

    section: ClassVar[str] = "encoder"
    head_learning_rate: float
    weight_decay: float = 0.01


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
    data are not confounded (``epochs_for`` with 300 steps and 40 epochs).
    """
    given = {key: value for key, value in settings.items() if value is not None}
    batch_size = given.get("batch_size", 16)
    rule = {key: given[key] for key in ("epochs", "min_steps", "max_epochs") if key in given}
    epochs = max(
        epochs_for({"min_steps": 300, "max_epochs": 40} | rule, n_examples, batch_size), given.get("epochs", 3)
    )
    n_steps = epochs * math.ceil(n_examples / batch_size)
    learning_rate = given.get("learning_rate", 2e-4)
    return EncoderRecipe(
        name="encoder",
        epochs=epochs,
        n_steps=n_steps,
        warmup_steps=round(0.1 * n_steps),
        batch_size=batch_size,
        learning_rate=learning_rate,
        head_learning_rate=given.get("head_learning_rate", 10 * learning_rate),
    )
