"""What every learner that computes with torch in this process has in common: machine, and the way to a worker."""

from __future__ import annotations

from typing import Any

from tunecurve.learners.base import Learner
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.workload import Resources


class TorchLearner(Learner):
    """A learner whose model is loaded from files when it is first needed.

    Attributes
    ----------
    files : ModelFiles
        The model's files.
    compute : Compute
        Where and how precisely it computes.
    checkpoint_every_seconds : float
        Time between training checkpoints.
    """

    files: ModelFiles
    compute: Compute
    checkpoint_every_seconds: float
    _loaded: Any = None

    def __getstate__(self) -> dict[str, object]:
        """Travel to a worker without the loaded model: the worker loads the files itself."""
        return {**self.__dict__, "_loaded": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Arrive in a worker, which computes with as many threads as the trial's identity says."""
        self.__dict__.update(state)
        self.compute.apply()

    @property
    def resources(self) -> Resources:
        """What of this machine it computes with."""
        return self.compute.resources
