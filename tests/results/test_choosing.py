"""What is said of the model that answers: which trial it is, what speaks against it, and how a run without one goes on."""

import shlex
from dataclasses import replace

import pytest

from tests.cli.test_commands import invoke
from tests.support.live_page import run_tickets
from tunecurve.errors import StudyStateError
from tunecurve.findings import Finding
from tunecurve.predictor import load_predictor
from tunecurve.results.choosing import cautions, choose_trial
from tunecurve.results.stored import RESULTS, load
from tunecurve.storage.files import read_checked_json, write_checked_json

NOTHING = Finding("not-above-floor", "tfidf: no size is above the floor: nothing has been learnt yet", "train longer")
BLOCKED = [
    (replace(NOTHING, blocks=("verdict",), learner="tfidf"), "nothing has been learnt yet; train longer"),
    (replace(NOTHING, learner="tfidf"), "nothing has been learnt yet"),
    (Finding("blind-metric", "the metric is blind", blocks=("verdict",)), "the metric is blind"),
    (Finding("unseen-values", "values are not counted", blocks=("leaks",)), "values are not counted"),
]
HARMLESS = [
    Finding("rows-dropped", "rows went"),
    Finding("placeholders", "understood so", is_note=True),
    Finding("ceiling", "other: a perfect model", blocks=("verdict",), learner="other"),
    replace(NOTHING, learner="other"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tickets")
    run_tickets(folder, folder / "a run")
    return folder / "a run"


def with_findings(run, findings):
    values = read_checked_json(run / RESULTS)
    write_checked_json(run / RESULTS, {**values, "findings": [finding.to_json() for finding in findings]})


@pytest.mark.parametrize(("finding", "said"), BLOCKED)
def test_what_speaks_against_the_model_is_one_line_beside_which_one_it_is(run, finding, said):
    with_findings(run, [*HARMLESS, finding])
    code, out, err = invoke("predict", run, "--text", "my invoice")
    assert (code, len(out.splitlines())) == (0, 1)
    (caution,) = [line for line in err.splitlines() if line.startswith("caution")]
    assert said in caution
    assert "more" not in caution
    predictor = load_predictor(run)
    assert predictor.findings == [finding]
    assert predictor.trial_label in repr(predictor)
    assert said in repr(predictor)


def test_nothing_is_said_where_nothing_speaks_against_it(run):
    with_findings(run, HARMLESS)
    assert "caution" not in invoke("predict", run, "--text", "my invoice")[2]
    assert repr(load_predictor(run, trial="fine-tune-n6-seed0")) == "<Predictor tfidf/fine-tune-n6-seed0>"


def test_that_nothing_was_learnt_is_said_first_and_the_others_are_counted(run):
    with_findings(run, [BLOCKED[2][0], BLOCKED[0][0], BLOCKED[3][0]])
    results = load(run)
    tuned = choose_trial(results, None)
    prompted = replace(tuned, strategy="similar")
    codes = ["not-above-floor", "blind-metric", "unseen-values"]
    assert [finding.code for finding in cautions(results, tuned)] == codes
    assert [finding.code for finding in cautions(results, prompted)] == codes[1:], "nothing was tuned there"
    assert "nothing has been learnt yet; train longer (and 2 more, see the report)" in load_predictor(run).caution


def without_tuned(run, *, planned):
    results = load(run)
    trials = [trial for trial in results.trials if trial.strategy != "fine-tune"]
    if planned:
        from tunecurve.results.records.trials import TrialResult

        tuned = next(trial for trial in results.finished if trial.strategy == "fine-tune").to_json()
        waiting = {**{name: tuned[name] for name in ("learner", "strategy", "shots", "config_sha256", "config")}}
        waiting |= {name: tuned[name] for name in ("train_size", "seed", "label", "folder")}
        trials.append(TrialResult.from_json({**waiting, "state": "waiting", "failure": None}))
    return replace(results, trials=trials)


@pytest.mark.parametrize(("planned", "more"), [(True, []), (False, ["--train-sizes", "50,200"])])
def test_a_run_without_a_tuned_model_names_the_command_that_continues_it(run, planned, more):
    with pytest.raises(StudyStateError) as told:
        choose_trial(without_tuned(run, planned=planned), None)
    command = shlex.split(str(told.value).rpartition(": ")[2])
    assert command == ["tunecurve", "run", str(run / "study.yaml"), "--out", str(run), *more]


def test_the_command_that_is_named_continues_the_run(run):
    with pytest.raises(StudyStateError) as told:
        choose_trial(without_tuned(run, planned=True), None)
    code, out, _ = invoke(*shlex.split(str(told.value).rpartition(": ")[2])[1:], "--yes")
    assert code == 0
    assert "every trial of this study was finished before" in out


def test_without_its_study_file_no_command_is_made_up(run, tmp_path):
    with pytest.raises(StudyStateError, match="continue it with the command that began it"):
        choose_trial(replace(without_tuned(run, planned=True), folder=tmp_path), None)
