"""Lookup learners that take their time or die, for tests of many workers; also a script that runs a study with one.

As a script: python -m tests.fakes.slow_learner ROWS OUT EXECUTOR SECONDS|FOLDER, of which a folder is where processes meet
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, cast

from tests.fakes.lookup_learner import LookupLearner

STUDY = {
    "name": "tiny",
    "split": {"test_size": 30, "method": "random"},
    "models": ["lookup"],
    "shots": [0, 2],
    "train_sizes": [5, 20, 80],
    "seeds": 2,
    "bootstrap": {"draws": 100},
}


class SlowLearner(LookupLearner):
    """Needs some seconds for its answers, and says who gave them."""

    def __init__(self, seconds=0.0, name="lookup", known=None):
        super().__init__(name, known)
        self.seconds = seconds

    def predict_stream(self, prompts, done=()):
        for index, answer in super().predict_stream(prompts, done):
            time.sleep(self.seconds / len(prompts))
            yield index, answer

    def fine_tune(self, job, on_step):
        (job.folder / "workers.txt").open("a").write(f"{os.getpid()}\n")
        return super().fine_tune(job, on_step)

    def load_tuned(self, folder):
        return SlowLearner(self.seconds, self.name, super().load_tuned(folder).known)


class MeetingLearner(SlowLearner):
    """Tunes when two processes do: on a busy machine one would have done everything before the other has begun."""

    def __init__(self, marks):
        super().__init__()
        self.marks = Path(marks)

    def fine_tune(self, job, on_step):
        self.marks.mkdir(exist_ok=True)
        (self.marks / str(os.getpid())).touch()
        end = time.monotonic() + 60
        while len(list(self.marks.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        return super().fine_tune(job, on_step)


class DyingLearner(SlowLearner):
    """Its process is killed in the middle of the answers of one size, as often as is asked for."""

    def __init__(self, marks, size=20, times=1, known=None):
        super().__init__(0.0, "lookup", known)
        self.marks, self.size, self.times = Path(marks), size, times
        self.n_examples = 0

    def fine_tune(self, job, on_step):
        self.n_examples = len(job.examples)
        return super().fine_tune(job, on_step)

    def load_tuned(self, folder):
        tuned = DyingLearner(self.marks, self.size, self.times, LookupLearner.load_tuned(self, folder).known)
        tuned.n_examples = self.n_examples
        return tuned

    def predict_stream(self, prompts, done=()):
        for index, answer in super().predict_stream(prompts, done):
            yield index, answer
            n_deaths = len(list(self.marks.iterdir()))
            if self.n_examples == self.size and index == 11 and n_deaths < self.times:
                (self.marks / str(n_deaths)).touch()
                os.kill(os.getpid(), signal.SIGKILL)


def run(rows, out, executor, learner, **options):
    """Run the study of this module."""
    from tunecurve.run import run_study

    study = {**STUDY, "data": {"source": str(rows)}}
    return run_study(study, out=out, learners={"lookup": learner}, executor=executor, **options)


if __name__ == "__main__":
    import tunecurve.report.live
    from tunecurve.cli.console import stopping_on_interrupt
    from tunecurve.errors import TunecurveError, explain_os_error
    from tunecurve.executors.options import Executor
    from tunecurve.study.progress import Progress

    rows, out, name, pace = sys.argv[1:]
    # Drawing the report takes longer than the study.
    live: Any = tunecurve.report.live
    live.write_report = lambda folder, results: None
    listener = Progress()
    learner = MeetingLearner(pace) if Path(pace).is_absolute() else SlowLearner(float(pace))
    try:
        with stopping_on_interrupt(listener):
            run(rows, out, Executor(cast(Any, name)), learner, progress=listener)
    except (TunecurveError, OSError) as error:  # as the command line ends
        problem = error if isinstance(error, TunecurveError) else explain_os_error(error)
        if problem is None:
            raise
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.exit_code)
