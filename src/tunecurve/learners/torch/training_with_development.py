"""Development rows: some of a trial's own rows, kept from training, on which its learning rate is chosen and it is stopped (by `loop.py`).

They are counted in n, because they were labelled. Which rows they are is a function of the rows' groups alone. Every value that is
chosen on them is a function of rows, recipe and seed, so that a killed training goes on to the same end.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import torch

from tunecurve.learners.base import TrainingProgress
from tunecurve.learners.development_settings import FEWEST_DEVELOPMENT_ROWS, tried_steps
from tunecurve.learners.torch.checkpoint import Checkpoint
from tunecurve.learners.torch.loop import Objective, Training, Watch, train
from tunecurve.learners.torch.recipe import TrainingRecipe
from tunecurve.learners.training import DevelopmentRecord, TriedRate

R = TypeVar("R", bound=TrainingRecipe)

LOOKS = 10
# Looks in a row without a better loss, after which a training is stopped.
PATIENCE = 3
MOST_OVER = 1.5
FOLDER = "learning-rates"


def development_rows(groups: Sequence[str], share: float | None) -> list[int]:
    """Return the positions of the development rows: whole groups, in the order of their hashes, about a share of all rows.

    Parameters
    ----------
    groups : sequence of str
        The group of every training row; rows of one stay on one side.
    share : float or None
        Of the rows, 0 to 0.5; None: there are none.

    Returns
    -------
    list of int
        Empty where that makes fewer than `FEWEST_DEVELOPMENT_ROWS`, or where the groups are too large.
    """
    if not share:
        return []
    wanted = round(share * len(groups))
    by_group: dict[str, list[int]] = {}
    for position, group in enumerate(groups):
        by_group.setdefault(group, []).append(position)
    chosen: list[int] = []
    for group in sorted(by_group, key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest()):
        if len(chosen) + len(by_group[group]) <= max(wanted, FEWEST_DEVELOPMENT_ROWS) * MOST_OVER:
            chosen += by_group[group]
        if len(chosen) >= wanted:
            break
    return sorted(chosen) if FEWEST_DEVELOPMENT_ROWS <= len(chosen) <= len(groups) / 2 else []


def why_no_development(recipe: TrainingRecipe, n_rows: int) -> str:
    """Return what is said where development rows were asked for and there are none; empty where they were not."""
    if recipe.development_share is None:
        return ""
    reason = "are too few" if recipe.development_share == 0 else "are in too few groups"
    return f"; no development rows, the usual learning rate and all steps: {n_rows} rows {reason}"


@dataclass(frozen=True)
class TrainingRun(Generic[R]):
    """One training, from its parameters as they are."""

    objective: Objective
    """What its steps compute."""
    recipe: R
    """Steps, rates and batches."""
    new_training: Callable[[R], Training]
    """Returns a training by a recipe, with an optimizer of its own, over the parameters as they are."""
    folder: Path
    """Holds what a killed training continues from."""
    fingerprint: str
    """Of everything that determines the steps."""
    checkpoint_every_seconds: float
    """Time between checkpoints."""

    def train(
        self, on_step: Callable[[TrainingProgress], None], training: Training | None = None, part: str = ""
    ) -> Training:
        """Take all steps of a training, by default a new one by the recipe; `part` names a part of it with a file of its own."""
        training = training or self.new_training(self.recipe)
        train(self.objective, [training], self.checkpoint(part), lambda _, step: on_step(step))
        return training

    def checkpoint(self, part: str = "") -> Checkpoint:
        """Return the file that a training, or a part of it, is kept in."""
        folder = self.folder / FOLDER / part if part else self.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Checkpoint(folder, f"{self.fingerprint} {part}".rstrip(), self.checkpoint_every_seconds)


def train_with_development(
    run: TrainingRun[R], look: Callable[[], float], n_rows: int, on_step: Callable[[TrainingProgress], None]
) -> tuple[Training, DevelopmentRecord]:
    """Return the training, its parameters those of its best look, and what was seen on development rows.

    Parameters
    ----------
    run : TrainingRun
        Its recipe names the learning rates to try, if any.
    look : callable
        Returns the mean loss of the development rows, and changes nothing.
    n_rows : int
        How many these are.
    on_step : callable
        Called after every step, those of what is tried included.
    """
    rates = run.recipe.tried_learning_rates or ()
    seconds = _try(run, look, on_step) if rates else {}
    tried = list(seconds)
    best = min(tried, key=lambda one: one.development_loss, default=None)
    training = _watched(run, look, run.recipe.learning_rate if best is None else best.learning_rate)
    if best is not None:
        run.checkpoint(_part(best.learning_rate)).load([training])
    run.train(on_step, training)
    training.take_best()
    training.state.seconds += sum(seconds[one] for one in tried if one is not best)
    shutil.rmtree(run.folder / FOLDER, ignore_errors=True)
    record = DevelopmentRecord(
        rows=n_rows,
        losses=list(training.state.development_losses),
        steps_between=_steps_between(training),
        best_step=training.best_step,
        learning_rate=training.recipe.learning_rate,
        tried=tried,
    )
    return training, record


def _try(
    run: TrainingRun[R], look: Callable[[], float], on_step: Callable[[TrainingProgress], None]
) -> dict[TriedRate, float]:
    """Take a fifth of the steps at every rate, all from the same parameters, keep where each has come to, and return the seconds."""
    tried: dict[TriedRate, float] = {}
    rates = run.recipe.tried_learning_rates or ()
    parameters = run.new_training(run.recipe).parameters
    initial = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    for number, rate in enumerate(rates, start=1):
        training = _watched(run, look, rate)
        first = replace(training, until=tried_steps(len(training.steps)))
        run.train(_in_phase(on_step, f"learning rate {number} of {len(rates)}"), first, _part(rate))
        run.checkpoint(_part(rate)).save([first])
        tried[TriedRate(rate, first.state.step, look())] = first.state.seconds
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(initial[name])
    return tried


def _in_phase(on_step: Callable[[TrainingProgress], None], phase: str) -> Callable[[TrainingProgress], None]:
    return lambda step: on_step(replace(step, phase=phase))


def _part(rate: float) -> str:
    return f"{rate:g}"


def _watched(run: TrainingRun[R], look: Callable[[], float], rate: float) -> Training:
    training = run.new_training(run.recipe.at_rate(rate))
    return replace(training, watch=Watch(look, _steps_between(training), PATIENCE))


def _steps_between(training: Training) -> int:
    return math.ceil(len(training.steps) / LOOKS)
