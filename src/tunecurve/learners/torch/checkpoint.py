"""Saving and restoring trainings exactly: parameters, optimizer state, step, losses. safetensors, never pickle."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from tunecurve.errors import DamagedFile
from tunecurve.storage.files import written_whole
from tunecurve.storage.versions import difference, made_by

FILE_NAME = "checkpoint.safetensors"


@dataclass
class TrainingState:
    """What a training needs to go on: steps done, their losses, the seconds they took, and the losses of its looks."""

    step: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    development_losses: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Resumable:
    """What a training changes. With the recipe, the rows and the seed, all that its next step depends on."""

    parameters: Mapping[str, torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    state: TrainingState = field(default_factory=TrainingState)
    # The parameters at the best look on development rows; empty before it.
    best: dict[str, torch.Tensor] = field(default_factory=dict)


def trainable_parameters(model: Any) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class Checkpoint:
    """The file that a run of one or several trainings is kept in; how often does not influence the result.

    The fingerprint is of everything that determines the run's steps.
    """

    def __init__(self, folder: Path, fingerprint: str, every_seconds: float = 60.0) -> None:
        self._path, self._fingerprint, self._every_seconds = folder / FILE_NAME, fingerprint, every_seconds
        self._last = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether the last one was written so long ago that another is due."""
        return time.monotonic() - self._last > self._every_seconds

    def save(self, trainings: Sequence[Resumable]) -> None:
        """Write all trainings in one rename; a kill leaves the old checkpoint or the new one, never half of one."""
        tensors = {}
        for number, training in enumerate(trainings):
            for name, parameter in training.parameters.items():
                tensors[f"{number}:parameter:{name}"] = parameter.detach().contiguous()
                if name in training.best:
                    tensors[f"{number}:best:{name}"] = training.best[name]
                for key, value in training.optimizer.state[parameter].items():
                    tensors[f"{number}:{key}:{name}"] = value.detach().contiguous()
        states = [asdict(training.state) for training in trainings]
        facts: dict[str, object] = {"states": states, "fingerprint": self._fingerprint, "made_by": made_by()}
        facts["sha256"] = _checksum(facts, tensors)
        with written_whole(self._path) as temporary:
            save_file(tensors, temporary, metadata={"facts": json.dumps(facts)})
        self._last = time.monotonic()

    def load(self, trainings: Sequence[Resumable]) -> None:
        """Restore the trainings from the checkpoint, if there is one.

        Raises
        ------
        DamagedFile
            When what is there is damaged, of another run (other rows, recipe, precision) or of another version: the caller
            decides what becomes of it; nothing starts again without a word.
        """
        self._last = time.monotonic()
        if not self._path.exists():
            return
        try:
            with safe_open(self._path, framework="pt") as file:
                facts = json.loads((file.metadata() or {})["facts"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
        except (SafetensorError, KeyError, ValueError, OSError) as error:
            raise DamagedFile(self._path, str(error).partition("\n")[0][:100] or type(error).__name__) from None
        written = facts.pop("sha256", None) if isinstance(facts, dict) else None
        if written is None or written != _checksum(facts, tensors):
            raise DamagedFile(self._path, "its content does not match its checksum")
        if (changed := difference(facts["made_by"])) is not None:
            raise DamagedFile(self._path, f"it is of other versions: {changed}")
        if facts["fingerprint"] != self._fingerprint:
            raise DamagedFile(self._path, "it belongs to a run with other rows, recipe or precision")
        for number, (training, state) in enumerate(zip(trainings, facts["states"], strict=True)):
            _restore(training, f"{number}:", tensors)
            vars(training.state).update(state)


def _restore(training: Resumable, prefix: str, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, parameter in training.parameters.items():
        with torch.no_grad():
            parameter.copy_(tensors[f"{prefix}parameter:{name}"])
        if f"{prefix}best:{name}" in tensors:
            training.best[name] = tensors[f"{prefix}best:{name}"].to(parameter.device)
        training.optimizer.state[parameter] = {
            key: tensors[f"{prefix}{key}:{name}"].to(parameter.device)
            for key in ("step", "exp_avg", "exp_avg_sq")
            if f"{prefix}{key}:{name}" in tensors
        }


def _checksum(facts: dict[str, object], tensors: dict[str, torch.Tensor]) -> str:
    """Return the hash of everything in a checkpoint: facts, names, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
