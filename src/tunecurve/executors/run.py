"""From the executor's name to the executor. What is heavy is imported only for the executor that needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunecurve.executors.base import AfterEach, Outcome, run_serially
from tunecurve.executors.options import Executor
from tunecurve.learners.base import Learner
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext


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


def _lead(context: TrialContext, workers: Any, progress: Progress, after_each: AfterEach) -> Outcome:
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
