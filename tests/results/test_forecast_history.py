"""A study keeps the forecasts that it shows, and says what came: never a forecast of another curve, never one made afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from click.testing import CliRunner

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.cli.main import cli
from tunecurve.curve.scoring import crps
from tunecurve.report.history import history_lines, history_table
from tunecurve.results.forecast_history import FORECASTS, judge_forecasts, read_forecasts
from tunecurve.results.model import Results
from tunecurve.run import run_study
from tunecurve.storage.files import read_checked_json

# Three metrics are enough, and quick.
BASE = {
    "name": "tiny",
    "task": "generation",
    "split": {"test_size": 30, "method": "random"},
    "models": ["lookup"],
    "shots": [0],
    "bootstrap": {"draws": 100},
}


class OtherLookup(LookupLearner):
    """Another model under the same name."""

    def identity(self):
        return {"kind": "lookup", "version": 2}


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tunecurve.report.live.write_report", lambda folder, results: None)
        yield


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder with rows, and a study of them at 5, 10 and 20 rows."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    measure(folder, folder / "out", 5, 10, 20)
    return folder


def measure(folder, out, *sizes, learner=None, **values) -> Results:
    values = {**BASE, "data": {"source": str(folder / "rows.jsonl")}, "train_sizes": list(sizes), **values}
    return run_study(values, out=out, learners={"lookup": learner or LookupLearner()}).results


@pytest.fixture
def fresh(begun, tmp_path):
    """A function that runs the study with some sizes, in one folder that is empty at first."""
    return partial(measure, begun, tmp_path / "out")


@pytest.fixture
def study(begun, tmp_path):
    """The same, where 5, 10 and 20 rows are measured already."""
    shutil.copytree(begun / "out", tmp_path / "out")
    return partial(measure, begun, tmp_path / "out")


def results_now(folder):
    return read_checked_json(folder / "out" / "results.json")


def judged(results: Results, metric="bleu"):
    return {item.n: item for item in results.forecast_history if item.metric == metric}


def test_a_larger_size_is_compared_with_the_forecast_that_was_shown_before(study: Callable[..., Results], tmp_path):
    before = results_now(tmp_path)
    said = next(entry for entry in before["forecast"]["lookup"]["forecasts"] if entry["n"] == 80)
    after = study(80)
    item = judged(after)[80]
    measured = next(p for p in after.points if p.train_size == 80).scores["bleu"].estimate
    assert item.sizes == [5, 10, 20]
    assert item.median == pytest.approx(said["median"], rel=1e-4)
    assert item.interval_80 == pytest.approx(said["intervals"]["0.80"], rel=1e-4)
    assert item.measured == measured
    assert item.inside_80 == (said["intervals"]["0.80"][0] <= measured <= said["intervals"]["0.80"][1])
    assert not item.borrowed
    low, high = said["intervals"]["0.80"]
    assert item.sentence == (
        f"forecast {said['median']:.1f} ({low:.1f} to {high:.1f}) from 3 sizes, measured {measured:.1f}"
    )
    assert item.crps_last == pytest.approx(abs(measured - before["forecast"]["lookup"]["points"][-1]["mean_score"]))
    assert item.sentence in history_lines(after)[0]
    assert any(row[1] == "80" and row[6] == f"{measured:.1f}" for row in history_table(after)[1])


def test_a_resumed_study_keeps_its_forecasts_and_adds_none_twice(study: Callable[..., Results], tmp_path):
    first = (tmp_path / "out" / FORECASTS).read_bytes()
    again = study(5, 10, 20)
    assert (tmp_path / "out" / FORECASTS).read_bytes() == first
    study(40)
    kept = read_forecasts(tmp_path / "out")
    assert kept.n_damaged == 0
    assert len({json.dumps([e.learner, e.metric, e.trials]) for e in kept.entries}) == len(kept.entries)
    assert judged(again).keys() <= {10, 20}, "nothing larger than what was measured"


@pytest.mark.parametrize("later", [25, 21, 47, 93])
def test_sizes_between_those_forecast_are_judged_too(study: Callable[..., Results], later):
    item = judged(study(later))[later]
    assert item.sizes == [5, 10, 20]
    assert item.interval_90[0] <= item.interval_80[0] <= item.median <= item.interval_80[1]


def test_a_size_that_was_measured_before_any_forecast_from_smaller_ones_is_not_judged(fresh: Callable[..., Results]):
    assert judged(fresh(80)) == {}
    results = fresh(5, 10)
    assert 80 not in judged(results), "the forecasts that were shown knew it already"
    assert 40 not in judged(fresh(40)), "40 lies below a size that every forecast had seen"


def test_sizes_out_of_order_are_judged_by_what_was_known_before_each(study: Callable[..., Results]):
    assert judged(study(80))[80].sizes == [5, 10, 20]
    results = study(40)
    assert judged(results)[40].sizes == [5, 10, 20], "not by the forecast that had seen 80"
    assert judged(results)[80].sizes == [5, 10, 20]
    assert judged(study(100))[100].sizes == [5, 10, 20, 40, 80]


def test_forecasts_of_trials_that_are_not_the_studys_any_more_are_left_out(study: Callable[..., Results], tmp_path):
    entries = read_forecasts(tmp_path / "out").entries
    larger = study(80)
    assert judge_forecasts(entries, larger)
    foreign = [replace(entry, trials=[*entry.trials, "trials/of-another-recipe"]) for entry in entries]
    assert judge_forecasts(foreign, larger) == []
    renamed = [replace(entry, metric="rougeL") for entry in entries]
    assert judge_forecasts(renamed, larger) == []
    other_settings = [replace(entry, metric_signature="another tokenizer") for entry in entries]
    assert judge_forecasts(other_settings, larger) == []


def test_another_learner_under_the_name_is_not_judged_by_the_earlier_ones_forecast(
    study: Callable[..., Results], tmp_path
):
    kept = read_forecasts(tmp_path / "out").entries
    results = study(5, 10, 20, 80, learner=OtherLookup())
    assert judge_forecasts(kept, results) == []


def test_several_seeds_are_compared_by_their_mean_and_say_so(study: Callable[..., Results]):
    item = judged(study(80, seeds=2))[80]
    assert item.runs == 2
    assert item.sentence.endswith("(mean of 2 runs)")


@pytest.mark.parametrize(
    ("harm", "n_damaged"),
    [
        (lambda content: content.replace(b'"median"', b'"medium"').replace(b"0.50", b"0.51", 1), 1),
        (lambda content: content[:-40], 1),
        (lambda content: b"\x00\xff no line of ours\n" + content, 1),
        (lambda content: b"no line end at all", 1),
        (lambda content: b"", 0),
    ],
    ids=["changed", "cut", "foreign bytes", "one foreign line", "emptied"],
)
def test_a_damaged_file_costs_what_is_damaged_and_is_said(study: Callable[..., Results], tmp_path, harm, n_damaged):
    path = tmp_path / "out" / FORECASTS
    n_lines = len(read_forecasts(tmp_path / "out").entries)
    path.write_bytes(harm(path.read_bytes()))
    assert read_forecasts(tmp_path / "out").n_damaged == n_damaged
    results = study(80)
    kept = read_forecasts(tmp_path / "out")
    assert kept.n_damaged == n_damaged, "what is damaged stays where it is"
    assert len(kept.entries) >= min(n_lines - 1, 2)
    assert results.complete
    output = CliRunner().invoke(cli, ["forecast", "--history", str(tmp_path / "out")]).output
    assert (f"{n_damaged} damaged line" in output) == bool(n_damaged)


def test_a_folder_in_the_files_place_stops_no_study(fresh: Callable[..., Results], tmp_path):
    (tmp_path / "out" / FORECASTS).mkdir(parents=True)
    results = fresh(5)
    assert results.complete
    assert results.forecast_history == []


def test_the_history_command_sums_up_over_runs(study: Callable[..., Results], tmp_path):
    study(80)
    out = str(tmp_path / "out")
    told = CliRunner().invoke(cli, ["forecast", "--history", out])
    assert told.exit_code == 0, told.output
    assert "lookup, 80 rows, bleu: forecast " in told.output
    assert "from 3 sizes, measured " in told.output
    told = json.loads(CliRunner().invoke(cli, ["forecast", "--history", out, out, "--json"]).output)
    assert [run["run"] for run in told["runs"]] == [out], "a run that is named twice counts once"
    pooled = [
        item for run in told["runs"] for item in run["judged"] if not item["borrowed"] and not item["speculative"]
    ]
    assert told["summary"]["measured"]["n"] == len(pooled) >= 2
    assert told["summary"]["measured"]["held_80"] == sum(
        item["interval_80"][0] <= item["measured"] <= item["interval_80"][1] for item in pooled
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "needs run folders"),
        (["nowhere"], "no results.json in 'nowhere'"),
        (["nowhere", "--at", "200"], "--at asks for a forecast"),
        (["nowhere", "--range", "0,1"], "--range asks for a forecast"),
    ],
)
def test_wrong_arguments_of_the_history_get_one_line(arguments, said):
    told = CliRunner().invoke(cli, ["forecast", "--history", *arguments])
    assert said in str(told.exception)


def test_two_curves_files_are_refused():
    told = CliRunner().invoke(cli, ["forecast", "a.csv", "b.csv"])
    assert "expected one" in str(told.exception)


def test_a_run_that_never_forecast_says_so(study: Callable[..., Results], tmp_path):
    (tmp_path / "out" / FORECASTS).unlink(missing_ok=True)
    told = CliRunner().invoke(cli, ["forecast", "--history", str(tmp_path / "out")])
    assert "no forecast is kept here" in told.output
    assert "Nothing to sum up" in told.output


def test_the_score_of_a_forecast_is_the_distance_where_it_is_one_value():
    point = {f"{0.05 * step:.2f}": 3.0 for step in range(1, 20)}
    assert crps(point, 5.0) == pytest.approx(2.0)
    assert crps(point, 3.0) == 0.0
    wide = {f"{0.05 * step:.2f}": 10.0 * 0.05 * step for step in range(1, 20)}
    # Of a uniform distribution on [0, 10], at its middle: 10 / 12 (closed form), up to the 19 levels.
    assert crps(wide, 5.0) == pytest.approx(10 / 12, rel=0.1)
