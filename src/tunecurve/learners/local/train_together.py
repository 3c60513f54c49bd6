"""Several trainings over one frozen model in one process: all sizes and seeds of a ladder at the price of a few.

On a GPU a step of a small model waits for its kernels to be launched, not for arithmetic, and one launch can serve the
adapters of every training (`stacked`). Every training keeps its own rows, optimizer, clipping and learning rates, and
leaves when its steps are done. Its adapters are those of a training of its own, but for the order of additions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import TrainingProgress, TrainingRecord
from tunecurve.learners.local.batches import all_batches
from tunecurve.learners.local.checkpoint import (
    Training,
    TrainingState,
    load_trainings,
    save_trainings,
)
from tunecurve.learners.local.encoding import EncodedExample
from tunecurve.learners.local.recipe import Recipe
from tunecurve.learners.local.stacked import StackedAdapters, losses_together
from tunecurve.learners.local.train import (
    check_loss,
    new_optimizer,
    take_optimizer_step,
    training_fingerprint,
    training_record,
)
from tunecurve.learners.local.ways import (
    difference_between,
    loss_and_gradients,
    plain_way,
    shared_prefix_length,
)
from tunecurve.spec import stable_hash


@dataclass(frozen=True)
class EncodedTraining:
    """What one of the trainings learns from, and how."""

    examples: Sequence[EncodedExample]
    recipe: Recipe
    seed: int

    def steps(self) -> list[list[int]]:
        """Return the rows of every step."""
        lengths = [len(example.token_ids) for example in self.examples]
        return all_batches(lengths, self.recipe.batch_size, self.recipe.epochs, seed=self.seed)


def train_together(
    model: Any,
    trainings: Sequence[EncodedTraining],
    initial: Sequence[dict[str, torch.Tensor]],
    *,
    pad_id: int,
    compute: dict[str, Any],
    folder: Path,
    on_step: Callable[[int, TrainingProgress], None],
    checkpoint_every_seconds: float = 60.0,
) -> list[tuple[dict[str, torch.nn.Parameter], TrainingRecord]]:
    """Train adapters for every training, and return them with what was done.

    Parameters
    ----------
    model : peft.PeftModel
        With the adapters of the first training, untrained; they are left as they are.
    trainings : sequence of EncodedTraining
        All with adapters of one shape.
    initial : sequence of dict of str to Tensor
        Every training's untrained adapters.
    pad_id : int
        Token for padding.
    compute : dict
        Description of device and precision, part of the checkpoint's identity.
    folder : Path
        Holds the checkpoint of all trainings; a run of the same trainings continues from it.
    on_step : callable
        Called with a training's number after each of its steps; when it raises `Interrupted`, a checkpoint is written.
    checkpoint_every_seconds : float, default 60
        Time between checkpoints.

    Raises
    ------
    ModelError
        When a loss is not a number, or this model's adapters cannot be trained together.
    """
    adapters = StackedAdapters(model, initial)
    n_prefix = shared_prefix_length([example for training in trainings for example in training.examples])
    base = model.get_base_model()
    path = _check(model, adapters, trainings[0].examples[:2], n_prefix, pad_id)
    runs = [
        Training(parameters, new_optimizer(parameters, training.recipe), TrainingState(0, [], 0.0))
        for training, parameters in zip(trainings, adapters.parameters, strict=True)
    ]
    fingerprint = stable_hash([training_fingerprint(t.examples, t.recipe, t.seed, compute) for t in trainings])
    load_trainings(folder, runs, fingerprint)
    steps = [training.steps() for training in trainings]
    last_saved = time.monotonic()
    with adapters.in_use():
        while active := [number for number, run in enumerate(runs) if run.state.step < len(steps[number])]:
            adapters.activate(active)
            batches = [[trainings[n].examples[row] for row in steps[n][runs[n].state.step]] for n in active]
            _take_step(base, adapters, runs, trainings, batches, n_prefix=n_prefix, pad_id=pad_id)
            try:
                for number in active:
                    state = runs[number].state
                    speed = _tokens_per_second(batches, n_prefix, state, len(active))
                    on_step(number, TrainingProgress(state.step, len(steps[number]), state.losses[-1], speed))
            except Interrupted:
                save_trainings(folder, runs, fingerprint)
                raise
            if time.monotonic() - last_saved > checkpoint_every_seconds:
                save_trainings(folder, runs, fingerprint)
                last_saved = time.monotonic()
    return [
        (parameters, training_record(training.examples, batches, training.recipe, run.state, path))
        for parameters, training, batches, run in zip(adapters.parameters, trainings, steps, runs, strict=True)
    ]


def _take_step(
    base: Any,
    adapters: StackedAdapters,
    runs: Sequence[Training],
    trainings: Sequence[EncodedTraining],
    batches: Sequence[Sequence[EncodedExample]],
    *,
    n_prefix: int,
    pad_id: int,
) -> None:
    """Take one optimizer step of every training that is computed, and note it in its state."""
    started = time.perf_counter()
    losses = losses_together(base, batches, n_prefix, pad_id)
    losses.sum().backward()
    adapters.hand_over_gradients()
    for number, value in zip(adapters.active, losses.tolist(), strict=True):
        run = runs[number]
        check_loss(value, run.state.step)
        take_optimizer_step(run.optimizer, run.parameters, trainings[number].recipe, run.state.step)
        run.state.step += 1
        run.state.losses.append(value)
    share = (time.perf_counter() - started) / len(batches)
    for number in adapters.active:
        runs[number].state.seconds += share


def _tokens_per_second(
    batches: Sequence[Sequence[EncodedExample]], n_prefix: int, state: TrainingState, n_active: int
) -> float:
    tokens = sum(n_prefix + sum(len(row.token_ids) - n_prefix for row in batch) for batch in batches)
    return tokens / n_active / (state.seconds / state.step)


def _check(model: Any, adapters: StackedAdapters, few: Sequence[EncodedExample], n_prefix: int, pad_id: int) -> str:
    """Return what is computed in words, after a comparison of the first training's loss and gradients with the plain way's."""
    expected = loss_and_gradients(model, plain_way(pad_id, "reference"), few)
    base = model.get_base_model()
    with adapters.in_use():
        losses = losses_together(base, [few] * len(adapters.active), n_prefix, pad_id)
        losses.sum().backward()
    adapters.hand_over_gradients()
    found = {name: parameter.grad for name, parameter in adapters.parameters[0].items() if parameter.grad is not None}
    for parameters in adapters.parameters:
        for parameter in parameters.values():
            parameter.grad = None
    failure = difference_between((float(losses[0].detach()), found), expected, base.dtype)
    if failure is not None:
        raise ModelError(f"trainings of this model cannot be computed together: {failure}; set train_together: false")
    return (
        f"together with {len(adapters.active) - 1} other trainings, behind a cached shared prefix of {n_prefix} tokens; "
        "loss and gradients equal the plain way's"
    )
