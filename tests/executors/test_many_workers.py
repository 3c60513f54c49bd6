"""Results do not depend on the executor: one process, worker processes, several processes on one directory."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import pytest

from tests.fakes.slow_learner import DyingLearner, MeetingLearner, SlowLearner, run
from tunecurve.errors import Interrupted, StudyStateError, UsageError
from tunecurve.executors.base import Recorder
from tunecurve.executors.events import Lost
from tunecurve.executors.leases import LeaseStore
from tunecurve.executors.options import Executor
from tunecurve.executors.processes import LocalWorkers
from tunecurve.executors.run import cuda_devices, deal
from tunecurve.executors.worker import without_bars
from tunecurve.results.stored import without_times
from tunecurve.study.progress import Progress
from tunecurve.study.trial_folder import TrialFolder

WORKERS = Executor(workers=2)


class Listener(Progress):
    """Remembers what it is told; asks to stop when told to."""

    def __init__(self, stop_after=None):
        self.lines, self.started, self.ended, self.steps = [], [], [], []
        self.stop_after = stop_after

    def message(self, line):
        self.lines.append(line)

    def trial_started(self, trial):
        self.started.append(trial.label)

    def trained(self, trial, progress):
        self.steps.append(trial.label)

    def trial_finished(self, trial, score_line, seconds):
        self.ended.append(trial.label)
        self.stop_requested = self.stop_after is not None and len(self.ended) >= self.stop_after

    def trial_failed(self, trial, reason):
        self.ended.append(trial.label)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    import json

    from tests.conftest import simple_rows

    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    return path


@pytest.fixture(scope="module")
def serial(rows, tmp_path_factory):
    """The results of one process that runs trial after trial."""
    return without_times(run(rows, tmp_path_factory.mktemp("serial"), None, SlowLearner()).results)


def who_tuned(out):
    return {pid for path in (out / "trials").glob("*/workers.txt") for pid in path.read_text().split()}


def test_worker_processes_give_the_results_of_one_process_and_tell_what_they_do(rows, tmp_path, serial):
    listener = Listener()
    done = run(rows, tmp_path / "out", WORKERS, MeetingLearner(tmp_path / "met"), progress=listener)
    assert without_times(done.results) == serial
    assert done.outcome.n_run == len(listener.ended) == len(serial["trials"])
    assert str(os.getpid()) not in who_tuned(tmp_path / "out")
    assert len(who_tuned(tmp_path / "out")) == 2
    assert set(listener.steps) == {f"fine-tune-n{n}-seed{seed}" for n in (5, 20, 80) for seed in (0, 1)}
    again = run(rows, tmp_path / "out", WORKERS, SlowLearner())
    assert (again.outcome.n_run, again.outcome.n_found_finished) == (0, len(serial["trials"]))


def test_the_trial_of_a_killed_worker_is_started_again(rows, tmp_path, serial):
    marks = tmp_path / "marks"
    marks.mkdir()
    listener = Listener()
    done = run(rows, tmp_path / "out", WORKERS, DyingLearner(marks, times=2), progress=listener)
    again = [line for line in listener.lines if line.endswith("it is started again")]
    assert len(again) == 2
    assert all("ended by SIGKILL (out of memory?)" in line for line in again)
    assert without_times(done.results) == serial


def test_a_stop_ends_the_workers_and_the_same_command_continues(rows, tmp_path, serial):
    with pytest.raises(Interrupted):
        run(rows, tmp_path / "out", WORKERS, SlowLearner(0.5), progress=Listener(stop_after=3))
    assert len(list((tmp_path / "out" / "trials").glob("*/result.json"))) < len(serial["trials"])
    assert without_times(run(rows, tmp_path / "out", WORKERS, SlowLearner()).results) == serial


def sharing(rows, out, pace):
    command = [sys.executable, "-m", "tests.fakes.slow_learner", str(rows), str(out), "shared", str(pace)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_processes_on_one_directory_share_the_trials_and_each_ends_with_all_results(rows, tmp_path, serial):
    out = tmp_path / "out"
    processes = [sharing(rows, out, tmp_path / "met") for _ in range(2)]
    for process in processes:
        assert process.wait(timeout=120) == 0, process.stderr.read()
    assert who_tuned(out) == {str(process.pid) for process in processes}
    done = run(rows, out, Executor("shared"), SlowLearner())
    assert done.outcome.n_run == 0
    assert without_times(done.results) == serial


def test_a_killed_sharer_is_replaced_by_the_other_one(rows, tmp_path, serial):
    out = tmp_path / "out"
    victim = sharing(rows, out, 6)
    deadline = time.monotonic() + 60
    while not list((out / "trials").glob("*fine-tune*/predictions.partial.jsonl")):
        assert victim.poll() is None, victim.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(
        StudyStateError, match=rf"worked on by process {victim.pid} on .* add --executor shared to help"
    ):
        run(rows, out, None, SlowLearner())
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    done = run(rows, out, Executor("shared"), SlowLearner())
    assert str(victim.pid) in who_tuned(out)
    assert without_times(done.results) == serial


def test_a_sharer_is_not_let_in_where_one_works_alone(rows, tmp_path):
    from tunecurve.executors.lock import lock_study

    (tmp_path / "out").mkdir()
    with lock_study(tmp_path / "out"), pytest.raises(StudyStateError, match="which does not share it"):
        run(rows, tmp_path / "out", Executor("shared"), SlowLearner())


def test_a_process_whose_trial_was_taken_over_leaves_it_alone(rows, tmp_path, serial, monkeypatch):
    out, listener = tmp_path / "out", Listener()
    stolen = []

    class Robbed(SlowLearner):
        """While it tunes, another process decides that this one is gone."""

        def fine_tune(self, job, on_step):
            if not stolen:
                stolen.append(job.folder)
                (out / "claims" / f"{job.folder.name}.000002").write_text("another-1-abc\n")
            return super().fine_tune(job, on_step)

    monkeypatch.setattr("tunecurve.executors.shared.LeaseStore", partial(LeaseStore, beat_seconds=0.0001))
    done = run(rows, out, Executor("shared"), Robbed(), progress=listener)
    assert sum("silent too long" in line for line in listener.lines) == 1
    assert stolen[0].name in {path.name.rpartition(".")[0] for path in (out / "claims").glob("*.000003")}
    assert without_times(done.results) == serial


def test_only_one_process_runs_paid_trials_and_never_one_of_another_machine(tmp_path):
    from tunecurve.executors.shared import PAID, _Sharing
    from tunecurve.study.plan import PlannedTrial, Trial
    from tunecurve.study.trial import TrialContext

    item = PlannedTrial(
        Trial("m", "zero-shot"), {"learner": {"kind": "hosted"}}, TrialFolder(tmp_path / "trials" / "m")
    )
    with LeaseStore(tmp_path / "claims") as leases:
        assert _Sharing(TrialContext([item], None, {}, []), leases, Recorder(Progress(), print))._may_pay_here()
        (tmp_path / "claims" / f"{PAID}.000001").write_text("another-host-1-abc\n")
        listener = Listener()
        assert not _Sharing(TrialContext([item], None, {}, []), leases, Recorder(listener, print))._may_pay_here()
        assert listener.lines == ["the paid trials wait for another-host, whose ledger knows what is paid for"]


class PaidLearner(SlowLearner):
    """Its trials are those of a provider's model, which one process alone runs."""

    def identity(self):
        return {**super().identity(), "kind": "hosted", "model": "lookup"}


@pytest.mark.parametrize("executor", [None, WORKERS, Executor("shared")], ids=["serial", "workers", "shared"])
def test_every_trial_is_counted_once_whichever_thread_it_ends_in(rows, tmp_path, monkeypatch, executor):
    monkeypatch.setenv("TUNECURVE_LEDGER", str(tmp_path / "ledger.sqlite"))
    listener = Listener()
    first = run(rows, tmp_path / "out", executor, PaidLearner(), progress=listener)
    n_trials = len(first.results.trials)
    assert (first.outcome.n_run, first.outcome.n_found_finished, len(listener.ended)) == (n_trials, 0, n_trials)
    again = run(rows, tmp_path / "out", executor, PaidLearner())
    assert (again.outcome.n_run, again.outcome.n_found_finished) == (0, n_trials)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"name": "slurm"}, "expected local, shared or ray"),
        ({"name": "shared", "workers": 2}, "--workers belongs to --executor local"),
        ({"name": "local", "ray_address": "auto"}, "belong to --executor ray"),
        ({"name": "local", "workers": 0}, "expected 1 or more"),
    ],
)
def test_options_of_another_executor_are_refused(options, part):
    with pytest.raises(UsageError, match=part):
        Executor(**options)


def test_workers_are_dealt_the_devices_in_turn():
    assert deal(["0", "1", "2"], 5) == ["0", "1", "2", "0", "1"]
    assert deal([], 3) == []
    assert cuda_devices({"lookup": SlowLearner()}) == []


def _explode():
    raise ModuleNotFoundError("No module named 'not_here'")


class Unreadable:
    """Something that pickles and cannot be unpickled, like an object of a module that a worker does not find."""

    def __reduce__(self):
        return _explode, ()


@dataclass(frozen=True)
class OddContext:
    metrics: tuple
    planned: tuple = ()
    seconds: dict = field(default_factory=dict)
    proposer: None = None


def test_a_worker_that_cannot_read_what_it_is_sent_says_so_and_nobody_waits_for_ever():
    item = SimpleNamespace(trial="a trial")
    with LocalWorkers(OddContext((Unreadable(),)), 1) as workers:
        workers.start(item)
        events = []
        while not events:
            events = workers.wait(30)
    (event,) = events
    assert isinstance(event, Lost)
    assert event.trial == "a trial"
    assert "cannot read what it is sent (ModuleNotFoundError: No module named 'not_here')" in event.reason


def test_a_worker_draws_no_bars(monkeypatch):
    """A bar would make a lock between processes, too, which a worker that is ended leaves behind with a warning."""
    from transformers.utils import logging

    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "0")
    logging.enable_progress_bar()
    without_bars()
    assert not logging.is_progress_bar_enabled()
