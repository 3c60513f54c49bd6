"""Saving and restoring a training run exactly: adapters, optimizer state, step, losses. safetensors, never pickle."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
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


def trainable_parameters(model: Any) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def save_checkpoint(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, state: TrainingState, fingerprint: str
) -> None:
    """Write the checkpoint in one rename; a kill leaves the old one or the new one, never half of one."""
    tensors = {}
    for name, parameter in trainable_parameters(model).items():
        tensors[f"parameter:{name}"] = parameter.detach().contiguous()
        for key, value in optimizer.state[parameter].items():
            tensors[f"{key}:{name}"] = value.detach().contiguous()
    facts = {"step": state.step, "losses": state.losses, "seconds": state.seconds, "fingerprint": fingerprint}
    temporary = folder / (FILE_NAME + ".tmp")
    save_file(tensors, temporary, metadata={"state": json.dumps(facts)})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / FILE_NAME)


def load_checkpoint(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, fingerprint: str
) -> TrainingState | None:
    """Restore model and optimizer from the folder's checkpoint and return its state; None without a usable one.

    A checkpoint of another run (other rows, recipe, precision) is not usable, nor is a damaged one.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["state"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, KeyError, ValueError, OSError):
        return None
    if facts.get("fingerprint") != fingerprint:
        return None
    with torch.no_grad():
        for name, parameter in trainable_parameters(model).items():
            parameter.copy_(tensors[f"parameter:{name}"])
            if f"step:{name}" in tensors:  # a parameter that no loss has reached has no state
                optimizer.state[parameter] = {
                    key: tensors[f"{key}:{name}"].to(parameter.device) for key in ("step", "exp_avg", "exp_avg_sq")
                }
    return TrainingState(facts["step"], facts["losses"], facts["seconds"])
