"""A plan for a time is kept while the study runs: slower trials leave out what tells least of the rest, and it is said."""

import json
import re

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tests.study.test_time_budget import STUDY as OF_FIVE_SIZES
from tests.study.test_time_budget import TimedLearner, start_takes_no_time  # noqa: F401
from tunecurve.errors import EnvironmentProblem, UsageError
from tunecurve.executors import run as executors_run
from tunecurve.executors import serial
from tunecurve.executors.events import TrialOutcome
from tunecurve.executors.options import Executor
from tunecurve.run import run_study
from tunecurve.study import within_time
from tunecurve.study.progress import Progress
from tunecurve.study.run_state import RunState

STUDY = {**OF_FIVE_SIZES, "seeds": 1}


class Heard(Progress):
    """Keeps what is told."""

    def __init__(self):
        self.state, self.lines, self.run, self.dropped, self.added = RunState(), [], [], [], []

    def message(self, line):
        self.lines.append(line)

    def study_started(self, n_trials, estimated_seconds):
        self.state.begin(n_trials, estimated_seconds)

    def trial_finished(self, trial, score_line, seconds):
        self.run.append(trial)
        self.state.finished(trial, seconds)

    def trials_added(self, seconds):
        self.added += seconds
        self.state.added(seconds)

    def trials_dropped(self, trials):
        self.dropped += trials
        self.state.dropped(trials)


@pytest.fixture
def take(monkeypatch):
    """Let trials take so many times as long as estimated, by what is given; failing trials by their size."""
    real = serial.run_one

    def set_times(factor, failing=()):
        def run_one(item, context, progress):
            trial = item.trial
            seconds = factor(trial) * context.seconds.get(trial, 0.0)
            if trial.strategy == "fine-tune" and trial.train_size in failing:
                return TrialOutcome("broken", seconds, is_finished=False)
            return TrialOutcome(seconds=seconds, line=real(item, context, progress).line)

        monkeypatch.setattr(serial, "run_one", run_one)

    return set_times


def run(rows_file, folder, budget, **values):
    heard = Heard()
    study = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": budget, **values}
    learners = {name: TimedLearner(name) for name in study["models"]}
    return run_study(study, out=folder, learners=learners, progress=heard), heard


def findings(ran):
    return {finding.code: finding.line for finding in ran.results.findings}


def sizes(ran):
    return [trial.train_size for trial in ran.results.trials if trial.strategy == "fine-tune"]


# Everything takes 20 s for prompts and 205 s for five sizes: of 4:15 min 229.5 s are planned for.


@pytest.mark.parametrize("factor", [0.1, 1.0, 1.1])
def test_a_plan_that_is_kept_stays_as_it_is(rows_file, tmp_path, take, factor):
    take(lambda trial: factor)
    ran, heard = run(rows_file, tmp_path / "run", "4m15s")
    assert sizes(ran) == STUDY["train_sizes"]
    assert not heard.dropped
    assert ran.results.complete
    assert "time-budget-slower" not in findings(ran)


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0])
def test_slower_trials_leave_out_what_tells_least_and_the_study_is_whole(rows_file, tmp_path, take, factor):
    take(lambda trial: factor)
    ran, heard = run(rows_file, tmp_path / "run", "4m15s")
    assert heard.dropped
    assert len(sizes(ran)) >= 3, "fewer sizes say nothing"
    assert ran.results.complete, "what is left out is not missing"
    assert not {trial.train_size for trial in heard.dropped} & set(sizes(ran))
    said = findings(ran)["time-budget-slower"]
    assert f"trials of lookup take {factor:.1f} times as long as estimated; no longer planned: lookup: " in said
    assert said in heard.lines
    assert "longer --time-budget" in said
    assert "would be left for it" not in findings(ran)["time-budget-left-out"], "by the estimates, which did not hold"
    assert heard.state.n_trials == len(ran.results.trials)
    assert not heard.state.unfinished
    took = sum(factor * (10 + (trial.train_size or 0)) for trial in heard.run if trial.strategy != "floor")
    smallest = factor * (20 + 3 * 10 + 5 + 10 + 20)
    assert took <= max(255, smallest) + 1e-6
    text = (tmp_path / "run" / "report.html").read_text()
    assert "no longer planned" in text
    kept = json.loads((tmp_path / "run" / "results.json").read_text())["decided"]["time_budget"]
    assert {trial["train_size"] for trial in kept["no_longer_planned"]} == {trial.train_size for trial in heard.dropped}


def test_the_same_command_and_the_study_file_keep_the_shorter_plan_and_a_longer_time_runs_the_rest(
    rows_file, tmp_path, take
):
    take(lambda trial: 2.0)
    first, heard = run(rows_file, tmp_path / "run", "4m15s")
    again, nothing = run(rows_file, tmp_path / "run", "4m15s")
    assert again.outcome.n_run == 0
    assert not nothing.dropped
    assert findings(again)["time-budget-slower"] == findings(first)["time-budget-slower"]
    learners = {"lookup": TimedLearner()}
    of_file = run_study(tmp_path / "run" / "study.yaml", out=tmp_path / "run", learners=learners)
    assert of_file.outcome.n_run == 0
    take(lambda trial: 1.0)
    longer, _ = run(rows_file, tmp_path / "run", "1h")
    assert set(heard.dropped) <= {
        type(heard.dropped[0])(t.learner, t.strategy, t.shots, t.train_size, t.seed) for t in longer.results.trials
    }
    assert sizes(longer) == STUDY["train_sizes"]
    assert "time-budget-slower" not in findings(longer)


def test_a_kill_before_the_study_file_is_written_keeps_the_shorter_plan(rows_file, tmp_path, take, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    take(lambda trial: 1.5)
    real = within_time.write_text
    monkeypatch.setattr(within_time, "write_text", killed)
    with pytest.raises(Killed):
        run(
            rows_file, tmp_path / "run", "3m50s"
        )  # less than everything from the start: the study file names other sizes than were asked for
    monkeypatch.setattr(within_time, "write_text", real)
    decided = json.loads((tmp_path / "run" / "split.json").read_text())["decided"]["time_budget"]
    assert decided["no_longer_planned"]
    learners = {"lookup": TimedLearner()}
    again = run_study(tmp_path / "run" / "study.yaml", out=tmp_path / "run", learners=learners)
    assert "time-budget-slower" in findings(again)
    assert not {trial["train_size"] for trial in decided["no_longer_planned"]} & set(sizes(again))


def test_a_slow_model_is_left_out_and_a_quick_one_stays(rows_file, tmp_path, take):
    # Both take as long by estimate; "slow" proves to be five times slower.
    take(lambda trial: 5.0 if trial.learner == "slow" else 1.0)
    ran, heard = run(rows_file, tmp_path / "run", "4m", models=["lookup", "slow"], train_sizes=[5, 10, 20], shots=[0])
    assert heard.dropped
    assert {trial.learner for trial in heard.dropped} == {"slow"} or len(sizes(ran)) >= 3
    said = findings(ran)["time-budget-slower"]
    assert "trials of slow take 5.0 times" in said
    assert "trials of lookup" not in said


def test_a_failed_trial_takes_its_time_and_says_nothing_of_the_speed(rows_file, tmp_path, take):
    take(lambda trial: 1.0, failing=(10,))
    ran, heard = run(rows_file, tmp_path / "run", "4m15s")
    assert not heard.dropped
    assert ran.outcome.failures
    assert not ran.results.complete


def test_seeds_leave_from_the_last(rows_file, tmp_path, take):
    take(lambda trial: 1.6)
    ran, heard = run(rows_file, tmp_path / "run", "10m", train_sizes=[5, 10, 20], seeds=3, shots=[0])
    assert heard.dropped == [] or ran.results.complete
    for trial in heard.dropped:
        later = [t for t in ran.results.trials if t.train_size == trial.train_size and t.seed > trial.seed]
        assert not later, "a seed comes after the one before it"


def test_what_an_earlier_start_took_counts_as_was_planned(rows_file, tmp_path, take):
    """Stopped after a few trials: the rest has what was planned for it, not the whole time anew."""
    take(lambda trial: 1.0)

    class Stops(Heard):
        def trial_finished(self, trial, score_line, seconds):
            super().trial_finished(trial, score_line, seconds)
            if len(self.run) == 5:
                self.cancellation.request()

    study = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": "4m15s"}
    with pytest.raises(Exception, match=r"stop|continue"):
        run_study(study, out=tmp_path / "run", learners={"lookup": TimedLearner()}, progress=Stops())
    take(lambda trial: 1.5)
    ran, heard = run(rows_file, tmp_path / "run", "4m15s")
    assert heard.dropped, "with the whole time for the rest nothing would be"
    assert ran.results.complete


def test_several_workers_are_refused_in_one_line(rows_file, tmp_path):
    study = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": "4m15s", "train_sizes": [5, 10, 20]}
    learners = {"lookup": TimedLearner()}
    with pytest.raises(UsageError) as refused:
        run_study(study, out=tmp_path / "run", learners=learners, executor=Executor("local", workers=2))
    assert str(refused.value) == (
        "time budget 4m15s with --workers 2: the plan for a time is made for trials one after the other; expected --workers 1, "
        "or no time budget"
    )
    ran = run_study(study, out=tmp_path / "run", learners=learners, executor=Executor("local", workers=1))
    assert ran.results.complete


def test_several_gpus_are_not_used_at_once_and_that_is_said(rows_file, tmp_path, take, monkeypatch):
    monkeypatch.setattr(executors_run, "cuda_devices", lambda learners: ["0", "1"])
    take(lambda trial: 1.5)
    ran, heard = run(rows_file, tmp_path / "run", "4m15s")
    assert heard.dropped, "the plan is kept within its time"
    assert ran.results.complete
    assert "trials run one after the other, as the study is planned for a time: one of 2 GPUs is used" in heard.lines


# Of 2:30 min 135 s are planned for: 20 s for prompts, three sizes that tell most of 205 s.


@pytest.mark.parametrize("factor", [0.2, 0.5])
def test_quick_trials_bring_back_what_was_left_out(rows_file, tmp_path, take, factor):
    take(lambda trial: 1.0)
    by_estimate, _ = run(rows_file, tmp_path / "by-estimate", "2m30s")
    assert len(sizes(by_estimate)) < 5
    take(lambda trial: factor)
    ran, heard = run(rows_file, tmp_path / "run", "2m30s")
    assert sizes(ran) == STUDY["train_sizes"]
    assert {trial.train_size for trial in heard.added if trial.train_size} == set(sizes(ran)) - set(sizes(by_estimate))
    assert not heard.dropped
    assert ran.results.complete
    assert "time-budget-left-out" not in findings(ran)
    assert f"trials of lookup take {factor:.1f} times as long as estimated; planned in addition: lookup: " in (
        said := findings(ran)["time-budget-faster"]
    )
    assert said in heard.lines
    assert "by the speed so far" in findings(ran)["time-budget"]
    assert heard.state.n_trials == len(ran.results.trials)
    assert not heard.state.unfinished
    decided = json.loads((tmp_path / "run" / "results.json").read_text())["decided"]["time_budget"]
    assert decided["left_out"] == decided["no_longer_planned"] == []
    again, nothing = run(rows_file, tmp_path / "run", "2m30s")
    assert again.outcome.n_run == 0
    assert not nothing.added
    of_file = run_study(tmp_path / "run" / "study.yaml", out=tmp_path / "run", learners={"lookup": TimedLearner()})
    assert of_file.outcome.n_run == 0
    assert sizes(of_file) == STUDY["train_sizes"]


def test_what_was_brought_back_in_part_leaves_the_rest_named(rows_file, tmp_path, take):
    take(lambda trial: 1.0)
    by_estimate, _ = run(rows_file, tmp_path / "by-estimate", "2m20s", seeds=3)
    take(lambda trial: 0.7)
    ran, heard = run(rows_file, tmp_path / "run", "2m20s", seeds=3)
    assert heard.added
    took = sum(0.7 * (10 + (trial.train_size or 0)) for trial in heard.run if trial.strategy != "floor")
    assert took <= 0.9 * 140 + 1e-6, "the reserve is kept"
    decided = json.loads((tmp_path / "run" / "results.json").read_text())["decided"]["time_budget"]
    left_out = {json.dumps(trial, sort_keys=True) for trial, _ in decided["left_out"]}
    planned = {json.dumps(trial, sort_keys=True) for trial in decided["trials"]}
    assert left_out
    assert not left_out & planned
    assert len(planned) == len(ran.results.trials)
    assert "time-budget-left-out" in findings(ran)
    assert len(ran.results.trials) > len(by_estimate.results.trials)


def test_a_model_that_was_left_out_comes_back_whole_or_not_at_all(rows_file, tmp_path, take):
    take(lambda trial: 0.3)
    models = {"models": ["lookup", "other"], "train_sizes": [5, 10, 20], "shots": [0]}
    ran, heard = run(rows_file, tmp_path / "run", "2m", **models)  # one takes 75 s
    assert {trial.learner for trial in heard.added} == {"other"}
    assert {trial.train_size for trial in heard.added if trial.strategy == "fine-tune"} == {5, 10, 20}
    assert ran.results.complete


def test_quick_trials_that_prove_slow_leave_the_plan_again(rows_file, tmp_path, take):
    take(lambda trial: 0.2 if trial.train_size < 20 else 3.0)
    ran, heard = run(rows_file, tmp_path / "run", "2m30s")
    assert heard.added
    assert heard.dropped
    assert ran.results.complete
    assert not {trial.train_size for trial in heard.dropped} & set(sizes(ran))
    decided = json.loads((tmp_path / "run" / "results.json").read_text())["decided"]["time_budget"]
    assert not [trial for trial in decided["added"] if trial in decided["no_longer_planned"]]


def test_a_learner_that_tells_no_time_is_counted_from_its_first_trial_on(rows_file, tmp_path, monkeypatch):
    real = serial.run_one

    def run_one(item, context, progress):
        return TrialOutcome(seconds=2.0 * (item.trial.train_size or 1), line=real(item, context, progress).line)

    monkeypatch.setattr(serial, "run_one", run_one)
    heard = Heard()
    study = {**STUDY, "models": ["own"], "data": {"source": str(rows_file)}, "time_budget": "2m"}
    ran = run_study(study, out=tmp_path / "run", learners={"own": LookupLearner("own")}, progress=heard)
    # 5, 10 and 20 rows took 70 s; 40 rows would take 80 more, 80 rows 160.
    assert {trial.train_size for trial in heard.dropped} == {40, 80}
    assert sizes(ran) == [5, 10, 20]
    assert ran.results.complete


def test_a_short_trial_says_nothing_of_the_speed(rows_file, tmp_path, take):
    # The first trial is slow, as where a model is loaded: 15 s of 270 instead of 10; all others take what was estimated.
    take(lambda trial: 1.5 if trial.strategy == "zero-shot" else 1.0)
    ran, heard = run(rows_file, tmp_path / "run", "4m30s", shots=[0])
    assert not heard.dropped
    assert sizes(ran) == STUDY["train_sizes"]


class StopsAfter(Heard):
    """Asks for a stop after so many trials."""

    def __init__(self, n_trials):
        super().__init__()
        self.n_trials = n_trials

    def trial_finished(self, trial, score_line, seconds):
        super().trial_finished(trial, score_line, seconds)
        if len(self.run) == self.n_trials:
            self.cancellation.request()


def test_what_finished_trials_took_counts_at_a_resume(rows_file, tmp_path, take):
    """A plan that grew by quick trials is kept, though the first trial of the next start is a cold one."""
    take(lambda trial: 0.4)
    values = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": "2m30s", "seeds": 3}
    heard = StopsAfter(9)
    with pytest.raises(Exception, match=r"stop|continue"):
        run_study(values, out=tmp_path / "run", learners={"lookup": TimedLearner()}, progress=heard)
    assert heard.added
    planned = json.loads((tmp_path / "run" / "split.json").read_text())["decided"]["time_budget"]["trials"]
    cold = []
    take(lambda trial: 1.0 if (cold.append(trial) or len(cold) == 1) else 0.4)
    ran, again = run(rows_file, tmp_path / "run", "2m30s", seeds=3)
    assert not again.dropped
    assert len(ran.results.trials) >= len(planned)
    assert "trials of lookup take 0.4 times" in findings(ran)["time-budget-faster"]


def test_the_results_name_the_trials_that_are_planned_by_then(rows_file, tmp_path, take):
    take(lambda trial: 0.4)
    values = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": "2m30s", "seeds": 3}
    seen = []

    class Looks(Heard):
        def trial_started(self, trial):
            folder = tmp_path / "run"
            if self.added and (folder / "results.json").exists():
                decided = json.loads((folder / "split.json").read_text())["decided"]["time_budget"]["trials"]
                seen.append((len(json.loads((folder / "results.json").read_text())["trials"]), len(decided)))

    run_study(values, out=tmp_path / "run", learners={"lookup": TimedLearner()}, progress=Looks())
    assert seen
    assert all(of_results == of_plan for of_results, of_plan in seen)


@pytest.mark.parametrize("factor", [0.2, 0.4, 0.5])
def test_lines_on_a_growing_plan_are_few_and_name_what_is_new_in_order(rows_file, tmp_path, take, factor):
    take(lambda trial: factor * (1.5 if trial.seed == 0 else 1.0))
    ran, heard = run(rows_file, tmp_path / "run", "2m40s", seeds=8)
    lines = [line for line in heard.lines if "planned in addition" in line]
    assert lines
    assert len(lines) <= 2 + len(heard.added).bit_length(), "one for every doubling, and one for the rest"
    for line in [*lines, findings(ran)["time-budget-faster"]]:
        named = [int(size) for size in re.findall(r"(\d+) rows", line)]
        assert named == sorted(named)
    said = {int(size) for line in lines for size in re.findall(r"(\d+) rows", line)}
    assert said == {trial.train_size for trial in heard.added if trial.train_size}, (
        "what is planned in addition is said"
    )


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.6, 3.0])
def test_the_times_of_a_plan_add_up_on_one_scale(rows_file, tmp_path, take, factor):
    take(lambda trial: factor)
    ran, _ = run(rows_file, tmp_path / "run", "3m", seeds=3)
    decided = json.loads((tmp_path / "run" / "results.json").read_text())["decided"]["time_budget"]
    left_out = sum(seconds for _, seconds in decided["left_out"])
    assert decided["seconds_of_everything"] == pytest.approx(decided["seconds"] + left_out)
    whole = sum(10 + size for size in STUDY["train_sizes"]) * 3 + 10 + 3 * 10
    changed = any(decided.get(key) for key in ("added", "no_longer_planned"))
    assert decided["seconds_of_everything"] == pytest.approx(whole * (factor if changed else 1.0))
    said = findings(ran)["time-budget-left-out"]
    assert "for reports and what estimates miss" in said.split("everything takes about")[1], "the reserve is named"


class NeverAsked(TimedLearner):
    """Fails the test where it is asked for anything that a model would be loaded for."""

    def estimate_seconds(self, work):
        raise AssertionError("a model is loaded to measure its speed")


@pytest.mark.parametrize("executor", [Executor("local", workers=2), Executor("shared"), Executor("ray")])
def test_what_a_plan_for_a_time_cannot_be_run_by_is_refused_before_models_are_loaded(rows_file, tmp_path, executor):
    heard = Heard()
    study = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": "4m15s"}
    with pytest.raises(UsageError, match="time budget 4m15s with"):
        run_study(study, out=tmp_path / "run", learners={"lookup": NeverAsked()}, executor=executor, progress=heard)
    assert heard.lines == []
    assert not (tmp_path / "run").exists()


class WithoutKey(TimedLearner):
    """A model at a provider whose key is not set."""

    def identity(self):
        return {"kind": "hosted", "version": 1, "model": "paid", "base_url": None, "parameters": {}}

    def check_access(self, *, will_tune=False):
        raise EnvironmentProblem("the key is not set")


def test_a_missing_key_is_refused_before_models_are_loaded(rows_file, tmp_path):
    study = {**STUDY, "models": ["lookup", "paid"], "data": {"source": str(rows_file)}, "time_budget": "4m15s"}
    learners = {"lookup": NeverAsked(), "paid": WithoutKey("paid")}
    heard = Heard()
    with pytest.raises(EnvironmentProblem, match="the key is not set"):
        run_study(study, out=tmp_path / "run", learners=learners, progress=heard)
    assert heard.lines == []
