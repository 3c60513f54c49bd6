"""What each tuning service takes and refuses, as its documents say: rows, epochs, rows a step, adapters, learning rates.

Read in November 2026 from the services' own pages (docs/hosted.md names them); nothing of it was tried against a real
account. What a document does not say is not limited here: the service then refuses, and says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tunecurve.errors import ModelError
from tunecurve.learners.hosted.ledger.job_rows import TuningRecipe

# The step rule needs rows a step: those of local training, which services that take them are told to use.
USUAL_BATCH = 8


@dataclass(frozen=True)
class TuningManner:
    """What a service takes."""

    service: str
    """Its name, for people."""
    fewest_rows: int = 1
    most_rows: int = 10**9
    """Training rows of one job."""
    takes_batch_size: bool = False
    """Whether it is told how many rows make a step."""
    most_epochs: int | None = None
    """Where the service limits them."""
    takes_multiplier: bool = True
    """Whether it takes a multiplier of its own learning rate."""
    takes_learning_rate: bool = False
    """Whether it takes a learning rate itself."""
    adapter_sizes: tuple[int, ...] = ()
    """Ranks that can be asked for; empty: none can."""
    remark: str = ""
    """What people should know before they compare its curves with others."""


_MANNERS = {
    "openai": TuningManner("OpenAI's format", fewest_rows=10, takes_batch_size=True),
    "azure": TuningManner("Azure AI Foundry", fewest_rows=10, takes_batch_size=True),
    "vertex": TuningManner("Vertex AI", adapter_sizes=(1, 2, 4, 8, 16)),
    # Its learning_rate_multiplier is read as the learning rate itself, so that a multiplier must never be sent.
    "nebius": TuningManner(
        "Nebius Token Factory", takes_batch_size=True, takes_multiplier=False, adapter_sizes=(8, 16)
    ),
    "fireworks": TuningManner(
        "Fireworks", fewest_rows=3, most_rows=3_000_000, takes_batch_size=True, takes_multiplier=False,
        adapter_sizes=(8, 16),
    ),
    # Rows are packed into sequences, so that the rows of a step are not those that are asked for.
    "together": TuningManner(
        "Together", takes_multiplier=False, takes_learning_rate=True, adapter_sizes=(8, 16),
        remark="packs rows, so that small sizes are trained for few steps whatever the epochs, at a learning rate of its own "
        "(1e-5, it says; hosted.together.learning_rate sets another one): a flat curve may be one of too little training",
    ),
    "bedrock": TuningManner("Amazon Bedrock", takes_multiplier=False, most_epochs=5),
}  # fmt: skip
# Models that Amazon serves on demand once they are tuned (user guide, "Deploy a custom model for on-demand inference"); Meta's
# take more epochs than its own.
SERVED_ON_DEMAND = re.compile(r"amazon\.nova-(micro|lite|pro|2-lite)|meta\.llama3-3-70b")
_MANY_PASSES = re.compile(r"(^|\.)meta\.llama")


def manner_of(backend: str, model: str = "") -> TuningManner:
    """Return what a service takes for a model."""
    manner = _MANNERS[backend]
    if backend != "bedrock":
        return manner
    most = 10 if _MANY_PASSES.search(model) else 5
    if SERVED_ON_DEMAND.search(model):
        remark = f"makes at most {most} epochs, so that small sizes are trained for fewer steps than elsewhere"
    else:
        remark = (
            "serves it on demand only as it is: tuned, it would answer from throughput bought by the hour, which is not bought "
            "here, so that it is prompted only"
        )
    return replace(manner, most_epochs=most, remark=remark)


def check_manner(backend: str, model: str, n_rows: int, recipe: TuningRecipe) -> None:
    """Refuse rows and settings that the service does not take.

    Raises
    ------
    ModelError
        With the setting, and what is taken.
    """
    manner = manner_of(backend, model)
    if n_rows < manner.fewest_rows:
        raise ModelError(
            f"{n_rows} rows are fewer than the {manner.fewest_rows} that one job of {manner.service} takes; raise --train-sizes"
        )
    if n_rows > manner.most_rows:
        raise ModelError(f"{n_rows} rows are more than the {manner.most_rows:,} that one job of {manner.service} takes")
    epochs = recipe.epochs
    if manner.most_epochs is not None and epochs > manner.most_epochs:
        raise ModelError(
            f"{epochs} epochs are more than the {manner.most_epochs} that {manner.service} makes of '{model}'; lower "
            "recipe.epochs, or leave it unset"
        )
    if recipe.learning_rate_multiplier is not None and not manner.takes_multiplier:
        raise ModelError(
            f"{manner.service} takes no multiplier of its learning rate; leave hosted.learning_rate_multiplier unset"
        )
    size = recipe.adapter_size
    if size is not None and size not in manner.adapter_sizes:
        sizes = ", ".join(map(str, manner.adapter_sizes))
        raise ModelError(f"an adapter of rank {size} is none of those asked of {manner.service} ({sizes})")
