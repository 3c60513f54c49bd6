"""Which of a provider's jobs is the one that a claim in the ledger has made, and what it tells of its training."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.learners.hosted.ledger.job_rows import JobRow, ProviderJob
from tunecurve.learners.hosted.transport.usage import whole_number

# A token of ordinary text has at most 32 characters; beyond the square of this a number is nonsense.
MOST_TIMES_OFF = 8
# How far the clocks of this machine and of the provider may differ.
CLOCK_SECONDS = 300.0


def find_ours(jobs: Sequence[ProviderJob], row: JobRow) -> ProviderJob | None:
    """Return the job that a claim in the ledger has made, by the first of these that any job carries: our key, our suffix,
    our training file; else the one job of this model that was made at that time and carries nothing of its own.

    Parameters
    ----------
    jobs : sequence of ProviderJob
        The account's jobs that the ledger does not know by another key.
    row : JobRow
        The claim.
    """
    for job in jobs:
        if job.is_of(row.key):
            return job
    bare = [job for job in jobs if job.key is None and not job.suffix]
    for job in bare:
        if row.training_file and job.training_file == row.training_file:
            return job
    claimed = row.claimed_at
    made_then = [
        job
        for job in bare
        if claimed is not None
        and job.training_file is None
        and job.created_at is not None
        and abs(job.created_at - claimed) <= CLOCK_SECONDS
        and same_model(job.base_model, row.model)
        and job.hyperparameters.get("epochs") in (None, row.recipe.epochs)
    ]
    return made_then[0] if len(made_then) == 1 else None


def doubles_of(jobs: Sequence[ProviderJob], row: JobRow) -> list[ProviderJob]:
    """Return the jobs beside a claim's own one that carry its mark: a server, or a proxy, made more than one of a creation.

    Parameters
    ----------
    jobs : sequence of ProviderJob
        The account's jobs that the ledger does not know.
    row : JobRow
        The claim, with the job that is followed. What was made before it is of an earlier study.
    """
    file, since = row.training_file or row.deleted_file, row.claimed_at or row.created_at
    return [
        job
        for job in jobs
        if (job.is_of(row.key) or (job.key is None and not job.suffix and file and job.training_file == file))
        and (job.created_at is None or job.created_at >= since - CLOCK_SECONDS)
    ]


def differences(row: JobRow, job: ProviderJob) -> tuple[str, ...]:
    """Return where the provider trains otherwise than it was asked to, each as a phrase."""
    names = {"epochs": "epochs", "batch_size": "rows a step", "learning_rate_multiplier": "learning rate multiplier",
             "adapter_size": "adapter size"}  # fmt: skip
    told = {**job.hyperparameters, **({"epochs": job.epochs_made} if job.epochs_made else {})}
    asked = {name: getattr(row.recipe, name) for name in names}
    rows = [f"{job.examples} rows instead of {row.n_rows}"] if job.examples and job.examples != row.n_rows else []
    numbers = [
        f"{told[name]:g} {words} instead of {asked[name]:g}"
        for name, words in names.items()
        if name in told and asked[name] is not None and not _equal(told[name], float(asked[name] or 0))
    ]
    return (*rows, *numbers, *job.remarks)


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))


def passes_of_points(job: ProviderJob, epochs: int, n_steps: int | None) -> tuple[tuple[int, str], ...]:
    """Return pass and model of every checkpoint of a job that counts in steps.

    Providers keep the last few only, so that their order says nothing. The last step is that of the checkpoint that is the
    tuned model itself, else as many as the recipe makes; where no step is beyond the epochs, epochs are what is counted.
    """
    points = sorted(point for point in job.points if point[0] > 0 and point[1])
    if not points:
        return job.checkpoints
    last = next((step for step, model in points if model == job.tuned_model), None)
    if last is None:
        most = points[-1][0]
        last = epochs if most <= epochs else max(most, n_steps or 0)
    by_epoch = {max(1, min(epochs, round(step * epochs / last))): model for step, model in points}
    return tuple(sorted(by_epoch.items()))


def same_model(told: str, asked: str) -> bool:
    """Return whether a provider's name of a model, often with a version or a path, is the one that was asked for."""
    return bool(told) and told.rsplit("/", 1)[-1].startswith(asked.rsplit("/", 1)[-1])


def tokens_of(job: ProviderJob, about: float) -> int | None:
    """Return the tokens that the provider bills, None where it tells none, or nonsense beside our own count."""
    told = whole_number(job.tokens_billed)
    return told if told and about / MOST_TIMES_OFF <= told <= about * MOST_TIMES_OFF**2 else None
