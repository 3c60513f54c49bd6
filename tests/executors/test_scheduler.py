"""The order of trials on many workers, and a simulated cluster that loses workers: the real code, no processes."""

import heapq
import itertools

import numpy as np
import pytest

from tunecurve.errors import Interrupted
from tunecurve.executors.base import Recorder
from tunecurve.executors.coordinator import dispatch
from tunecurve.executors.events import Ended, Lost, TrialOutcome
from tunecurve.executors.scheduler import Schedule, cheapest_first, longest_first
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.progress import Progress
from tunecurve.study.trial_folder import TrialFolder


def trials(tmp_path, lengths):
    planned = [
        PlannedTrial(Trial("m", "fine-tune", train_size=1, seed=number), {}, TrialFolder(tmp_path / str(number)))
        for number in range(len(lengths))
    ]
    return planned, {item.trial: seconds for item, seconds in zip(planned, lengths, strict=True)}


def test_one_cheap_trial_first_then_the_longest(tmp_path):
    planned, seconds = trials(tmp_path, [5.0, 1.0, 3.0, 9.0])
    assert [seconds[item.trial] for item in longest_first(planned, seconds)] == [9.0, 5.0, 3.0, 1.0]
    schedule = Schedule(planned, seconds)
    smoke = schedule.take()
    assert seconds[smoke.trial] == 1.0
    assert schedule.take() is None, "nothing else before one trial has ended well"
    schedule.ended(smoke, well=False)
    second = schedule.take()
    assert seconds[second.trial] == 3.0
    assert schedule.take() is None, "the first one failed"
    schedule.ended(second, well=True)
    assert [seconds[schedule.take().trial] for _ in range(2)] == [9.0, 5.0]
    assert schedule.take() is None
    assert (schedule.n_left, schedule.n_running) == (2, 2)


def test_a_lost_trial_goes_back_to_its_place_and_is_given_up_in_the_end(tmp_path):
    planned, seconds = trials(tmp_path, [5.0, 1.0, 3.0])
    schedule = Schedule(planned, seconds, is_proven=True, most_losses=2)
    for _ in range(2):
        longest = schedule.take()
        assert longest is planned[0]
        assert schedule.lost(longest)
    assert schedule.lost(schedule.take()) is False
    assert [schedule.take() for _ in range(2)] == [planned[2], planned[1]]


class SimulatedCluster:
    """Workers whose clock is a number: trials take their time, workers vanish at random and come back later.

    A trial that is lost goes on from its last checkpoint, a minute's work apart, when it is started again.
    """

    def __init__(self, n_workers, seconds, *, seed, hours_between_losses=3.0, away_seconds=300.0, start_seconds=20.0):
        self.now, self.n_alive, self.random = 0.0, n_workers, np.random.default_rng(seed)
        self.left = dict(seconds)
        self.mean_life = hours_between_losses * 3600
        self.away_seconds, self.start_seconds = away_seconds, start_seconds
        self.events, self.numbers = [], itertools.count()
        self.n_lost = 0
        self.worker_seconds = 0.0  # what the living workers could have worked

    def n_slots(self):
        return self.n_alive

    def start(self, item):
        need = self.start_seconds + self.left[item.trial]
        life = self.random.exponential(self.mean_life)
        self._at(min(need, life), ("ended" if need <= life else "lost", item.trial, life))

    def _at(self, delay, what):
        heapq.heappush(self.events, (self.now + delay, next(self.numbers), what))

    def wait(self, seconds):
        at, _, (kind, trial, life) = heapq.heappop(self.events)
        self.worker_seconds += (at - self.now) * self.n_alive
        self.now = at
        if kind == "back":
            self.n_alive += 1
            return []
        if kind == "ended":
            return [Ended(trial, TrialOutcome(""))]
        self.n_lost += 1
        self.n_alive -= 1
        self._at(self.away_seconds, ("back", trial, 0.0))
        done = max(0.0, life - self.start_seconds)
        self.left[trial] -= done - done % 60.0
        return [Lost(trial, "gone")]

    def ask_to_stop(self):
        pass


def makespan(tmp_path, lengths, n_workers, seed, **options):
    planned, seconds = trials(tmp_path, lengths)
    cluster = SimulatedCluster(n_workers, seconds, seed=seed, **options)
    recorder = Recorder(Progress(), lambda failures: None)
    dispatch(Schedule(planned, seconds, most_losses=1000), cluster, recorder)
    assert recorder.summary.n_run == len(lengths)
    return cluster


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ten_thousand_trials_on_two_hundred_workers_with_losses_end_within_a_tenth_of_the_ideal(tmp_path, seed):
    lengths = np.random.default_rng(seed).lognormal(np.log(1800), 1.0, 10_000).clip(60, 6 * 3600)
    cluster = makespan(tmp_path, lengths.tolist(), 200, seed)
    assert cluster.n_lost > 500
    # The ideal: all work spread evenly over workers that are never lost and start at once.
    assert cluster.now < 1.10 * lengths.sum() / 200


def test_longest_first_is_what_keeps_the_end_short(tmp_path):
    lengths = np.random.default_rng(5).lognormal(np.log(1800), 1.0, 1000).clip(60, 6 * 3600).tolist()
    calm = {"hours_between_losses": 1e9, "start_seconds": 0.0}
    in_order = makespan(tmp_path, lengths, 200, 0, **calm).now
    planned, seconds = trials(tmp_path, lengths)
    cluster = SimulatedCluster(200, seconds, seed=0, **calm)
    dispatch(Schedule(planned, dict.fromkeys(seconds, 1.0)), cluster, Recorder(Progress(), lambda failures: None))
    assert in_order < 0.9 * cluster.now, "the same trials, their lengths unknown to the schedule"


def test_a_stop_lets_running_trials_end_and_starts_no_other(tmp_path):
    planned, seconds = trials(tmp_path, [60.0] * 10)
    cluster, progress = SimulatedCluster(2, seconds, seed=0, hours_between_losses=1e9), Progress()
    progress.stop_requested = True
    with pytest.raises(Interrupted):
        dispatch(Schedule(planned, seconds, is_proven=True), cluster, Recorder(progress, lambda failures: None))
    assert not cluster.events


def test_a_trial_that_loses_every_worker_is_a_failure_with_its_reason(tmp_path):
    planned, seconds = trials(tmp_path, [60.0])
    cluster = SimulatedCluster(1, seconds, seed=0, hours_between_losses=1e-9)
    recorder = Recorder(Progress(), lambda failures: None)
    dispatch(Schedule(planned, seconds, most_losses=3), cluster, recorder)
    assert list(recorder.summary.failures.values()) == ["gone, 4 times"]
    assert (planned[0].folder.path / "failure.txt").read_text() == "gone, 4 times"


def planned_as(tmp_path, *names):
    return [
        PlannedTrial(Trial(learner, "fine-tune", train_size=size), {}, TrialFolder(tmp_path / f"{learner}{size}"))
        for learner, size in names
    ]


def test_one_after_the_other_the_cheapest_comes_first_and_a_learner_keeps_its_order(tmp_path):
    planned = planned_as(tmp_path, ("slow", 10), ("fast", 10), ("slow", 20), ("fast", 20), ("unknown", 10))
    seconds = {item.trial: length for item, length in zip(planned, (60.0, 9.0, 50.0, 12.0), strict=False)}
    order = [(item.trial.learner, item.trial.train_size) for item in cheapest_first(planned, seconds)]
    assert order == [("unknown", 10), ("fast", 10), ("fast", 20), ("slow", 10), ("slow", 20)]


def test_of_trials_that_share_a_training_the_first_one_trains(tmp_path):
    planned = planned_as(tmp_path, ("tuned", 10), ("constrained", 10), ("other", 10))
    seconds = {item.trial: length for item, length in zip(planned, (60.0, 2.0, 30.0), strict=True)}
    order = [item.trial.learner for item in cheapest_first(planned, seconds, ["key", "key", None])]
    assert order == ["other", "tuned", "constrained"]
    assert [item.trial.learner for item in cheapest_first(planned, seconds)] == ["constrained", "other", "tuned"]
