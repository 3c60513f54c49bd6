"""Fine-tuning an encoder with its head: a plain loop, killed at any step and resumed bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import TrainingProgress, TrainingRecord
from tunecurve.learners.encoder.recipe import EncoderRecipe, share_of_peak
from tunecurve.learners.torch.batches import all_batches
from tunecurve.learners.torch.checkpoint import TrainingState, load_checkpoint, save_checkpoint


def train_encoder(
    model: Any,
    loss_of: Callable[[Sequence[int]], torch.Tensor],
    lengths: Sequence[int],
    recipe: EncoderRecipe,
    *,
    seed: int,
    fingerprint: str,
    folder: Path,
    on_step: Callable[[TrainingProgress], None],
    checkpoint_every_seconds: float = 60.0,
    path: str = "",
) -> TrainingRecord:
    """Train all weights of `model` in place.

    Parameters
    ----------
    model : SegmentClassifier
    loss_of : callable
        From the numbers of the examples of a step to their mean loss.
    lengths : sequence of int
        Tokens of every example.
    recipe : EncoderRecipe
    seed : int
        Seed of the order of rows and of dropout.
    fingerprint : str
        Of everything that determines the steps; a checkpoint with another one is not used.
    folder : Path
        Holds the checkpoint.
    on_step : callable
        Called after every step; when it raises `Interrupted`, a checkpoint is written first.
    checkpoint_every_seconds : float, default 60
    path : str
        What is said of the training in its record.

    Raises
    ------
    ModelError
        When the loss is not a number.
    """
    optimizer = _optimizer(model, recipe)
    steps = all_batches(list(lengths), recipe.batch_size, recipe.epochs, seed=seed)
    state = load_checkpoint(folder, model, optimizer, fingerprint) or TrainingState(0, [], 0.0)
    model.train()
    last_saved = time.monotonic()
    for step in range(state.step, len(steps)):
        seconds = _take_step(model, optimizer, recipe, steps[step], loss_of, state, seed)
        tokens_per_second = sum(lengths[index] for index in steps[step]) / seconds
        try:
            on_step(TrainingProgress(step + 1, len(steps), state.losses[-1], tokens_per_second))
        except Interrupted:
            save_checkpoint(folder, model, optimizer, state, fingerprint)
            raise
        if time.monotonic() - last_saved > checkpoint_every_seconds and step + 1 < len(steps):
            save_checkpoint(folder, model, optimizer, state, fingerprint)
            last_saved = time.monotonic()
    model.eval()
    n_seen = sum(map(len, steps))
    n_tokens = sum(lengths[index] for batch in steps for index in batch)
    return TrainingRecord(
        len(steps), recipe.epochs, n_seen, state.losses, state.seconds, n_tokens, recipe.to_dict(), path
    )


def _optimizer(model: Any, recipe: EncoderRecipe) -> torch.optim.Optimizer:
    """AdamW with the head apart; biases and norms are not decayed."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("head."), parameter.dim() > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": recipe.head_learning_rate if is_head else recipe.learning_rate,
                "weight_decay": recipe.weight_decay if is_matrix else 0.0,
            }
            for (is_head, is_matrix), parameters in groups.items()
        ],
        lr=recipe.learning_rate,
        fused=True,
    )


def _take_step(
    model: Any,
    optimizer: torch.optim.Optimizer,
    recipe: EncoderRecipe,
    rows: Sequence[int],
    loss_of: Callable[[Sequence[int]], torch.Tensor],
    state: TrainingState,
    seed: int,
) -> float:
    """Take one optimizer step, note it in the state, and return its seconds."""
    started = time.perf_counter()
    # Dropout draws anew at every step, from the step's number: a resumed run draws the same.
    torch.manual_seed(seed * 1_000_003 + state.step)
    loss = loss_of(rows)
    loss.backward()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise ModelError(f"the loss is {value} at step {state.step + 1}; lower encoder.learning_rate")
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_clip)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share_of_peak(recipe, state.step)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    seconds = time.perf_counter() - started
    state.step += 1
    state.seconds += seconds
    state.losses.append(value)
    return seconds
