"""What results and report of a study of many trials cost, by their number: a made-up run with an instant learner.

    python benchmarks/study/many_trials.py [--trials 125 250 500] [--test-rows 100]

Prints processor seconds and peak memory of the study as a whole (its trials take next to nothing: what is left is plan, records,
results and report after trials), and of what `tunecurve report` does once. Times of the processor, so that other work on the machine
counts little; each number of trials is a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from tunecurve.learners.base import Completion, Learner, TrainingJob, TrainingRecord, Tuned, unanswered
from tunecurve.report.write import write_report
from tunecurve.results.stored import load
from tunecurve.run import run_study

SIZES = [50, 100, 200, 400]


class Instant(Learner):
    """Answers the input, with as many digits changed as it saw few rows; is tuned in no time."""

    def __init__(self, n_rows: int = 0) -> None:
        self.n_rows = n_rows

    def identity(self) -> dict[str, Any]:
        """Return what it is."""
        return {"kind": "instant", "version": 1}

    def training_identity(self) -> dict[str, object]:
        """Return what its training depends on, so that equal trainings are looked for, as with language models."""
        return {"kind": "instant"}

    def tuned_files(self) -> tuple[str, ...]:
        """Return where the tuned model is."""
        return ("rows.txt",)

    def predict_stream(self, prompts: Any, done: Any = ()) -> Any:
        """Answer every row."""
        for index, prompt in unanswered(prompts, done):
            is_right = (index * 7919) % 997 < 500 + self.n_rows
            text = prompt.source if is_right else prompt.source[::-1]
            yield index, Completion(text, "end", 1, 1, 0.0)

    def resolve_recipe(self, recipe: dict[str, object], n_examples: int) -> dict[str, object]:
        """Return a recipe of one step."""
        return {"name": "instant", "epochs": 1, "n_steps": 1, "learning_rate": 1.0, "batch_size": 1, "lora_rank": 1}

    def fine_tune(self, job: TrainingJob, on_step: Any) -> Tuned:
        """Count the rows."""
        n_rows = len(job.examples)
        (job.folder / "rows.txt").write_text(str(n_rows))
        return Tuned(Instant(n_rows), TrainingRecord(1, 1, n_rows, [0.5], 0.0, n_rows, job.recipe, "instant"))

    def load_tuned(self, folder: Path) -> Learner:
        """Read the count."""
        return Instant(int((folder / "rows.txt").read_text()))


def measure(n_trials: int, n_test: int, queue: Any) -> None:
    """Run a study of about so many trials, and tell what it, its results and its report cost."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        began = time.process_time()
        done = run_study(
            {"name": "many", "data": {"source": "builtin:pii", "limit": 2000}, "split": {"test_size": n_test}, "models": ["instant"],
             "shots": [0], "train_sizes": SIZES, "seeds": max(1, n_trials // len(SIZES)), "training_score_rows": 0},
            out=folder, learners={"instant": Instant()},
        )  # fmt: skip
        whole = time.process_time() - began
        began = time.process_time()
        write_report(folder, load(folder))
        report = time.process_time() - began
        page = (folder / "report.html").stat().st_size / 1e6
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        queue.put((len(done.results.trials), whole, report, page, memory))


def main() -> None:
    """Print one row a number of trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[125, 250, 500])
    parser.add_argument("--test-rows", type=int, default=100)
    options = parser.parse_args()
    print(
        "| trials | the study, processor s | ms a trial | report once, s | page, MB | peak memory, MiB |\n|---|---|---|---|---|---|"
    )
    context = multiprocessing.get_context("spawn")
    for n_trials in options.trials:
        queue = context.Queue()
        process = context.Process(target=measure, args=(n_trials, options.test_rows, queue))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(f"the study of {n_trials} trials ended with {process.exitcode}")
        n, whole, report, page, memory = queue.get()
        print(
            f"| {n:,} | {whole:.1f} | {1000 * whole / n:.0f} | {report:.2f} | {page:.1f} | {memory:.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
