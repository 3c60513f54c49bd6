"""What trainings of a language model will need, and whether they are computed as one where a study leaves that open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunecurve.learners.lm.training.backends import shared_prefix_length
from tunecurve.learners.lm.training.memory_plan import (
    MemoryPlan,
    ModelShape,
    StepShape,
    fitting_plan,
    in_gigabytes,
    plan_memory,
    total_memory,
)
from tunecurve.learners.lm.training.recomputed import TIMES_AS_LONG
from tunecurve.learners.lm.training.train import EncodedTraining
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.training import PlannedTraining

# Of a device's memory, what trainings need before it is said.
LARGE_SHARE = 0.5


def plan_trainings(
    config: Any, n_parameters: int, compute: Compute, trainings: Sequence[EncodedTraining]
) -> PlannedTraining:
    """Return the memory of one training, and why several are not computed as one.

    That is decided by the whole memory of the device, not by what is free now: a study that goes on decides alike.
    """
    shape = ModelShape.of(config.get_text_config(), n_parameters, compute.dtype, four_bit=compute.four_bit)
    total = total_memory(compute.device)
    if shape is None or total is None:
        return PlannedTraining("", False, "", 1.0, _why_not_together(compute, trainings, None, total))
    step = _step(trainings[:1])
    alone = plan_memory(shape, step)
    is_large, said = alone.whole > LARGE_SHARE * total, f"{alone.sentence} of {in_gigabytes(total)}"
    plan = fitting_plan(shape, step, total - alone.weights)
    times = TIMES_AS_LONG if plan.recomputes else 1.0
    why_not = _why_not_together(compute, trainings, plan_memory(shape, _step(trainings)), total)
    return PlannedTraining(said, is_large, _to_fit(plan, total), times, why_not)


def _to_fit(plan: MemoryPlan, total: int) -> str:
    """Return what is done so that a training fits, in words; where not even that suffices, it is said."""
    rows = plan.rows_at_once(total - plan.weights)
    done = []
    if plan.recomputes:
        done.append(
            f"layers computed again on the way back (activation checkpointing), which makes it about {in_gigabytes(plan.whole)} and a "
            f"step about {TIMES_AS_LONG:g} times as long"
        )
    if rows is not None:
        done.append(f"the batch in parts of {'1 row' if rows == 1 else f'{rows} rows'}")
    if not plan.fits(total):
        done.append(f"which needs about {in_gigabytes(plan.least)}, more than there is")
    return ", ".join(done)


def _step(trainings: Sequence[EncodedTraining]) -> StepShape:
    rows = [training.examples for training in trainings]
    n_prefix = shared_prefix_length([row for own in rows for row in own])
    n_rows = max(training.recipe.batch_size for training in trainings)
    return StepShape.of(rows, n_rows, n_prefix, trainings[0].recipe.lora_rank)


def _why_not_together(
    compute: Compute, trainings: Sequence[EncodedTraining], plan: MemoryPlan | None, total: int | None
) -> str:
    """Return the first reason against it; empty where there is none."""
    if compute.device.type != "cuda":
        return "no NVIDIA GPU computes here, and elsewhere it is not faster"
    if len(trainings) < 2:
        return "there is one training"
    if any(training.recipe.lora_dropout for training in trainings):
        return "recipe.lora_dropout is set"
    if any(training.recipe.development_share is not None for training in trainings):
        return "every training is looked at by itself on development rows"
    if plan is None or total is None:
        return "how much memory this model's trainings need is not known"
    if not plan.fits(total):
        return (
            f"{len(trainings)} trainings at once need about {in_gigabytes(plan.least)}, one row of each at a time, of "
            f"{in_gigabytes(total)}"
        )
    return ""
