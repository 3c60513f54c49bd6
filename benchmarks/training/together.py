"""Seconds of a whole ladder: all its trainings at once, and one after another, on this machine, in one run.

    python benchmarks/training/together.py [--sizes 50,100,200,400,800] [--seeds 3] [--device auto] [--first 30]
        [--model smollm2-135m-instruct]

The rows of builtin:pii behind their instruction, the default recipe. On a GPU each of the two is measured with its
steps recorded (`cuda_graphs.py`, what the tool does there) and with every kernel launched by itself; and one after another
also with the backend of unknown models (``cached``). Seconds run from the end of the first step to the end of the
last, loading left out, recording not. With `--first N` the ways that are not recorded take N steps of one training of
every size and are reckoned for the rest at the median of theirs. Printed: seconds, times the fastest, and how far the losses differ.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

import torch
from compare import training_rows

from tunecurve.errors import Interrupted
from tunecurve.learners.base import TrainingJob, TrainingProgress
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.training.cuda_graphs import CudaGraphs
from tunecurve.learners.torch.device import choose_compute
from tunecurve.learners.torch.weights import resolve_model


class Timed(NamedTuple):
    """Seconds of a way, those of its longest piece, and every training's losses, as far as it was run."""

    seconds: float
    longest: float
    losses: dict[str, list[float]]


class Clock:
    """Notes losses, and when a step of all trainings had ended; stops a way after its first steps where asked to."""

    def __init__(self, n_trainings: int, n_first: int) -> None:
        self.losses: list[list[float]] = [[] for _ in range(n_trainings)]
        self.ends: dict[int, float] = {}
        self._n_first = n_first

    def __call__(self, number: int, progress: TrainingProgress) -> None:
        """Note a step of a training."""
        self.losses[number].append(progress.loss)
        self.ends[progress.step] = time.perf_counter()
        if self._n_first and progress.step > self._n_first:
            raise Interrupted("as many steps as asked for")

    def seconds(self, n_steps: int) -> float:
        """Return the seconds from the end of the first step to the end of the last."""
        ends = [self.ends[step] for step in sorted(self.ends)]
        if len(ends) >= n_steps:
            return ends[-1] - ends[0]
        step = statistics.median(later - earlier for earlier, later in itertools.pairwise(ends))
        return step * (n_steps - 1)


def measure(
    groups: Iterable[Sequence[TrainingJob]], train: Callable[..., object], n_first: int = 0, times: int = 1
) -> Timed:
    """Train the groups one after another, those of a group by one call of `train`; each stands for `times` of its kind."""
    seconds, losses = [], {}
    for jobs in groups:
        clock = Clock(len(jobs), n_first)
        with suppress(Interrupted), tempfile.TemporaryDirectory() as folder:
            train(jobs, folder=Path(folder), on_step=clock)
        seconds.append(clock.seconds(max(job.recipe["n_steps"] for job in jobs)))
        print(f"  {len(jobs)} at once, {len(clock.ends)} steps taken, {seconds[-1]:.1f} s for all", flush=True)
        losses |= {job.folder.name: own for job, own in zip(jobs, clock.losses, strict=True)}
    return Timed(times * sum(seconds), max(seconds), losses)


def launched_one_by_one(train: Callable[..., object]) -> Callable[..., object]:
    """Return the training without recorded steps."""

    def without(*args: object, **options: object) -> None:
        def never(*arguments: object, may_record: bool) -> CudaGraphs:
            return CudaGraphs(*arguments, may_record=False)

        with patch("tunecurve.learners.lm.training.backends.CudaGraphs", never):
            train(*args, **options)

    return without


def difference(one: Timed, other: Timed) -> float:
    """Return the largest difference between two ways' losses, relative to the loss, over the steps that both took."""
    pairs = [(one.losses[name], other.losses[name]) for name in one.losses.keys() & other.losses.keys()]
    both = [(a, b) for first, second in pairs for a, b in zip(first, second, strict=False)]
    return max(abs(a - b) / max(a, b) for a, b in both)


def main() -> None:
    """Measure the ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="50,100,200,400,800")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--first", type=int, default=0, help="steps of the ways that are not recorded (default: all)")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    learner = LocalLearner(resolve_model(options.model), choose_compute(options.device))
    rows = training_rows(max(sizes) * options.seeds)
    with tempfile.TemporaryDirectory() as out:
        jobs = []
        for size in sizes:
            for seed in range(options.seeds):
                folder = Path(out) / f"{size}-{seed}"
                folder.mkdir()
                own = rows[seed * max(sizes) :][:size]
                jobs.append(TrainingJob(own, learner.resolve_recipe({}, size), seed, folder))

        alone = LocalLearner(learner.files, learner.compute, backend="cached").fine_tune_together
        each, many = [[job] for job in jobs], learner.fine_tune_together
        some, times = (each[:: options.seeds], options.seeds) if options.first else (each, 1)
        ways = {}
        if learner.compute.device.type == "cuda":
            measure([jobs[:1]], many, 5)  # the libraries' first use of the device
            ways["all at once, steps recorded"] = measure([jobs], many)
            ways["all at once"] = measure([jobs], launched_one_by_one(many), options.first)
            ways["one after another, steps recorded"] = measure(each, many)
            ways["one after another"] = measure(some, launched_one_by_one(many), options.first, times)
            peak = torch.cuda.max_memory_allocated() / 1e9
            print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; peak {peak:.1f} GB of its memory")
        else:
            ways["all at once"] = measure([jobs], many, options.first)
        ways["one after another, transformers' cache"] = measure(some, alone, options.first, times)
    n_steps = [job.recipe["n_steps"] for job in jobs]
    print(f"{options.model}, {learner.compute.describe()}; {len(jobs)} trainings of {sorted(set(n_steps))} steps")
    fastest = min(way.seconds for way in ways.values())
    reference = ways["one after another, transformers' cache"]
    print("| | s | times the fastest | the longest training alone, s | largest difference of a loss |")
    print("|---|---|---|---|---|")
    for name, way in ways.items():
        longest = "" if name.startswith("all") else f"{way.longest:.1f}"
        print(
            f"| {name} | {way.seconds:.1f} | {way.seconds / fastest:.1f} | {longest} | {difference(way, reference):.1e} |"
        )


if __name__ == "__main__":
    main()
