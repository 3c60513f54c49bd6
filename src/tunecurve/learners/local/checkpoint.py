"""Saving and restoring training runs exactly: adapters, optimizer state, step, losses. safetensors, never pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

FILE_NAME = "checkpoint.safetensors"


@dataclass
class TrainingState:
    """What a run needs to go on: steps done, their losses, the seconds they took."""

    step: int
    losses: list[float]
    seconds: float

    def restore(self, step: int, losses: list[float], seconds: float) -> None:
        """Take over the values of another state."""
        self.step, self.losses, self.seconds = step, losses, seconds


def trainable_parameters(model: Any) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


@dataclass(frozen=True)
class Training:
    """One training: what it changes. With the recipe, the rows and the seed, all that its next step depends on."""

    parameters: Mapping[str, torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    state: TrainingState


def save_trainings(folder: Path, trainings: Sequence[Training], fingerprint: str) -> None:
    """Write all trainings in one rename; a kill leaves the old checkpoint or the new one, never half of one."""
    tensors = {}
    for number, training in enumerate(trainings):
        for name, parameter in training.parameters.items():
            tensors[f"{number}:parameter:{name}"] = parameter.detach().contiguous()
            for key, value in training.optimizer.state[parameter].items():
                tensors[f"{number}:{key}:{name}"] = value.detach().contiguous()
    facts = {"states": [asdict(training.state) for training in trainings], "fingerprint": fingerprint}
    temporary = folder / (FILE_NAME + ".tmp")
    save_file(tensors, temporary, metadata={"facts": json.dumps(facts)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / FILE_NAME)


def load_trainings(folder: Path, trainings: Sequence[Training], fingerprint: str) -> bool:
    """Restore the trainings from the folder's checkpoint; False without a usable one.

    A checkpoint of another run (other rows, recipe, precision) is not usable, nor is a damaged one.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, KeyError, ValueError, OSError):
        return False
    if facts.get("fingerprint") != fingerprint:
        return False
    for number, (training, state) in enumerate(zip(trainings, facts["states"], strict=True)):
        for name, parameter in training.parameters.items():
            with torch.no_grad():
                parameter.copy_(tensors[f"{number}:parameter:{name}"])
            training.optimizer.state[parameter] = {
                key: tensors[f"{number}:{key}:{name}"].to(parameter.device)
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"{number}:{key}:{name}" in tensors
            }
        training.state.restore(**state)
    return True


def save_checkpoint(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, state: TrainingState, fingerprint: str
) -> None:
    """Write the checkpoint of a model's one training; see `save_trainings`."""
    save_trainings(folder, [Training(trainable_parameters(model), optimizer, state)], fingerprint)


def load_checkpoint(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, fingerprint: str
) -> TrainingState | None:
    """Restore model and optimizer and return the state; None without a usable checkpoint. See `load_trainings`."""
    training = Training(trainable_parameters(model), optimizer, TrainingState(0, [], 0.0))
    return training.state if load_trainings(folder, [training], fingerprint) else None
