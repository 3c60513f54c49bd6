"""Measure learning curves of public data sets with this program: the curve farm.

    python benchmarks/curves/farm.py --data FOLDER --out FOLDER [--learners tfidf,tagger] [--sets snips,wnut17] [--largest 400]

Every set and learner is a study in a run folder of its own, OUT/runs/SET--LEARNER. The same command continues where it was
stopped, started several times at once it shares the studies out (a study is held by a lock, which ends with its process).
Small sizes come first: rounds up to 100, 400 and all rows. OUT/points.csv has one row a trial and metric, and no text.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from points import falls_somewhere, merged, points_of_run, write_points
from sets import LEARNERS, SEEDS, SEEDS_AFTER_A_FALL, TABLE, CurveSet, read_sets, study_of

from tunecurve import __version__
from tunecurve.cancellation import Cancellation
from tunecurve.cli.console import stopping_on_interrupt
from tunecurve.errors import Interrupted, TunecurveError
from tunecurve.learners.base import TrainingProgress
from tunecurve.run import run_study
from tunecurve.study.plan import Trial
from tunecurve.study.progress import Progress

ROUNDS = (100, 400, None)
# Learners that are so cheap that all sizes are one round.
IN_ONE_ROUND = ("tfidf",)


@dataclass(frozen=True)
class Job:
    """One set and learner, with sizes up to `largest`."""

    one: CurveSet
    learner: str
    largest: int | None
    fewest_runs: int | None = None
    """Runs a size, where fewer than usual are wanted first."""

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return f"{self.one.name}--{self.learner}"

    def is_done(self, out: Path) -> bool:
        """Whether all of its sizes were measured, with as many runs as are wanted."""
        with suppress(FileNotFoundError, ValueError):
            done = json.loads((out / "done" / f"{self.name}.json").read_text())
            all_sizes = set(self.one.sizes(self.learner, self.largest)) <= set(done["sizes"])
            return all_sizes and done["seeds"] >= self.seeds(out)
        return False

    def seeds(self, out: Path) -> int:
        """Runs a size: more than usual where the curve that was measured so far falls somewhere."""
        usual = self.fewest_runs or SEEDS[self.learner]
        after_a_fall = max(usual, SEEDS_AFTER_A_FALL.get(self.learner, usual))
        return after_a_fall if falls_somewhere(points_of_run(self.one, out / "runs" / self.name)) else usual

    def mark_done(self, out: Path) -> None:
        """Remember that all of its sizes were measured."""
        (out / "done").mkdir(exist_ok=True)
        sizes = self.one.sizes(self.learner, self.largest)
        content = {"sizes": sizes, "seeds": self.seeds(out), "version": __version__}
        (out / "done" / f"{self.name}.json").write_text(json.dumps(content))


class FarmProgress(Progress):
    """Prints a line a trial, and asks to stop when the time is over."""

    def __init__(self, max_minutes: float | None) -> None:
        ends_at = time.monotonic() + 60 * max_minutes if max_minutes else float("inf")
        self.cancellation = Cancellation(lambda: time.monotonic() > ends_at)
        self.job = ""

    def say(self, line: str) -> None:
        """Print a line with the time."""
        print(f"{datetime.now(UTC):%H:%M:%S} [{os.getpid()}] {self.job}: {line}", flush=True)

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Say nothing: a line a step is too much for days."""

    def trial_finished(self, trial: Trial, score_line: str, seconds: float) -> None:
        """Print score and time."""
        self.say(f"{trial.learner} {trial.label}: {score_line}, {seconds:.0f} s")

    def trial_failed(self, trial: Trial, reason: str) -> None:
        """Print why."""
        self.say(f"{trial.learner} {trial.label}: FAILED: {reason}")


def list_jobs(
    sets: Sequence[CurveSet], learners: Sequence[str], largest: int | None, *, rounds: bool, runs: int | None = None
) -> list[Job]:
    """Return the jobs: a round of small sizes over all sets before the next one, cheap learners first."""
    wanted = [(one, learner) for learner in learners for one in sets if learner in one.learners]
    jobs: list[Job] = []
    for limit in ROUNDS if rounds else (None,):
        for one, learner in wanted:
            end = min((size for size in (limit, largest) if size is not None), default=None)
            job = Job(one, learner, largest if learner in IN_ONE_ROUND else end, runs)
            if not any(
                earlier.name == job.name and one.sizes(learner, earlier.largest) == one.sizes(learner, job.largest)
                for earlier in jobs
            ):
                jobs.append(job)
    return jobs


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a lock that ends with the process; False where another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def run_job(job: Job, options: argparse.Namespace, progress: FarmProgress) -> str | None:
    """Run what is left of a job; return why it failed, None where it did not.

    Raises
    ------
    Interrupted
        When somebody asked to stop, or the time is over.
    """
    seeds = 0
    while seeds < job.seeds(options.out):  # a curve that falls somewhere is run once more
        seeds = job.seeds(options.out)
        reason = _run_study(job, seeds, options, progress)
        if reason is not None:
            return reason
    job.mark_done(options.out)
    return None


def _run_study(job: Job, seeds: int, options: argparse.Namespace, progress: FarmProgress) -> str | None:
    try:
        done = run_study(
            study_of(job.one, job.learner, options.data, job.largest, seeds),
            out=options.out / "runs" / job.name,
            device="cpu" if job.learner == "tfidf" else options.device,
            threads=options.threads,
            progress=progress,
        )
    except Interrupted:
        raise
    except TunecurveError as error:
        return str(error)
    if done.outcome.failures:
        return f"{len(done.outcome.failures)} trial(s) failed: {next(iter(done.outcome.failures.values()))}"
    return None


def write_table(sets: Sequence[CurveSet], out: Path) -> int:
    """Write points.csv from all run folders and return the number of points."""
    with held(out / "locks" / "points.csv.lock") as is_mine:
        if not is_mine:
            return 0
        rows = [
            row
            for one in sets
            for learner in LEARNERS
            for row in points_of_run(one, out / "runs" / f"{one.name}--{learner}")
        ]
        table = merged([rows], [one.name for one in sets])
        write_points(out / "points.csv", table)
        return len(table)


def work_through(jobs: Sequence[Job], options: argparse.Namespace, progress: FarmProgress) -> dict[str, str]:
    """Run the jobs that nobody else holds; return the failures by job."""
    failures: dict[str, str] = {}
    left = [job for job in jobs if not job.is_done(options.out)]
    print(f"{len(jobs)} jobs, {len(jobs) - len(left)} of them finished", flush=True)
    for job in left:
        if progress.cancellation.is_requested:
            raise Interrupted("the time is over")
        with held(options.out / "locks" / f"{job.name}.lock") as is_mine:
            if not is_mine or job.is_done(options.out) or job.name in failures:
                continue
            progress.job = job.name
            sizes = job.one.sizes(job.learner, job.largest)
            progress.say(f"sizes {sizes[0]} to {sizes[-1]}, {job.seeds(options.out)} seed(s)")
            reason = run_job(job, options, progress)
        if reason is not None:
            failures[job.name] = reason
            progress.say(f"FAILED: {reason}")
        write_table(options.all_sets, options.out)
    return failures


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options, with sets and learners looked up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and points.csv")
    parser.add_argument("--table", type=Path, default=TABLE, help="table of sets")
    parser.add_argument("--learners", default=",".join(LEARNERS), help="in running order: " + ",".join(LEARNERS))
    parser.add_argument("--sets", help="names, in running order; default: all of the table")
    parser.add_argument("--largest", type=int, help="largest training size")
    parser.add_argument("--runs", type=int, help="runs a size, where fewer than usual are wanted first")
    parser.add_argument("--max-minutes", type=float, help="stop after so many minutes; the same command continues")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of one process; part of what is measured")
    parser.add_argument("--no-rounds", action="store_true", help="every study at once, not small sizes of all first")
    parser.add_argument("--list", action="store_true", help="print the jobs and their state, run nothing")
    options = parser.parse_args(arguments)
    options.all_sets = read_sets(options.table)
    by_name = {one.name: one for one in options.all_sets}
    names = options.sets.split(",") if options.sets else list(by_name)
    learners = options.learners.split(",")
    for wrong in [name for name in names if name not in by_name]:
        parser.error(f"--sets: no set {wrong!r}; there are: {', '.join(by_name)}")
    for wrong in [name for name in learners if name not in LEARNERS]:
        parser.error(f"--learners: no learner {wrong!r}; there are: {', '.join(LEARNERS)}")
    options.sets, options.learners = [by_name[name] for name in names], learners
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the farm; the exit code says whether all of it is done (0), something failed (6) or is left (130)."""
    options = parse_options(arguments)
    rounds = not options.no_rounds
    jobs = list_jobs(options.sets, options.learners, options.largest, rounds=rounds, runs=options.runs)
    if options.list:
        for job in jobs:
            sizes: list[Any] = job.one.sizes(job.learner, job.largest)
            print(f"{'done' if job.is_done(options.out) else 'open'} {job.name} {sizes[0]}..{sizes[-1]}")
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    progress = FarmProgress(options.max_minutes)
    failures: dict[str, str] = {}
    code = 0
    try:
        with stopping_on_interrupt(progress):
            failures = work_through(jobs, options, progress)
    except Interrupted as interrupted:
        print(f"{interrupted}; the same command continues", flush=True)
        code = 130
    print(f"{write_table(options.all_sets, options.out)} points in {options.out / 'points.csv'}", flush=True)
    for name, reason in failures.items():
        print(f"{name}: {reason}", file=sys.stderr)
    return 6 if failures else code


if __name__ == "__main__":
    sys.exit(main())
