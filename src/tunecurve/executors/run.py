"""From the executor's name to the executor. What is heavy is imported only for the executor that needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tunecurve.errors import UsageError
from tunecurve.executors.base import AfterEach, Outcome, run_serially
from tunecurve.learners.base import Learner
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext

ExecutorName = Literal["local", "shared", "ray"]


@dataclass(frozen=True)
class Executor:
    """How the trials of a study are run.

    Attributes
    ----------
    name : {"local", "shared", "ray"}
        On this machine; sharing a directory with the same command elsewhere; on a Ray cluster.
    workers : int or None
        For ``local``: trials at once; default: one a CUDA device, else one.
    ray_address : str or None
        For ``ray``: the cluster, as `ray.init` takes it; default: ``$RAY_ADDRESS``, else a cluster of this machine.
    gpus_per_trial : float
        For ``ray``: share of a GPU for each trial; 0 computes on the CPU.
    """

    name: ExecutorName = "local"
    workers: int | None = None
    ray_address: str | None = None
    gpus_per_trial: float = 0.0

    def __post_init__(self) -> None:
        """Refuse options that belong to another executor.

        Raises
        ------
        UsageError
            Naming the option and its executor.
        """
        if self.name not in ("local", "shared", "ray"):
            raise UsageError(f"unknown executor '{self.name}'; expected local, shared or ray")
        if self.workers is not None and self.name != "local":
            raise UsageError(f"--workers belongs to --executor local, not to {self.name}; drop it")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers}: expected 1 or more")
        if self.name != "ray" and (self.ray_address is not None or self.gpus_per_trial):
            raise UsageError("--ray-address and --gpus-per-trial belong to --executor ray; add it, or drop them")

    @property
    def is_shared(self) -> bool:
        """Whether several processes lead the study together."""
        return self.name == "shared"


def run_trials(
    context: TrialContext, executor: Executor, folder: Path, progress: Progress, after_each: AfterEach
) -> Outcome:
    """Run the trials that are not finished; same arguments and errors as `run_serially`."""
    if executor.name == "shared":
        from tunecurve.executors.shared import run_shared

        return run_shared(context, folder, progress, after_each)
    if executor.name == "ray":
        from tunecurve.executors.ray import RayWorkers

        return _lead(context, RayWorkers(context, folder, executor), progress, after_each)
    devices = cuda_devices(context.learners)
    n_workers = executor.workers or max(1, len(devices))
    if n_workers == 1:
        return run_serially(context, progress, after_each)
    from tunecurve.executors.processes import LocalWorkers

    return _lead(context, LocalWorkers(context, n_workers, deal(devices, n_workers)), progress, after_each)


def _lead(context: TrialContext, workers, progress: Progress, after_each: AfterEach) -> Outcome:  # type: ignore[no-untyped-def]
    from tunecurve.executors.coordinator import run_on_workers

    with workers:
        return run_on_workers(context, workers, progress, after_each)


def cuda_devices(learners: Mapping[str, Learner]) -> list[str]:
    """Return the CUDA devices of this machine, as CUDA_VISIBLE_DEVICES names them, if a learner computes there."""
    if not any(learner.resources.is_on_cuda for learner in learners.values()):
        return []
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def deal(devices: list[str], n_workers: int) -> list[str]:
    """Return a device for each worker, in turn; none where there are none."""
    return [devices[number % len(devices)] for number in range(n_workers)] if devices else []
