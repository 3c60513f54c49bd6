"""How a local model is fine-tuned: every value, with its reason, resolved before training starts."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tunecurve.learners.epochs import passes_over_rows


@dataclass(frozen=True)
class Recipe:
    """A resolved recipe.

    Attributes
    ----------
    name : str
        Recipe it came from.
    epochs, n_steps, warmup_steps : int
        Passes, optimizer steps in all, steps of linear warm-up.
    batch_size : int
        Rows a step.
    learning_rate : float
        Peak; falls linearly to 0 after the warm-up.
    lora_rank, lora_alpha : int
        Of the adapters on all linear layers.
    weight_decay, gradient_clip, lora_dropout : float
        0, 1.0 and 0: with a few hundred steps on adapters, regularising them costs more than it gives.
    """

    name: str
    epochs: int
    n_steps: int
    warmup_steps: int
    batch_size: int
    learning_rate: float
    lora_rank: int
    lora_alpha: int
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    lora_dropout: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-able values."""
        return asdict(self)


def resolve_recipe(settings: dict[str, Any], n_examples: int, hidden_size: int) -> Recipe:
    """Return the recipe with every value filled in.

    Parameters
    ----------
    settings : dict
        Values of the study's recipe section; None means: by the named recipe.
    n_examples : int
        Training rows.
    hidden_size : int
        Width of the model; the learning rate shrinks with it.

    Notes
    -----
    ``default``: batch 8; ``epochs = clip(ceil(min_steps * 8 / n), 2, max_epochs)``; learning rate
    ``5e-5 * 10 * (2000 / hidden) ** 0.781 * sqrt(batch / 128)``, at most 1e-3 (the width rule is the one published
    with the Tinker cookbook, scaled to small batches). ``article``: 2 epochs, batch 4, 1e-4.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    name = given.get("name", "default")
    is_article = name == "article"
    batch_size = given.get("batch_size", 4 if is_article else 8)
    epochs = passes_over_rows(given, n_examples, batch_size)
    n_steps = epochs * math.ceil(n_examples / batch_size)
    by_width = min(1e-3, 5e-5 * 10 * (2000 / hidden_size) ** 0.781 * math.sqrt(batch_size / 128))
    return Recipe(
        name=name,
        epochs=epochs,
        n_steps=n_steps,
        warmup_steps=round(given.get("warmup_share", 0.05) * n_steps),
        batch_size=batch_size,
        learning_rate=given.get("learning_rate", 1e-4 if is_article else by_width),
        lora_rank=given.get("lora_rank", 16),
        lora_alpha=given.get("lora_alpha", 32),
        **{key: given[key] for key in ("weight_decay", "gradient_clip", "lora_dropout") if key in given},
    )


def learning_rate_at(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step (0-based): linear warm-up, then linear decay to 0."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    left = recipe.n_steps - step
    return recipe.learning_rate * left / max(1, recipe.n_steps - recipe.warmup_steps)
