"""How an encoder is fine-tuned: every value, with its reason, resolved before training starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tunecurve.learners.epochs import passes_over_rows


@dataclass(frozen=True)
class EncoderRecipe:
    """A resolved recipe.

    Attributes
    ----------
    epochs, n_steps, warmup_steps : int
        Passes, optimizer steps in all, steps of linear warm-up.
    batch_size : int
        Rows a step.
    learning_rate, head_learning_rate : float
        Peaks for the encoder and for its new head; both fall linearly to 0 after the warm-up.
    weight_decay, gradient_clip : float
        Of AdamW; largest gradient norm.
    """

    name: str
    epochs: int
    n_steps: int
    warmup_steps: int
    batch_size: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float = 0.01
    gradient_clip: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-able values."""
        return asdict(self)


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
    All weights are trained. Steps have a floor, as with language models: few rows get more passes, so that steps and
    data are not confounded (``passes_over_rows`` with 300 steps and 40 passes).
    """
    given = {key: value for key, value in settings.items() if value is not None}
    batch_size = given.get("batch_size", 16)
    rule = {key: given[key] for key in ("epochs", "min_steps", "max_epochs") if key in given}
    passes = {"min_steps": 300, "max_epochs": 40} | rule
    epochs = max(passes_over_rows(passes, n_examples, batch_size), given.get("epochs", 3))
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


def share_of_peak(recipe: EncoderRecipe, step: int) -> float:
    """Return the learning rate of a step (0-based) as a share of its peak: linear warm-up, then linear decay to 0."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    return (recipe.n_steps - step) / max(1, recipe.n_steps - recipe.warmup_steps)
