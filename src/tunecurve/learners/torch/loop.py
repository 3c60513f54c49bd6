"""The one training loop: killed at any step and resumed bit for bit, whatever a step computes.

What a step computes is its objective's affair: a language model's adapters, those of several trainings at once, an
encoder. What a step consists of comes from `batches`, how fast it learns from the recipe.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch

from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import TrainingProgress, TrainingRecord
from tunecurve.learners.torch.batches import all_batches
from tunecurve.learners.torch.checkpoint import Checkpoint, Resumable
from tunecurve.learners.torch.recipe import TrainingRecipe


class Objective(Protocol):
    """What the steps of one or several trainings compute."""

    def compute(self, batches: Mapping[int, Sequence[int]]) -> Sequence[float]:
        """Return the mean loss of each training's batch, and leave its gradients with the training's parameters.

        Parameters
        ----------
        batches : mapping of int to sequence of int
            The rows of a step for every training that has one left, by the training's number.
        """
        ...


@dataclass(frozen=True)
class Watch:
    """When a training is looked at on development rows, and ends early."""

    loss: Callable[[], float]
    """Returns the mean loss of the development rows; changes nothing."""
    every: int
    """Steps between two looks; there is one at the last step, too."""
    patience: int
    """Looks in a row without a better loss, after which it ends."""


@dataclass(frozen=True, kw_only=True)
class Training(Resumable):
    """One training."""

    recipe: TrainingRecipe
    """Steps, rates and batches."""
    seed: int
    """Of the order of rows, and of dropout."""
    lengths: Sequence[int]
    """Tokens of every row."""
    n_shared: int = 0
    """Leading tokens of all rows that a step computes once."""
    until: int | None = None
    """Steps after which it pauses."""
    watch: Watch | None = None
    """Development rows."""

    @cached_property
    def steps(self) -> list[list[int]]:
        """The rows of every step."""
        return all_batches(self.lengths, self.recipe.batch_size, self.recipe.epochs, seed=self.seed)

    @property
    def is_done(self) -> bool:
        """Whether no step is left, or development rows say that none should be taken."""
        end = len(self.steps) if self.until is None else self.until
        return self.state.step >= end or self._is_past_its_best

    @property
    def _is_past_its_best(self) -> bool:
        looks = self.state.development_losses
        return self.watch is not None and bool(looks) and len(looks) - 1 - _place_of_best(looks) >= self.watch.patience

    def look(self) -> None:
        """Measure the loss of the development rows where a look is due, and keep the parameters if it is the best so far."""
        if self.watch is None or (self.state.step % self.watch.every and self.state.step < len(self.steps)):
            return
        looks = self.state.development_losses
        looks.append(self.watch.loss())
        if _place_of_best(looks) == len(looks) - 1:
            self.best.update({name: parameter.detach().clone() for name, parameter in self.parameters.items()})

    @property
    def best_step(self) -> int:
        """The step of the best look; the last one where there was none."""
        if self.watch is None or not self.state.development_losses:
            return self.state.step
        return min((_place_of_best(self.state.development_losses) + 1) * self.watch.every, len(self.steps))

    def take_best(self) -> None:
        """Put the parameters of the best look in place of the last ones."""
        with torch.no_grad():
            for name, values in self.best.items():
                self.parameters[name].copy_(values)

    def seed_step(self) -> None:
        """Let dropout draw anew at every step, from the step's number: a resumed run draws the same."""
        torch.manual_seed(self.seed * 1_000_003 + self.state.step)

    def take_step(self, loss: float) -> None:
        """Clip the gradients, change the parameters at the step's learning rate, and note the loss.

        Raises
        ------
        ModelError
            When the loss is not a number.
        """
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is {loss} at step {self.state.step + 1}; lower {self.recipe.section}.learning_rate"
            )
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.gradient_clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate_at(self.state.step, group["peak"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        self.state.losses.append(loss)

    def progress(self, seconds: float) -> TrainingProgress:
        """Return where the training stands after a step that took so long."""
        rows = self.steps[self.state.step - 1]
        n_tokens = self.n_shared + sum(self.lengths[row] - self.n_shared for row in rows)
        return TrainingProgress(self.state.step, len(self.steps), self.state.losses[-1], n_tokens / seconds)

    def record(self, n_trained: Sequence[int], path: str, *, is_fastest: bool = True) -> TrainingRecord:
        """Return what the training did; `n_trained` are the tokens of every row that carry loss."""
        taken = self.steps[: self.state.step]
        n_seen = sum(map(len, taken))
        return TrainingRecord(
            steps=self.state.step,
            epochs=math.ceil(n_seen / max(1, len(self.lengths))),  # fewer than planned where development rows ended it
            examples_seen=n_seen,
            losses=self.state.losses,
            train_seconds=self.state.seconds,
            tokens_trained=sum(n_trained[row] for rows in taken for row in rows),
            recipe=self.recipe.to_dict(),
            path=path,
            is_fastest=is_fastest,
        )


def train(
    objective: Objective,
    trainings: Sequence[Training],
    checkpoint: Checkpoint,
    on_step: Callable[[int, TrainingProgress], None],
) -> None:
    """Take all steps that are left of the trainings, one of each at a time; a training leaves when it has none.

    Parameters
    ----------
    objective : Objective
    trainings : sequence of Training
    checkpoint : Checkpoint
        Where a run that finds what it has kept there continues from.
    on_step : callable
        Called with a training's number after each of its steps; when it raises `Interrupted`, a checkpoint is written.

    Raises
    ------
    ModelError
        When a loss is not a number.
    """
    checkpoint.load(trainings)
    while active := [number for number, training in enumerate(trainings) if not training.is_done]:
        started = time.perf_counter()
        trainings[active[0]].seed_step()
        losses = objective.compute({number: trainings[number].steps[trainings[number].state.step] for number in active})
        for number, loss in zip(active, losses, strict=True):
            trainings[number].take_step(loss)
            trainings[number].look()
        seconds = (time.perf_counter() - started) / len(active)
        for number in active:
            trainings[number].state.seconds += seconds
        try:
            for number in active:
                on_step(number, trainings[number].progress(seconds))
        except Interrupted:
            checkpoint.save(trainings)
            raise
        if checkpoint.is_due and not all(training.is_done for training in trainings):
            checkpoint.save(trainings)


def _place_of_best(losses: Sequence[float]) -> int:
    """Return the place of the lowest loss, the first of equal ones."""
    return min(range(len(losses)), key=lambda place: losses[place])
