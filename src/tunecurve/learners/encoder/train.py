"""Fine-tuning an encoder with its head: what the steps of the one training loop compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from tunecurve.learners.encoder.recipe import EncoderRecipe
from tunecurve.learners.encoder.words import Words
from tunecurve.learners.torch.checkpoint import trainable_parameters
from tunecurve.learners.torch.loop import Training


class TrainingTask(NamedTuple):
    """What an encoder is trained for."""

    loss_of: Callable[[Sequence[int]], torch.Tensor]
    """From the numbers of the examples of a step to their mean loss."""
    lengths: list[int]
    """Tokens of every example."""
    said: str
    """What is said of the training in its record."""
    texts: Sequence[Words]
    """What the encoder reads for them."""

    @property
    def pieces(self) -> set[int]:
        """The pieces that the texts have."""
        return {piece for words in self.texts for piece in words.piece_ids}


@dataclass(frozen=True)
class EncoderObjective:
    """The steps of one encoder."""

    loss_of: Callable[[Sequence[int]], torch.Tensor]

    def compute(self, batches: Mapping[int, Sequence[int]]) -> list[float]:
        """Return the loss of the one training's batch, and leave its gradients with the parameters."""
        [rows] = batches.values()
        loss = self.loss_of(rows)
        loss.backward()
        return [float(loss.detach())]


def mean_loss_of(model: torch.nn.Module, task: TrainingTask, batch_size: int) -> Callable[[], float]:
    """Return what computes the mean loss of a task's examples, without dropout and gradients."""
    order = sorted(range(len(task.lengths)), key=lambda row: (task.lengths[row], row))
    batches = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]

    def loss() -> float:
        model.eval()
        with torch.no_grad():
            total = sum(float(task.loss_of(rows)) * len(rows) for rows in batches)
        model.train()
        return total / len(order)

    return loss


def new_training(model: Any, recipe: EncoderRecipe, seed: int, lengths: Sequence[int]) -> Training:
    """Return the training of all weights: the head at a learning rate of its own; biases and norms are not decayed."""
    model.train()
    recipe = recipe.with_steps(recipe.epochs * math.ceil(len(lengths) / recipe.batch_size))
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((name.startswith("head."), parameter.dim() > 1), []).append(parameter)
    optimizer = torch.optim.AdamW(
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
    return Training(
        parameters=trainable_parameters(model), optimizer=optimizer, recipe=recipe, seed=seed, lengths=lengths
    )
