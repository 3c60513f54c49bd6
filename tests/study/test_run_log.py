"""What a study tells is kept beside its results, for who looks on from elsewhere; it is no result."""

import inspect
import json
import stat

import pytest

from tunecurve.learners.base import TrainingProgress
from tunecurve.study import run_log
from tunecurve.study.plan import Trial
from tunecurve.study.progress import Progress
from tunecurve.study.run_log import LOG, PROGRESS, RunLog, log_tail, progress_of

FIRST, SECOND = Trial("m", "fine-tune", train_size=50), Trial("m", "fine-tune", train_size=200)


class Listener(Progress):
    """Remembers what it heard."""

    def __init__(self):
        self.heard = []

    def trial_finished(self, trial, score_line, seconds):
        self.heard.append((trial, score_line, seconds))


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(run_log, "SECONDS_BETWEEN", 0.0)
    return RunLog(tmp_path, Listener())


def step(number, phase=""):
    return TrainingProgress(number, 84, 0.25, 100.0, phase)


def test_where_a_study_is_can_be_read_while_it_runs(log, tmp_path):
    log.study_started(3, {FIRST: 100.0, SECOND: 400.0})
    assert progress_of(tmp_path).n_trials == 3
    log.trial_started(FIRST)
    log.trained(FIRST, step(8))
    (one,) = progress_of(tmp_path).running
    assert (one.learner, one.label) == ("m", "fine-tune-n50-seed0")
    assert "step 8 of 84" in one.phase
    assert progress_of(tmp_path).seconds_left == pytest.approx(500, abs=5), "no step of the first is timed yet"
    log.trained(FIRST, step(9))
    log.answered(FIRST, 30, 200, 50.0)
    assert "30 of 200 rows" in progress_of(tmp_path).running[0].phase
    assert progress_of(tmp_path).seconds_left == pytest.approx(400, abs=5), "the first ends at once, by its own speed"
    log.trial_finished(FIRST, "90 accuracy", 200.0)
    assert progress_of(tmp_path).seconds_left == pytest.approx(800), "the first took twice its estimate"
    assert progress_of(tmp_path).running == []
    log.close()
    assert progress_of(tmp_path) is None


@pytest.mark.parametrize(("n_at_once", "seconds"), [(1, 900), (2, 450), (3, 400)])
def test_trials_that_run_at_once_share_the_time_that_is_left(log, tmp_path, n_at_once, seconds):
    trials = {FIRST: 100.0, SECOND: 400.0, Trial("other", "fine-tune", train_size=200): 400.0}
    log.study_started(3, trials)
    for trial in list(trials)[:n_at_once]:
        log.trial_started(trial)
    assert progress_of(tmp_path).seconds_left == pytest.approx(seconds, abs=5), "at least what the longest one takes"


def test_who_listened_before_still_hears_and_may_stop(tmp_path):
    listener = Listener()
    log = RunLog(tmp_path, listener)
    log.trial_finished(FIRST, "90 accuracy", 2.0)
    assert listener.heard == [(FIRST, "90 accuracy", 2.0)]
    assert not log.cancellation.is_requested
    listener.stop_requested = True
    assert log.cancellation.is_requested


def test_whatever_is_told_is_passed_on(tmp_path):
    told = [name for name, value in vars(Progress).items() if inspect.isfunction(value)]
    assert "trained" in told
    for name in told:
        listener = Progress()
        heard = []
        setattr(listener, name, lambda *values, heard=heard: heard.append(values))
        values = {"message": ("a line",), "trained": (FIRST, step(1)), "study_started": (1, {FIRST: 1.0}), "paid": (0.5, 2.0),
                  "answered": (FIRST, 1, 2, 3.0), "trial_finished": (FIRST, "done", 1.0), "trials_dropped": ((FIRST,),),
                  "trials_added": ({SECOND: 1.0},)}  # fmt: skip
        n_parameters = len(inspect.signature(getattr(Progress, name)).parameters) - 1
        given = values.get(name, (FIRST, "why")[:n_parameters])
        getattr(RunLog(tmp_path, listener), name)(*given)
        assert heard == [given], name


def test_what_is_paid_is_told_while_it_is_paid(log, tmp_path):
    log.study_started(1, {FIRST: 1.0})
    assert progress_of(tmp_path).spent_usd is None
    log.paid(0.25, 5.0)
    assert (progress_of(tmp_path).spent_usd, progress_of(tmp_path).at_most_usd) == (0.25, 5.0)


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\u202e", "\ud800", "key sk-secret-of-mine-1234"])
def test_a_line_stays_one_line_without_secrets_for_the_user_alone(log, tmp_path, monkeypatch, text):
    monkeypatch.setenv("OTHER_API_KEY", "sk-secret-of-mine-1234")
    log.message(text)
    log.trial_failed(FIRST, text)
    lines = log_tail(tmp_path).splitlines()
    assert len(lines) == 2
    assert "FAILED" in lines[1]
    assert "\x1b" not in lines[0]
    assert "sk-secret" not in lines[0] + lines[1]
    assert stat.S_IMODE((tmp_path / LOG).stat().st_mode) == 0o600


def test_a_study_goes_on_where_its_log_cannot_be_written(tmp_path):
    log = RunLog(tmp_path / "gone", Listener())
    log.message("a")
    log.study_started(1, {FIRST: 1.0})
    log.trial_started(FIRST)
    log.trial_finished(FIRST, "done", 1.0)
    log.close()
    assert log_tail(tmp_path / "gone") == ""


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", json.dumps({"at": "x"}), "\x00"])
def test_progress_of_another_version_is_none(tmp_path, content):
    (tmp_path / PROGRESS).write_text(content)
    assert progress_of(tmp_path) is None


def test_of_a_long_log_whole_lines_of_the_end_are_shown(tmp_path):
    (tmp_path / LOG).write_text("".join(f"line {n}\n" for n in range(1000)))
    tail = log_tail(tmp_path, 100)
    assert tail.endswith("line 999\n")
    assert all(line.startswith("line ") for line in tail.splitlines())
