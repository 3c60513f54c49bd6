"""What jobs tell of their training, held against what was asked for: differences, passes of checkpoints, tokens."""

from __future__ import annotations

from typing import Any

from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.types import ProviderJob

# A token of ordinary text has at most 32 characters; beyond the square of this a number is nonsense.
MOST_TIMES_OFF = 8


def differences(recipe: dict[str, Any], job: ProviderJob, n_rows: int) -> list[str]:
    """Return where the provider trains otherwise than it was asked to, each as a phrase."""
    told = {**job.hyperparameters, **({"epochs": job.passes_made} if job.passes_made else {})}
    names = {"epochs": "passes", "batch_size": "rows a step", "learning_rate_multiplier": "learning rate multiplier",
             "adapter_size": "adapter size"}  # fmt: skip
    asked = {name: recipe.get(name) for name in names}
    rows = [f"{job.examples} rows instead of {n_rows}"] if job.examples and job.examples != n_rows else []
    return (
        rows
        + [
            f"{told[name]:g} {words} instead of {asked[name]:g}"
            for name, words in names.items()
            if name in told and asked[name] is not None and not _equal(told[name], float(asked[name] or 0))
        ]
        + list(job.remarks)
    )


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))


def passes_of_points(job: ProviderJob, epochs: int, n_steps: int | None) -> tuple[tuple[int, str], ...]:
    """Return pass and model of every checkpoint of a job that counts in steps.

    Providers keep the last few only, so that their order says nothing. The last step is that of the checkpoint that is the
    tuned model itself, else as many as the recipe makes; where no step is beyond the passes, passes are what is counted.
    """
    points = sorted(point for point in job.points if point[0] > 0 and point[1])
    if not points:
        return job.checkpoints
    last = next((step for step, model in points if model == job.tuned_model), None)
    if last is None:
        most = points[-1][0]
        last = epochs if most <= epochs else max(most, n_steps or 0)
    passes = {max(1, min(epochs, round(step * epochs / last))): model for step, model in points}
    return tuple(sorted(passes.items()))


def tokens_of(job: ProviderJob, about: float) -> int | None:
    """Return the tokens that the provider bills, None where it tells none or nonsense.

    Parameters
    ----------
    job : ProviderJob
        As told.
    about : float
        As counted here, at four characters a token.
    """
    told = whole_number(job.tokens_billed)
    return told if told and about / MOST_TIMES_OFF <= told <= about * MOST_TIMES_OFF**2 else None
