"""What an executor costs a trial: a thousand tiny trials, serially, shared by processes on one directory, and through Ray.

Usage: python benchmarks/executors/overhead.py [--trials 1000] [--workers 2] [--only serial,shared,local,ray]

The learner is instant, so what is measured is the executor: choosing and claiming, config, answers, scores and result on
disk with fsync, progress. Overhead per trial = wall time x places / trials.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

from tunecurve.executors.options import Executor
from tunecurve.executors.run import run_trials
from tunecurve.learners.base import Completion, Learner, TrainingProgress, TrainingRecord, Tuned
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.settings import MetricSettings
from tunecurve.storage.files import make_folder
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext


class InstantLearner(Learner):
    """Copies its input; its training is a file of one byte."""

    name = "instant"

    def identity(self) -> dict:
        """Return who it is."""
        return {"kind": "instant"}

    def predict_stream(self, prompts, done=()):
        """Yield the inputs."""
        for index, prompt in enumerate(prompts):
            if index not in done:
                yield index, Completion(prompt.source, "end")

    def resolve_recipe(self, recipe, n_examples):
        """Return the recipe."""
        return {"epochs": 1, "n_steps": 1}

    def fine_tune(self, job, on_step):
        """Write one byte."""
        (job.folder / "model.txt").write_text("x")
        on_step(TrainingProgress(1, 1, 0.5, 1.0))
        record = TrainingRecord(1, 1, len(job.examples), [0.5], 0.0, 1, job.recipe, "instant")
        return Tuned(self, record)

    def load_tuned(self, folder):
        """Return itself."""
        return self


def write_rows(folder: Path) -> None:
    """Write 60 rows."""
    lines = [{"source_text": f"Bo{n} ran to {n % 7}", "target_text": f"[NAME] ran to {n % 7}"} for n in range(60)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def study_in(folder: Path, n_trials: int):
    """Return a study of so many trials, prepared."""
    values = {
        "name": "tiny", "data": {"source": str(folder / "rows.jsonl")}, "split": {"test_size": 10, "method": "random"},
        "models": ["instant"], "shots": [], "train_sizes": [5], "seeds": n_trials - 1,
    }  # fmt: skip
    return prepare_study(values, StudyOptions(folder / "out", learners={"instant": InstantLearner()}))


def run(folder: Path, n_trials: int, executor: Executor) -> None:
    """Run all trials; results and report are left out: they cost the study, not the trial."""
    study = study_in(folder, n_trials)
    make_folder(study.folder / "trials")
    work = TrialContext(
        study.planned, study.data, study.learners, build_metrics(study.spec.metric_names, MetricSettings(("NAME",)))
    )
    run_trials(work, executor, study.folder, Progress(), lambda failures: None)


def measure(name: str, n_trials: int, n_workers: int) -> None:
    """Print what one executor took."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_rows(folder)
        places = 1 if name == "serial" else n_workers
        started = time.perf_counter()
        if name == "shared":
            context = multiprocessing.get_context("spawn")
            processes = [
                context.Process(target=run, args=(folder, n_trials, Executor("shared"))) for _ in range(n_workers)
            ]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
        else:
            run(folder, n_trials, Executor("ray") if name == "ray" else Executor(workers=places))
        seconds = time.perf_counter() - started
        n_done = len(list((folder / "out" / "trials").glob("*/result.json")))
        assert n_done == n_trials, f"{n_done} of {n_trials} trials have a result"
    print(
        f"{name:8s} {n_trials} trials on {places} places: {seconds:.1f} s in all, {1000 * seconds * places / n_trials:.0f} ms a trial",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="serial,local,shared,ray")
    given = parser.parse_args()
    for name in given.only.split(","):
        measure(name, given.trials, given.workers)
