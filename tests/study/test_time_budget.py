"""A study that is planned for a time: what fits and tells most about the verdict is run, what does not is said, and the plan stays."""

import json
import math
from dataclasses import asdict

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.curve.unmeasured import UnmeasuredCurve
from tunecurve.errors import SpecError, UsageError
from tunecurve.executors.options import Executor
from tunecurve.learners.baselines.floor import FloorLearner
from tunecurve.learners.busy import OtherWork
from tunecurve.learners.distilled import DistilledLearner
from tunecurve.run import run_study
from tunecurve.spec.durations import duration, seconds_of
from tunecurve.study import prepare, time_words, within_time
from tunecurve.study.options import StudyOptions
from tunecurve.study.plan import Trial
from tunecurve.study.prepare import prepare_study
from tunecurve.study.time_plan import Planner, TooShort

STUDY = {
    "name": "tiny",
    "split": {"test_size": 30, "method": "random"},
    "models": ["lookup"],
    "shots": [0, 2],
    "train_sizes": [5, 10, 20, 40, 80],
    "bootstrap": {"draws": 100},
}


@pytest.fixture(autouse=True)
def start_takes_no_time(monkeypatch):
    monkeypatch.setattr(prepare, "monotonic", lambda: 0.0)
    monkeypatch.setattr(time_words, "other_work", lambda: None)


class TimedLearner(LookupLearner):
    """Says that it takes a second a row trained on, and ten for answers; or what it is told to say."""

    def __init__(self, name="lookup", known=None, a_row=1.0):
        super().__init__(name, known)
        self.a_row = a_row

    def estimate_seconds(self, work):
        return 10.0 + self.a_row * work.n_training_rows


def prepared(rows_file, out, learners=None, **values):
    learners = learners or {"lookup": TimedLearner()}
    values = {**STUDY, "data": {"source": str(rows_file)}, "models": list(learners), **values}
    return prepare_study(values, StudyOptions(out=out, learners=learners))


def labels(study):
    return [item.trial.label for item in study.planned]


def line(study, code):
    return next((finding.line for finding in study.data.findings if finding.code == code), None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1 h 5 m 1 s", 3901),
        ("1d", 86400),
        ("2H", 7200),
        ("30 min", 1800),
        ("90 sec", 90),
        ("2 hours", 7200),
        ("1 hour 30 minutes", 5400),
        ("1day 2hrs", 93600),
    ],
)
def test_times_are_read_as_people_write_them(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "m", "30 minutes ago", "-5m", "30m1h", "0s", "0.5s", "400d", "1e3s", "٣m5", "٣٠m", "३h", "１５m"]
)
def test_what_is_no_time_is_refused_with_an_example(text, rows_file, tmp_path):
    with pytest.raises(SpecError, match="30m") as refused:
        prepared(rows_file, tmp_path / "run", time_budget=text)
    assert f"'{text}'" in str(refused.value)


def test_more_and_larger_measurements_tell_more_and_never_everything():
    curve = UnmeasuredCurve([50, 100, 200, 400, 800])
    smallest = curve.share_told({50: 1, 100: 1, 200: 1})
    assert 0.0 == curve.share_told({}) < smallest < curve.share_told({50: 1, 200: 1, 800: 1}) < 1.0
    assert curve.share_told({50: 1, 200: 1, 800: 1}) < curve.share_told({50: 1, 200: 1, 800: 3}) < 1.0
    assert curve.share_told({50: 3, 100: 3, 200: 3, 400: 3, 800: 3}) < 1.0


@pytest.mark.parametrize("budget", [130, 150, 180, 250, 400, 1000])
def test_a_plan_fits_has_enough_sizes_and_tells_at_least_as_much_as_a_shorter_one(budget):
    trials = [Trial("m", "fine-tune", train_size=size, seed=seed) for size in (5, 10, 20, 40, 80) for seed in range(3)]
    seconds = {Trial("floor", "floor"): 0.0, Trial("m", "zero-shot"): 10.0}
    seconds |= {trial: 10.0 + trial.train_size for trial in trials}
    curve = UnmeasuredCurve([5, 10, 20, 40, 80])
    planner = Planner(seconds, {"m": 20.0}, lambda name, runs: curve.share_told(runs))
    plan, shorter = planner.plan(budget), planner.plan(budget - 10)
    assert plan.seconds <= budget
    assert planner.cost(plan.planned) == plan.seconds
    assert set(plan.planned) | set(plan.left_out) == set(seconds)
    assert Trial("m", "zero-shot") in plan.planned
    assert len({trial.train_size for trial in plan.planned if trial.train_size}) >= 3
    assert planner.worth(plan.planned) >= planner.worth(shorter.planned)
    cheapest_left = min((seconds[trial] for trial in plan.left_out if trial.seed == 0), default=None)
    assert cheapest_left is None or plan.seconds + cheapest_left > budget, "what fits is not left out"
    for trial in plan.planned:
        if trial.seed:
            assert Trial("m", "fine-tune", train_size=trial.train_size, seed=trial.seed - 1) in plan.planned


def test_a_large_size_is_planned_rather_than_many_small_ones():
    seconds = {Trial("m", "fine-tune", train_size=size): 10.0 + size for size in (50, 60, 70, 80, 800)}
    curve = UnmeasuredCurve([50, 60, 70, 80, 800])
    plan = Planner(seconds, {}, lambda name, runs: curve.share_told(runs)).plan(970)
    assert 800 in {trial.train_size for trial in plan.planned}


def test_the_cheapest_model_comes_first_and_another_is_planned_whole_or_not_at_all():
    seconds = {Trial(name, "fine-tune", train_size=size): takes
               for name, takes in (("slow", 100.0), ("quick", 10.0)) for size in (50, 200, 800)}  # fmt: skip
    curve = UnmeasuredCurve([50, 200, 800])
    planner = Planner(seconds, {}, lambda name, runs: curve.share_told(runs))
    assert {trial.learner for trial in planner.plan(250).planned} == {"quick"}
    assert {trial.learner for trial in planner.plan(330).planned} == {"quick", "slow"}
    with pytest.raises(TooShort) as short:
        planner.plan(29)
    assert short.value.seconds == 30
    assert [trial.learner for trial in short.value.trials] == ["quick"] * 3


def test_what_fits_is_planned_and_what_does_not_is_said(rows_file, tmp_path):
    study = prepared(rows_file, tmp_path / "run", time_budget="2m30s")
    left = sum(study.estimated_seconds().values())
    assert left <= 0.9 * 150
    assert study.spec.train_sizes != STUDY["train_sizes"]
    assert "time budget 2m30s: lookup: untrained" in line(study, "time-budget")
    for size in set(STUDY["train_sizes"]) - set(study.spec.train_sizes):
        assert f"{size} rows ({duration(10 + size)})" in line(study, "time-budget-left-out")
    assert "everything takes about" in line(study, "time-budget-left-out")


@pytest.mark.parametrize("budget", ["10s", "1m", "1s", "1m22s"])
def test_a_time_that_is_too_short_is_told_what_would_do(rows_file, tmp_path, budget):
    # Untrained 10 s, 5, 10 and 20 rows 65 s, of nine tenths of the time: 83 s.
    with pytest.raises(UsageError) as refused:
        prepared(rows_file, tmp_path / "run", time_budget=budget)
    said = str(refused.value)
    assert f"time budget {budget}" in said
    assert "lookup tuned on 5, 10, 20 rows" in said
    assert "1:23 min" in said
    assert "expected 2m or more" in said
    assert prepared(rows_file, tmp_path / "run", time_budget="2m").planned, "what is said to do does"


def test_where_everything_fits_everything_is_planned_and_nothing_is_left_out(rows_file, tmp_path):
    study = prepared(rows_file, tmp_path / "run", time_budget="10h", seeds=2)
    assert labels(study) == labels(prepared(rows_file, tmp_path / "other", seeds=2))
    assert line(study, "time-budget-left-out") is None
    assert line(prepared(rows_file, tmp_path / "other"), "time-budget") is None


def test_sizes_and_seeds_that_nobody_names_are_chosen(rows_file, tmp_path):
    values = {key: value for key, value in STUDY.items() if key != "train_sizes"}
    values |= {"data": {"source": str(rows_file)}, "time_budget": "3h"}
    study = prepare_study(values, StudyOptions(out=tmp_path / "run", learners={"lookup": TimedLearner()}))
    assert study.spec.train_sizes[0] == 50
    assert study.spec.train_sizes[1] == 100
    assert study.spec.seeds == 3


@pytest.fixture
def no_speed_counts(monkeypatch):
    """Trials of tests take no time: their plan would grow."""
    monkeypatch.setattr(within_time, "FEWEST_SECONDS", math.inf)
    monkeypatch.setattr(within_time, "FEWEST_SHARE", math.inf)


def test_the_same_command_and_the_study_file_of_the_run_go_on_with_the_same_plan(rows_file, tmp_path, no_speed_counts):
    values = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": "2m30s"}
    learners = {"lookup": TimedLearner()}
    first = run_study(values, out=tmp_path / "run", learners=learners)
    kept = json.loads((tmp_path / "run" / "results.json").read_text())
    assert kept["decided"]["time_budget"]["budget_seconds"] == 150
    assert {"time-budget", "time-budget-left-out"} <= {finding["code"] for finding in kept["findings"]}
    assert "left out by the time budget" in (tmp_path / "run" / "report.html").read_text()
    # A machine that has become ten times as fast, or slow, plans nothing anew.
    for a_row in (0.1, 1.0, 10.0):
        again = run_study(values, out=tmp_path / "run", learners={"lookup": TimedLearner(a_row=a_row)})
        assert again.outcome.n_run == 0
        assert [trial.label for trial in again.results.trials] == [trial.label for trial in first.results.trials]
    of_folder = run_study(tmp_path / "run" / "study.yaml", out=tmp_path / "run", learners=learners)
    assert of_folder.outcome.n_run == 0
    longer = run_study({**values, "time_budget": "10m"}, out=tmp_path / "run", learners=learners)
    assert longer.outcome.n_run > 0
    assert {trial.label for trial in first.results.trials} < {trial.label for trial in longer.results.trials}
    without = run_study(
        {key: value for key, value in values.items() if key != "time_budget"}, out=tmp_path / "run", learners=learners
    )
    assert {trial.train_size for trial in without.results.trials if trial.strategy == "fine-tune"} == set(
        STUDY["train_sizes"]
    )


def test_finished_trials_take_no_time_of_a_new_plan(rows_file, tmp_path):
    values = {**STUDY, "data": {"source": str(rows_file)}, "train_sizes": [5, 10, 20]}
    run_study(values, out=tmp_path / "run", learners={"lookup": TimedLearner()})
    study = prepared(rows_file, tmp_path / "run", time_budget="1m")  # too short for a study that begins
    new = [item.trial.train_size for item in study.planned if not item.folder.is_finished]
    assert new == [40]
    assert {5, 10, 20} < set(study.spec.train_sizes)


class PaidLearner(TimedLearner):
    """Stands for a model at a provider."""

    def identity(self):
        return {"kind": "hosted", "version": 1, "model": "paid", "base_url": None, "parameters": {}}


@pytest.mark.parametrize("named", [{}, {"seeds": 2}, {"train_sizes": [50, 100]}, {"train_sizes": [50], "seeds": 3}])
def test_a_time_buys_no_paid_trial_that_the_study_does_not_have_without_it(rows_file, tmp_path, named):
    values = {key: value for key, value in STUDY.items() if key != "train_sizes"}
    values |= {"data": {"source": str(rows_file)}, "models": ["lookup", "paid"], **named}
    learners = {"lookup": TimedLearner(), "paid": PaidLearner("paid")}

    def of_paid(study):
        return [item.trial for item in study.planned if item.trial.learner == "paid"]

    without = prepare_study(values, StudyOptions(out=tmp_path / "without", learners=learners))
    within = prepare_study({**values, "time_budget": "10h"}, StudyOptions(out=tmp_path / "run", learners=learners))
    assert of_paid(within) == of_paid(without)
    assert within.choice is not None
    assert [one.trial for one in within.choice.planned if one.trial.learner == "paid"] == of_paid(without)
    assert len(within.planned) >= len(without.planned), "free models have more to choose from"


def test_the_study_file_of_a_run_within_a_time_buys_no_more_either(rows_file, tmp_path):
    values = {key: value for key, value in STUDY.items() if key != "train_sizes"}
    values |= {"data": {"source": str(rows_file)}, "models": ["lookup", "paid"], "time_budget": "10h"}
    learners = {"lookup": TimedLearner(), "paid": PaidLearner("paid")}
    first = run_study(values, out=tmp_path / "run", learners=learners)
    assert {trial.seed for trial in first.results.trials if trial.learner == "lookup"} == {0, 1, 2}
    assert {trial.seed for trial in first.results.trials if trial.learner == "paid"} == {0}
    of_file = run_study(tmp_path / "run" / "study.yaml", out=tmp_path / "run", learners=learners, time_budget="11h")
    assert of_file.outcome.n_run == 0


@pytest.mark.parametrize("budget", ["2m30s", "4m", "10m", "3h"])
@pytest.mark.parametrize("named", [{}, {"seeds": 2}])
def test_everything_takes_no_less_than_what_is_planned(rows_file, tmp_path, budget, named):
    values = {**STUDY, "data": {"source": str(rows_file)}, "time_budget": budget, **named}
    study = prepare_study(values, StudyOptions(out=tmp_path / "run", learners={"lookup": TimedLearner()}))
    decided = study.data.decisions.to_json()["time_budget"]
    assert decided["seconds_of_everything"] >= decided["seconds"]
    if not decided["left_out"]:
        assert decided["seconds_of_everything"] == decided["seconds"]


def test_a_learner_that_tells_no_time_is_said(rows_file, tmp_path):
    study = prepared(rows_file, tmp_path / "run", learners={"own": LookupLearner("own")}, time_budget="1m")
    assert "no time is counted for own" in line(study, "time-budget")


@pytest.mark.parametrize("name", ["shared", "ray"])
def test_a_plan_for_a_time_is_made_for_one_machine(rows_file, tmp_path, name):
    with pytest.raises(UsageError, match=f"executor {name}"):
        run_study(
            {**STUDY, "data": {"source": str(rows_file)}},
            out=tmp_path / "run",
            learners={"lookup": TimedLearner()},
            executor=Executor(name),
            time_budget="1h",
        )


class _Model(FloorLearner):
    can_fine_tune = True

    def __init__(self, name, *, is_paid):
        self.name, self.is_paid = name, is_paid


@pytest.mark.parametrize(
    ("student_is_paid", "teacher_is_paid"), [(False, False), (False, True), (True, False), (True, True)]
)
def test_hours_of_jobs_are_told_of_where_the_student_has_one_whoever_teaches(student_is_paid, teacher_is_paid):
    teacher = _Model("teacher", is_paid=teacher_is_paid)
    teacher.takes_prompts = True
    taught = DistilledLearner("x+2x:teacher", _Model("x", is_paid=student_is_paid), teacher, 2)
    decided = {
        "trials": [asdict(Trial(taught.name, "fine-tune", train_size=8))], "left_out": [], "asked": {"seeds": None},
        "seconds": 1.0, "seconds_of_everything": 1.0, "budget_seconds": 60.0, "not_estimated": [],
    }  # fmt: skip
    [found] = time_words.time_findings("1m", decided, {taught.name: taught})
    assert ("hours of tuning jobs at providers are not counted" in found.text) == student_is_paid


def test_the_start_is_part_of_the_time(rows_file, tmp_path, monkeypatch):
    with_quick_start = prepared(rows_file, tmp_path / "quick", time_budget="4m")
    clock = iter([0.0, 100.0])
    monkeypatch.setattr(prepare, "monotonic", lambda: next(clock))
    with_slow_start = prepared(rows_file, tmp_path / "slow", time_budget="4m")
    assert with_slow_start.data.decisions.to_json()["time_budget"]["seconds_before"] == 100.0
    seconds = [
        study.data.decisions.to_json()["time_budget"]["seconds"] for study in (with_quick_start, with_slow_start)
    ]
    assert seconds[1] <= 0.9 * 240 - 100 < seconds[0] <= 0.9 * 240
    clock = iter([0.0, 100.0])
    with pytest.raises(UsageError, match=r"time budget 1m: .*expected 4m or more.*The start alone took 1:40 min"):
        prepared(rows_file, tmp_path / "short", time_budget="1m")


def test_a_time_that_is_too_short_on_a_busy_machine_says_so(rows_file, tmp_path, monkeypatch):
    monkeypatch.setattr(time_words, "other_work", lambda: OtherWork(1.9, 2))
    with pytest.raises(UsageError, match=r"This machine is busy: other programs take 1.9 of 2 processors") as refused:
        prepared(rows_file, tmp_path / "run", time_budget="20s")
    assert "\n" not in str(refused.value)


def test_a_plan_that_was_made_on_a_busy_machine_says_so_where_it_leaves_out(rows_file, tmp_path, monkeypatch):
    monkeypatch.setattr(time_words, "other_work", lambda: OtherWork(1.9, 2))
    study = prepared(rows_file, tmp_path / "run", time_budget="2m30s")
    assert "other programs take 1.9 of 2 processors" in line(study, "time-budget-busy")
    assert "decides what is left out" in line(study, "time-budget-busy")
    assert line(prepared(rows_file, tmp_path / "other", time_budget="10h"), "time-budget-busy") is None
    monkeypatch.setattr(time_words, "other_work", lambda: OtherWork(0.1, 2))
    assert line(prepared(rows_file, tmp_path / "idle", time_budget="2m30s"), "time-budget-busy") is None


def test_the_time_that_everything_takes_has_room_for_everything(rows_file, tmp_path):
    short = prepared(rows_file, tmp_path / "run", time_budget="2m30s", seeds=1)
    decided = short.data.decisions.to_json()["time_budget"]
    needed = math.ceil((decided["seconds_of_everything"] + decided["seconds_before"]) / 0.9)
    assert (
        line(prepared(rows_file, tmp_path / "other", time_budget=f"{needed}s", seeds=1), "time-budget-left-out") is None
    )


def test_the_time_of_tfidf_is_counted(tmp_path):
    rows = [{"input": f"text number {number} of {number % 3}", "target": "abc"[number % 3]} for number in range(400)]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {
        **STUDY,
        "task": "classification",
        "data": {"source": str(file)},
        "models": ["tfidf"],
        "time_budget": "1s",
    }
    with pytest.raises(UsageError, match="time budget 1s: the smallest whole study, tfidf tuned on"):
        prepare_study(values, StudyOptions(out=tmp_path / "run"))
