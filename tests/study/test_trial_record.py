"""Rows are scored once: what metrics counted in them is kept with the trial, and read for as long as it holds."""

import json

import numpy as np
import pytest

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import StudyStateError
from tunecurve.results import collect
from tunecurve.run import run_study
from tunecurve.storage.files import read_checked_json, write_checked_json
from tunecurve.study import answer_report
from tunecurve.study import trial as trial_room
from tunecurve.study.trial_folder import RESULT, STATISTICS, trials_of


@pytest.fixture
def counted(monkeypatch):
    """The names of the metrics whose statistics were computed, in order."""
    computed = []
    whole = answer_report.row_statistics

    def counting(rows, texts, metrics):
        computed.extend(metric.name for metric in metrics)
        return whole(rows, texts, metrics)

    for room in (trial_room, collect):  # where trials are measured, and where results are made of them
        monkeypatch.setattr(room, "row_statistics", counting)
    return computed


@pytest.fixture
def measure(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(120)))
    values = {
        "name": "tiny", "data": {"source": str(tmp_path / "rows.jsonl")}, "split": {"test_size": 30, "method": "random"},
        "models": ["lookup"], "shots": [0], "train_sizes": [5, 20], "bootstrap": {"draws": 200},
    }  # fmt: skip
    return lambda: run_study(values, out=tmp_path / "out", learners={"lookup": LookupLearner()}).results


def test_every_row_is_scored_once(measure, counted, tmp_path):
    first = measure()
    assert sorted(counted) == sorted(4 * [metric.name for metric in first.metrics]), "four trials, each metric once"
    counted.clear()
    again = measure()
    assert counted == [], "a finished study is read, not scored"
    assert again == first
    for trial in trials_of(tmp_path / "out"):
        assert np.load(trial.path / STATISTICS, allow_pickle=False).shape[0] == 30


@pytest.mark.parametrize("harm", ["gone", "changed", "cut", "another metric", "another version"])
def test_statistics_that_do_not_hold_are_computed_anew(measure, counted, tmp_path, harm):
    first = measure()
    counted.clear()
    trial = trials_of(tmp_path / "out")[0]
    path, result = trial.path / STATISTICS, read_checked_json(trial.path / RESULT)
    match harm:
        case "gone":
            path.unlink()
        case "changed":
            path.write_bytes(path.read_bytes()[:-1] + b"\x01")
        case "cut":
            path.write_bytes(path.read_bytes()[:40])
        case "another metric":
            signatures = result["metric_signatures"] | {"bleu": "as it was before"}
            write_checked_json(trial.path / RESULT, result | {"metric_signatures": signatures})
        case "another version":
            write_checked_json(trial.path / RESULT, result | {"made_by": {"tunecurve": "0.0.1"}})
    assert measure() == first
    assert counted == [metric.name for metric in first.metrics], "of this trial alone"


def test_a_result_that_cannot_be_one_is_told_in_one_line(measure, tmp_path):
    measure()
    trial = trials_of(tmp_path / "out")[0]
    result = read_checked_json(trial.path / RESULT)
    write_checked_json(trial.path / RESULT, {key: value for key, value in result.items() if key != "answers"})
    with pytest.raises(
        StudyStateError, match=r"result\.json': answers: field required; .*move the trial's folder away"
    ):
        measure()
