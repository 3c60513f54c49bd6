"""Fine-tuning with LoRA: one training, or all sizes and seeds of a ladder over one frozen model.

The model is any causal language model of transformers, the adapters are PEFT's. On a GPU a step of a small model waits for
its kernels to be launched, not for arithmetic, and one launch can serve the adapters of every training. Every training keeps
its own rows, optimizer, clipping and learning rates, and leaves when its steps are done. Its adapters are those of a training
of its own, but for the order of additions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tunecurve.errors import ModelError
from tunecurve.learners.base import TrainingProgress, TrainingRecord
from tunecurve.learners.lm.attention import may_share_prefix
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.recipe import Recipe
from tunecurve.learners.lm.training.backends import (
    LENGTHS_MULTIPLE,
    AdapterObjective,
    Layout,
    choose_backend,
    shared_prefix_length,
)
from tunecurve.learners.lm.training.memory_plan import StepShape, planned_parts
from tunecurve.learners.lm.training.micro_batches import MicroBatches
from tunecurve.learners.lm.training.one_pass import FewShapes
from tunecurve.learners.torch.backend_choice import Choice, NotUsable
from tunecurve.learners.torch.device import FOUR_BITS
from tunecurve.learners.torch.loop import Training, train
from tunecurve.learners.torch.training_with_development import (
    TrainingRun,
    development_rows,
    train_with_development,
    why_no_development,
)
from tunecurve.learners.training import DevelopmentRecord
from tunecurve.spec.study import stable_hash


@dataclass(frozen=True)
class EncodedTraining:
    """What one of the trainings learns from, and how."""

    examples: Sequence[EncodedExample]
    recipe: Recipe
    seed: int
    groups: Sequence[str] = ()

    @cached_property
    def development(self) -> list[int]:
        """The positions of the development rows."""
        groups = self.groups or [str(row) for row in range(len(self.examples))]
        return development_rows(groups, self.recipe.development_share)

    @cached_property
    def ordered(self) -> list[EncodedExample]:
        """The examples, development rows last."""
        first = [example for row, example in enumerate(self.examples) if row not in self.development]
        return first + [self.examples[row] for row in self.development]

    @property
    def n_trained(self) -> int:
        """How many of them are trained on."""
        return len(self.examples) - len(self.development)

    def fingerprint(self, compute: Mapping[str, Any]) -> str:
        """Return the hash of everything that determines the training's steps, bit for bit."""
        rows = stable_hash([[example.token_ids, example.n_answer] for example in self.examples])
        all_of_it = {"rows": rows, "recipe": self.recipe.to_dict(), "seed": self.seed, "compute": compute}
        return stable_hash(all_of_it | ({"development": self.development} if self.development else {}))


@dataclass(frozen=True)
class RunSettings:
    """Where and how a run of trainings is computed."""

    pad_id: int
    """Token for padding."""
    compute: Mapping[str, Any]
    """Description of device and precision, part of the checkpoint's identity."""
    folder: Path
    """Holds the checkpoint; a run of the same trainings that finds one of its own there continues from it."""
    checkpoint_every_seconds: float = 60.0
    """Time between checkpoints."""
    backend: str | None = None
    """The one backend to use, such as ``reference``; default: the fastest that is exact."""
    passed: set[str] | None = None
    """Backends that earlier runs of such trainings have compared; see `choose_backend`."""


def train_adapters(
    model: Any,
    trainings: Sequence[EncodedTraining],
    initial: Sequence[dict[str, torch.Tensor]],
    settings: RunSettings,
    on_step: Callable[[int, TrainingProgress], None],
) -> list[tuple[dict[str, torch.Tensor], TrainingRecord]]:
    """Train adapters for every training, and return them by name with what was done.

    Parameters
    ----------
    model : peft.PeftModel
        With the adapters of the first training, untrained.
    trainings : sequence of EncodedTraining
        All with adapters of one shape.
    initial : sequence of dict of str to Tensor
        Every training's untrained adapters.
    settings : RunSettings
    on_step : callable
        Called with a training's number after each of its steps; see `train`.

    Raises
    ------
    ModelError
        When a loss is not a number, or this model's trainings cannot be computed together.

    Notes
    -----
    Development rows belong to a training that is alone.
    """
    rows = [training.ordered for training in trainings]
    multiple = LENGTHS_MULTIPLE if model.get_base_model().device.type == "cuda" else 1
    every = [row for own in rows for row in own]
    can_share = may_share_prefix(model, max(len(row.token_ids) for row in every))
    n_prefix = shared_prefix_length(every) if can_share else 0
    planned = _planned_parts(model, trainings, n_prefix)
    layout = Layout(n_prefix, settings.pad_id, multiple, parts=planned)
    choice = _chosen(model, initial, rows, layout, settings)
    adapters = choice.chosen.adapters
    n_shared = layout.n_prefix if choice.name != "reference" else 0
    runs = [
        _new_training(training, training.recipe, parameters, n_shared)
        for training, parameters in zip(trainings, adapters.parameters, strict=True)
    ]
    parts = _parts(planned, choice)
    layout = replace(layout, shapes=FewShapes(_planned(rows, runs), layout.n_prefix), parts=parts)
    objective = AdapterObjective(model, choice.chosen.backend, adapters, rows, layout)
    fingerprint = adapters.fingerprint([training.fingerprint(settings.compute) for training in trainings])
    run = TrainingRun(
        objective,
        trainings[0].recipe,
        lambda recipe: _new_training(trainings[0], recipe, adapters.parameters[0], n_shared),
        settings.folder,
        fingerprint,
        settings.checkpoint_every_seconds,
    )
    seen: DevelopmentRecord | None = None
    model.train(adapters.draw_dropout)
    with objective.ready():
        if trainings[0].development:
            look = objective.mean_loss_of(range(trainings[0].n_trained, len(rows[0])), run.recipe.batch_size)
            runs[0], seen = train_with_development(
                run, look, len(trainings[0].development), lambda step: on_step(0, step)
            )
        else:
            train(objective, runs, run.checkpoint(), on_step)
    others = f"together with {len(runs) - 1} other trainings; " if len(runs) > 1 else ""
    bits = f"; frozen weights in 4 bits ({FOUR_BITS.upper()})" if "base_weights" in settings.compute else ""
    path = f"{others}{choice.said}{objective.launches}{bits}"
    records = [_record(training, run, path, choice) for training, run in zip(trainings, runs, strict=True)]
    for record in records:
        record.to_fit = parts.said or None
    records[0].development = seen
    return list(zip(adapters.values(), records, strict=True))


def _planned_parts(model: Any, trainings: Sequence[EncodedTraining], n_prefix: int) -> MicroBatches:
    largest = max(training.recipe.batch_size for training in trainings)
    rows, rank = [training.ordered for training in trainings], trainings[0].recipe.lora_rank
    return planned_parts(model.get_base_model(), StepShape.of(rows, largest, n_prefix, rank))


def _parts(planned: MicroBatches, choice: Choice[AdapterObjective]) -> MicroBatches:
    """Return how batches are computed: as planned, except with stock modules, which keep more than is planned with.

    Where layers must be computed again without them, they must with them, too.
    """
    if choice.name in ("reference", "cached") and not planned.recomputes:
        return MicroBatches(may_recompute=planned.may_recompute)
    return planned


def _record(training: EncodedTraining, run: Training, path: str, choice: Choice[AdapterObjective]) -> TrainingRecord:
    said = path if training.development else path + why_no_development(training.recipe, len(training.examples))
    record = run.record([row.n_answer for row in training.ordered], said, is_fastest=choice.is_fastest)
    record.kept_aside = training.development or None
    return record


def _new_training(
    training: EncodedTraining, recipe: Recipe, parameters: dict[str, torch.nn.Parameter], n_shared: int
) -> Training:
    recipe = recipe.with_steps(recipe.epochs * math.ceil(training.n_trained / recipe.batch_size))
    return Training(
        parameters=parameters,
        optimizer=_optimizer(parameters, recipe),
        recipe=recipe,
        seed=training.seed,
        lengths=[len(example.token_ids) for example in training.ordered[: training.n_trained]],
        n_shared=n_shared,
    )


def _chosen(
    model: Any,
    initial: Sequence[dict[str, torch.Tensor]],
    rows: Sequence[Sequence[EncodedExample]],
    layout: Layout,
    settings: RunSettings,
) -> Choice[AdapterObjective]:
    try:
        return choose_backend(model, initial, rows, layout, only=settings.backend, passed=settings.passed)
    except NotUsable as error:
        raise ModelError(
            f"trainings of this model cannot be computed together: {error}; set train_together: false"
        ) from None


def _optimizer(parameters: dict[str, torch.nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    group = {"params": list(parameters.values()), "peak": recipe.learning_rate}
    return torch.optim.AdamW([group], lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)


def _planned(
    rows: Sequence[Sequence[EncodedExample]], runs: Sequence[Training]
) -> Iterator[list[list[EncodedExample]]]:
    """Yield the batches of every step, one of each training that has so many."""
    for step in range(max(len(run.steps) for run in runs)):
        yield [
            [own[row] for row in run.steps[step]] for own, run in zip(rows, runs, strict=True) if step < len(run.steps)
        ]
