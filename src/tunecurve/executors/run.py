"""From the executor's name to the executor. What is heavy is imported only for the executor that needs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tunecurve.executors.base import AfterEach, Recorder, RunSummary
from tunecurve.executors.coordinator import run_on_workers
from tunecurve.executors.options import Executor
from tunecurve.executors.serial import run_serially
from tunecurve.learners.base import Learner
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext


def run_trials(
    context: TrialContext, executor: Executor, folder: Path, progress: Progress, after_each: AfterEach
) -> RunSummary:
    """Run the trials that are not finished, and return how they ended.

    Raises
    ------
    Interrupted, MoneyError, EnvironmentProblem
        As `run_serially`.
    """
    recorder = Recorder(progress, after_each, context.metrics[0])
    devices = cuda_devices(context.learners) if executor.name == "local" else []
    n_workers = executor.workers or max(1, len(devices))
    if (
        context.time is not None and n_workers > 1
    ):  # not asked for: a plan for a time is one of trials that follow one another
        progress.message(
            f"trials run one after the other, as the study is planned for a time: one of {n_workers} GPUs is used"
        )
        n_workers = 1
    if executor.name == "shared":
        from tunecurve.executors.shared import run_shared

        run_shared(context, folder, recorder)
    elif executor.name == "ray":
        from tunecurve.executors.ray import RayWorkers

        with RayWorkers(context, folder, executor) as cluster:
            run_on_workers(context, cluster, recorder)
    elif n_workers == 1:
        run_serially(context, recorder)
    else:
        from tunecurve.executors.processes import LocalWorkers

        with LocalWorkers(context, n_workers, deal(devices, n_workers)) as processes:
            run_on_workers(context, processes, recorder)
    return recorder.summary


def cuda_devices(learners: Mapping[str, Learner]) -> list[str]:
    """Return the CUDA devices of this machine, as CUDA_VISIBLE_DEVICES names them, if a learner computes there."""
    if not any(learner.resources.is_on_cuda for learner in learners.values()):
        return []
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def deal(devices: list[str], n_workers: int) -> list[str]:
    """Return a device for each worker, in turn; none where there are none."""
    return [devices[number % len(devices)] for number in range(n_workers)] if devices else []
