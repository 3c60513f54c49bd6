"""results.json as classes: what is written is read again as it was, and what was not written so is told in one line."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tests.fakes.records import finished_trial, metric_result, point
from tunecurve.errors import DamagedFile, StudyStateError
from tunecurve.learners.base import TrainingRecord
from tunecurve.results.model import results_schema
from tunecurve.results.records.advice import Diagnosis, JudgedForecast, LabelAdvice, LearnerForecast
from tunecurve.results.records.money import Money
from tunecurve.results.records.points import Comparison, LabelRecall, MetricResult, Point, best_of
from tunecurve.results.records.test_set import TestSet
from tunecurve.results.records.trials import FinishedTrial, TrialResult
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.storage.files import read_checked_json, write_checked_json
from tunecurve.study.facts import DataFacts

PARTS = [
    Comparison, DataFacts, Diagnosis, FinishedTrial, JudgedForecast, LabelAdvice, LabelRecall, LearnerForecast, MetricResult, Money,
    Point, TestSet, TrainingRecord, TrialResult,
]  # fmt: skip
SHORT = st.text(max_size=5)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)
ANYTHING = st.dictionaries(
    SHORT, st.none() | st.booleans() | st.integers() | NUMBERS | SHORT | st.lists(SHORT, max_size=2), max_size=2
)


@pytest.fixture(autouse=True, scope="module")
def small_values():
    st.register_type_strategy(float, NUMBERS)
    st.register_type_strategy(str, SHORT)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(120)))
    values = {
        "name": "tiny", "data": {"source": str(folder / "rows.jsonl")}, "split": {"test_size": 30, "method": "random"},
        "models": ["lookup"], "shots": [0], "train_sizes": [5, 20, 60], "bootstrap": {"draws": 200},
    }  # fmt: skip
    return run_study(values, out=folder / "out", learners={"lookup": LookupLearner(fail_on_size=20)}).results


def values_of(cls):
    """Records of a class, at most two in every list; what may be anything is a JSON object."""
    named = {"config": ANYTHING, "recipe": ANYTHING, "job": st.none() | ANYTHING}
    hints = get_type_hints(cls, localns={"ConfigDict": dict})
    known = [one.name for one in fields(cls) if one.init]
    return st.builds(cls, **{name: named[name] if name in named else st.from_type(hints[name]) for name in known})


@pytest.mark.parametrize("cls", PARTS, ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_part_comes_back_from_json_as_it_was(cls, data):
    st.register_type_strategy(list, lambda hint: st.lists(st.from_type(hint.__args__[0]), max_size=2))
    st.register_type_strategy(
        dict,
        lambda hint: (
            ANYTHING
            if {object, Any} & {*hint.__args__}
            else st.dictionaries(SHORT, st.from_type(hint.__args__[1]), max_size=2)
        ),
    )
    record = data.draw(values_of(cls))
    written = json.loads(json.dumps(record.to_json()))
    assert cls.from_json(written) == record
    jsonschema.validate(written, cls.json_schema())


def test_a_studys_results_come_back_as_they_were(results):
    written = json.loads((results.folder / "results.json").read_text())
    jsonschema.validate(written, results_schema())
    again = load(results.folder)
    assert again == results
    assert again.to_json() == results.to_json()
    assert {trial.label: type(trial) for trial in again.trials} == {
        "floor": FinishedTrial, "zero-shot": FinishedTrial, "fine-tune-n5-seed0": FinishedTrial,
        "fine-tune-n20-seed0": TrialResult, "fine-tune-n60-seed0": FinishedTrial,
    }  # fmt: skip


def test_what_is_not_measured_has_no_key(results):
    failed = next(trial for trial in results.to_json()["trials"] if trial["state"] == "failed")
    assert not failed.keys() & {"scores", "answers", "training", "loss", "checkpoints", "cost_usd", "answer_seconds"}
    assert "caught fire" in failed["failure"]


def test_the_schema_refuses_what_is_missing_or_unknown(results):
    schema, written = results_schema(), {**results.to_json(), "seal": "0" * 64}
    jsonschema.validate(written, schema)
    for wrong in (
        {key: value for key, value in written.items() if key != "findings"},
        written | {"more": 1},
        written | {"schema_version": 2},
        written | {"points": [{**written["points"][0], "strategy": "guess"}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_the_published_schema_is_the_one_of_the_classes():
    published = Path(__file__).parents[2] / "docs" / "results.schema.json"
    assert json.loads(published.read_text()) == results_schema()
    point_schema = results_schema()["$defs"]["Score"]
    assert "hardly worse" in point_schema["properties"]["bound"]["description"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"test_set": None}, "test_set"),
        ({"metrics": [{"name": "bleu"}]}, "metrics.0.title"),
        ({"trials": [{"label": "floor"}]}, "trials.0"),
    ],
)
def test_results_of_another_version_are_told_in_one_line(results, tmp_path, change, place):
    write_checked_json(tmp_path / "results.json", {**results.to_json(), **change})
    with pytest.raises(StudyStateError) as error:
        load(tmp_path)
    assert str(error.value).startswith(f"'{tmp_path / 'results.json'}': {place}")
    assert "another version of tunecurve" in str(error.value)
    assert "tunecurve run" in str(error.value)
    assert "\n" not in str(error.value)


def test_results_without_a_key_of_this_version_are_told_in_one_line(results, tmp_path):
    write_checked_json(tmp_path / "results.json", {k: v for k, v in results.to_json().items() if k != "test_set"})
    with pytest.raises(StudyStateError, match="test_set: field required"):
        load(tmp_path)


def test_damaged_and_missing_results_are_told_as_such(results, tmp_path):
    with pytest.raises(StudyStateError, match=r"no results\.json in"):
        load(tmp_path)
    (tmp_path / "results.json").write_text((results.folder / "results.json").read_text().replace("tiny", "tinY", 1))
    with pytest.raises(DamagedFile, match="checksum"):
        load(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(DamagedFile, match="earlier version"):
        load(tmp_path)


def test_undefined_numbers_are_none(results):
    undefined = replace(results.points[0].scores["bleu"], estimate=math.nan)
    assert undefined.to_json()["estimate"] is None
    assert read_checked_json(results.folder / "results.json")["points"][0]["scores"]["bleu"]["estimate"] is not None


@pytest.mark.parametrize(
    ("direction", "scores", "best"),
    [
        ("max", [1.0, 3.0, 3.0, None], 1),
        ("min", [2.0, 1.0, 5.0, None], 1),
        ("max", [None, None], None),
        ("min", [], None),
    ],
)
def test_the_best_is_the_first_with_the_best_defined_score(direction, scores, best):
    found = best_of(enumerate(scores), lambda pair: pair[1], metric_result(direction=direction))
    assert (None if found is None else found[0]) == best


def test_the_best_trial_is_finished_and_no_floor(results):
    def trials_of(*scores, strategy="fine-tune"):
        return [
            finished_trial(label=str(number), strategy=strategy, scores={"bleu": score})
            for number, score in enumerate(scores)
        ]

    floor = trials_of(99.0, strategy="floor")
    some = replace(results, trials=[*floor, *trials_of(None, 20.0, 70.0), results.trials[0]])
    assert some.best_trial().scores == {"bleu": 70.0}
    prompted = replace(results, trials=[*trials_of(80.0, strategy="zero-shot"), *trials_of(20.0)])
    assert prompted.best_trial().strategy == "zero-shot"
    assert prompted.best_trial(tuned_only=True).scores == {"bleu": 20.0}
    assert replace(results, trials=floor).best_trial() is None


def test_a_blind_leak_metric_may_not_be_said(results):
    from tunecurve.findings import Finding

    blind = replace(results, findings=[Finding("blind", "x", blocks=("leaks",), learner="m")])
    assert blind.may_say("bleu", "m")
    assert not blind.may_say("leak_documents", "m")
    assert blind.may_say("leak_documents", "other")
    assert blind.forbidden("leaks", "m")
    assert not blind.forbidden("verdict", "m")
    assert point(bleu=1.0).name == "m: tuned on 50"
