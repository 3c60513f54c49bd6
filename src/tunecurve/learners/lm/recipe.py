"""How a local model is fine-tuned: every value, with its reason, resolved before training starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tunecurve.learners.development_settings import DevelopmentSettings
from tunecurve.learners.epochs import epochs_for
from tunecurve.learners.torch.recipe import TrainingRecipe

USUAL_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Recipe(TrainingRecipe):
    """A resolved recipe; weight decay and dropout are 0: with a few hundred steps on adapters, they cost more than they give."""

    lora_rank: int
    lora_alpha: int
    lora_dropout: float = 0.0
    """Of the adapters on all linear layers."""


def resolve_recipe(settings: dict[str, Any], n_examples: int, hidden_size: int) -> Recipe:
    """Return the recipe with every value filled in that is None; the learning rate shrinks with the model's width.

    Notes
    -----
    ``default``: batch 8; ``epochs = clip(ceil(min_steps * 8 / n), 2, max_epochs)``; learning rate
    ``5e-5 * 10 * (2000 / hidden) ** 0.781``, at most 1e-3 (the width rule is the one published with the Tinker cookbook; measured on
    SmolLM2-135M alone, whose rate is 1e-3), times ``sqrt(batch / 8)`` for smaller batches. ``article``: 2 epochs, batch 4, 1e-4.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    name = given.get("name", "default")
    is_article = name == "article"
    batch_size = given.get("batch_size", 4 if is_article else USUAL_BATCH)
    development = DevelopmentSettings.of(given, n_examples)
    epochs = epochs_for(given, development.n_trained, batch_size)
    n_steps = epochs * math.ceil(development.n_trained / batch_size)
    by_width = min(1e-3, 5e-5 * 10 * (2000 / hidden_size) ** 0.781) * min(1.0, math.sqrt(batch_size / USUAL_BATCH))
    usual = 1e-4 if is_article else by_width
    learning_rate = usual if given.get("learning_rate", "auto") == "auto" else given["learning_rate"]
    return Recipe(
        name=name,
        epochs=epochs,
        n_steps=n_steps,
        warmup_steps=round(given.get("warmup_share", 0.05) * n_steps),
        batch_size=batch_size,
        learning_rate=learning_rate,
        development_share=development.share,
        tried_learning_rates=development.rates(learning_rate),
        lora_rank=given.get("lora_rank", 16),
        lora_alpha=given.get("lora_alpha", 32),
        **{key: given[key] for key in ("weight_decay", "gradient_clip", "lora_dropout") if key in given},
    )
