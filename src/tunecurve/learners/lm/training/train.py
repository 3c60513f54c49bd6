"""Fine-tuning with LoRA: a plain loop that can be read in one go, killed at any step and resumed bit for bit.

The model is any causal language model of transformers, the adapters are PEFT's. What a step computes comes from
`prefix`; what a step consists of comes from `batches`; how fast it learns comes from `recipe`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import TrainingProgress, TrainingRecord
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.recipe import Recipe, learning_rate_at
from tunecurve.learners.lm.training.backends import Way, choose_way, plain_way
from tunecurve.learners.torch.batches import all_batches
from tunecurve.learners.torch.checkpoint import (
    TrainingState,
    load_checkpoint,
    save_checkpoint,
    trainable_parameters,
)
from tunecurve.spec.study import stable_hash


def training_fingerprint(examples: Sequence[EncodedExample], recipe: Recipe, seed: int, compute: dict[str, Any]) -> str:
    """Return the hash of everything that determines a run's steps, bit for bit."""
    rows = stable_hash([[example.token_ids, example.n_answer] for example in examples])
    return stable_hash({"rows": rows, "recipe": recipe.to_dict(), "seed": seed, "compute": compute})


def train_adapters(
    model: Any,
    examples: Sequence[EncodedExample],
    recipe: Recipe,
    *,
    seed: int,
    pad_id: int,
    compute: dict[str, Any],
    folder: Path,
    on_step: Callable[[TrainingProgress], None],
    checkpoint_every_seconds: float = 60.0,
    use_shared_prefix: bool = True,
) -> TrainingRecord:
    """Train the adapters of `model` in place.

    Parameters
    ----------
    model : peft.PeftModel
        From `add_adapters`.
    examples : sequence of EncodedExample
        Training rows; their order matters only through the seed.
    recipe : Recipe
        Resolved recipe.
    seed : int
        Seed of the order of rows.
    pad_id : int
        Token for padding; never attended to.
    compute : dict
        Description of device and precision, part of the checkpoint's identity.
    folder : Path
        Holds the checkpoint; a run that finds one of its own there continues from it.
    on_step : callable
        Called after every step; when it raises `Interrupted`, a checkpoint is written first.
    checkpoint_every_seconds : float, default 60
        Time between checkpoints; does not influence the result.
    use_shared_prefix : bool, default True
        False: the plain way, the reference that the fast way is tested against.

    Raises
    ------
    ModelError
        When the loss is not a number.
    """
    optimizer = new_optimizer(trainable_parameters(model), recipe)
    fingerprint = training_fingerprint(examples, recipe, seed, compute)
    steps = all_batches([len(e.token_ids) for e in examples], recipe.batch_size, recipe.epochs, seed=seed)
    way = choose_way(model, examples, pad_id) if use_shared_prefix else plain_way(pad_id, "as asked")
    # Only now: a resumed run must decide from the same untrained weights as the first one did.
    state = load_checkpoint(folder, model, optimizer, fingerprint) or TrainingState.new()
    model.train()
    last_saved = time.monotonic()
    with way.prepared(model.get_base_model()):
        for step in range(state.step, len(steps)):
            rows = [examples[index] for index in steps[step]]
            tokens_per_second = _take_step(model, optimizer, recipe, rows, state, way=way, seed=seed)
            is_last = step + 1 == len(steps)
            try:
                on_step(TrainingProgress(step + 1, len(steps), state.losses[-1], tokens_per_second))
            except Interrupted:
                save_checkpoint(folder, model, optimizer, state, fingerprint)
                raise
            if time.monotonic() - last_saved > checkpoint_every_seconds and not is_last:
                save_checkpoint(folder, model, optimizer, state, fingerprint)
                last_saved = time.monotonic()
    return training_record(examples, steps, recipe, state, way.description)


def _take_step(
    model: Any,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    rows: Sequence[EncodedExample],
    state: TrainingState,
    *,
    way: Way,
    seed: int,
) -> float:
    """Take one optimizer step, note it in the state, and return the tokens a second."""
    started = time.perf_counter()
    # Dropout draws anew at every step, from the step's number: a resumed run draws the same.
    torch.manual_seed(seed * 1_000_003 + state.step)
    loss = way.loss(model.get_base_model(), rows)
    loss.backward()
    value = float(loss.detach())
    check_loss(value, state.step)
    take_optimizer_step(optimizer, trainable_parameters(model), recipe, state.step)
    seconds = time.perf_counter() - started
    state.step += 1
    state.seconds += seconds
    state.losses.append(value)
    return (way.n_prefix + sum(len(row.token_ids) - way.n_prefix for row in rows)) / seconds


def take_optimizer_step(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, torch.nn.Parameter], recipe: Recipe, step: int
) -> None:
    """Clip the gradients, set the step's learning rate, change the parameters, forget the gradients."""
    torch.nn.utils.clip_grad_norm_(parameters.values(), recipe.gradient_clip)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate_at(recipe, step)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def new_optimizer(parameters: Mapping[str, torch.nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW for the parameters, as the recipe says."""
    return torch.optim.AdamW(parameters.values(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)


def check_loss(value: float, step: int) -> None:
    """Raise `ModelError`, with advice, where the loss of a step (0-based) is not a number."""
    if not math.isfinite(value):
        raise ModelError(f"the loss is {value} at step {step + 1}; lower recipe.learning_rate")


def training_record(
    examples: Sequence[EncodedExample],
    steps: Sequence[Sequence[int]],
    recipe: Recipe,
    state: TrainingState,
    path: str,
) -> TrainingRecord:
    """Return what a finished training did."""
    return TrainingRecord(
        steps=len(steps),
        epochs=recipe.epochs,
        examples_seen=sum(map(len, steps)),
        losses=state.losses,
        train_seconds=state.seconds,
        tokens_trained=sum(examples[index].n_answer for batch in steps for index in batch),
        recipe=recipe.to_dict(),
        path=path,
    )
