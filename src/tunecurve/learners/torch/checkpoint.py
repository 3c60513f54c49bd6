"""Saving and restoring training runs exactly: adapters, optimizer state, step, losses. safetensors, never pickle."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tunecurve.errors import DamagedFile
from tunecurve.storage.versions import difference, made_by

FILE_NAME = "checkpoint.safetensors"


@dataclass
class TrainingState:
    """What a run needs to go on: steps done, their losses, the seconds they took."""

    step: int
    losses: list[float]
    seconds: float

    @classmethod
    def new(cls) -> TrainingState:
        """Return the state before the first step."""
        return cls(0, [], 0.0)

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
    facts: dict[str, Any] = {
        "states": [asdict(training.state) for training in trainings],
        "fingerprint": fingerprint,
        "made_by": made_by(),
    }
    facts["sha256"] = _checksum(facts, tensors)
    temporary = folder / (FILE_NAME + ".tmp")
    save_file(tensors, temporary, metadata={"facts": json.dumps(facts)})
    temporary.chmod(0o600)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(folder / FILE_NAME)


def load_trainings(folder: Path, trainings: Sequence[Training], fingerprint: str) -> bool:
    """Restore the trainings from the folder's checkpoint; False without a usable one.

    Raises
    ------
    DamagedFile
        When what is there is damaged, of another run (other rows, recipe, precision) or of another version: the caller
        decides what becomes of it; nothing starts again without a word.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise DamagedFile(path, str(error).partition("\n")[0][:100] or type(error).__name__) from None
    written = facts.pop("sha256", None) if isinstance(facts, dict) else None
    if written is None or written != _checksum(facts, tensors):
        raise DamagedFile(path, "its content does not match its checksum")
    if (changed := difference(facts["made_by"])) is not None:
        raise DamagedFile(path, f"it is of other versions: {changed}")
    if facts["fingerprint"] != fingerprint:
        raise DamagedFile(path, "it belongs to a run with other rows, recipe or precision")
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


def _checksum(facts: dict[str, Any], tensors: dict[str, torch.Tensor]) -> str:
    """Return the hash of everything in a checkpoint: facts, names, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, state: TrainingState, fingerprint: str
) -> None:
    """Write the checkpoint of a model's one training; see `save_trainings`."""
    save_trainings(folder, [Training(trainable_parameters(model), optimizer, state)], fingerprint)


def load_checkpoint(
    folder: Path, model: Any, optimizer: torch.optim.Optimizer, fingerprint: str
) -> TrainingState | None:
    """Restore model and optimizer and return the state; None without a usable checkpoint. See `load_trainings`."""
    training = Training(trainable_parameters(model), optimizer, TrainingState.new())
    return training.state if load_trainings(folder, [training], fingerprint) else None
