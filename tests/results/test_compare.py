"""Studies side by side: paired on the test rows that both have, said where there are none, and by nothing that is not found again."""

import json
import math
import shutil

import numpy as np
import pytest

from tests.cli.test_commands import invoke
from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import UsageError
from tunecurve.report.compare import comparison_page, comparison_text
from tunecurve.results.compare import compare_runs, run_names
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.storage.files import read_checked_json, write_checked_json


class Forgetful(LookupLearner):
    """Knows only names of even length: another model on the same rows."""

    def identity(self):
        return {"kind": "forgetful", "version": 1}

    def load_tuned(self, folder):
        known = json.loads((folder / "known.json").read_text())
        return Forgetful(self.name, {value: label for value, label in known.items() if len(value) % 2 == 0})


def measure(folder, rows, learner, **values):
    from tunecurve.run import run_study

    path = folder.parent / f"{folder.name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    usual = {
        "name": folder.name, "data": {"source": str(path)}, "split": {"test_size": 40, "method": "random"}, "models": ["m"],
        "shots": [0], "train_sizes": [10, 30, 60], "bootstrap": {"draws": 100},
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:  # drawing takes as long as all else, and nothing here looks at it
        patch.setattr("tunecurve.report.live.write_report", lambda folder, results: None)
        run_study({**usual, **values}, out=folder, learners={"m": learner})
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run, one of another model, one of other rows of which some are the same, one of rows that are all others, one of groups."""
    base = tmp_path_factory.mktemp("compared")
    rows = simple_rows(140)
    own = base / "test.jsonl"
    own.write_text("".join(json.dumps(row) + "\n" for row in rows[100:120] + simple_rows(400)[300:320]))
    alien = [
        {**row, "source_text": "Dear all, " + row["source_text"], "target_text": "Dear all, " + row["target_text"]}
        for row in rows
    ]
    plain = LookupLearner("m")
    tested = {"data": {"source": str(base / "part.jsonl"), "test_source": str(own)}, "split": {}}
    mine = base / "mine.jsonl"
    mine.write_text("".join(json.dumps(row) + "\n" for row in rows[100:140]))
    whole = {"data": {"source": str(base / "whole.jsonl"), "test_source": str(mine)}, "split": {}}
    by_kind = {"data": {"source": str(base / "groups.jsonl"), "group_column": "kind"}, "split": {"test_size": 40}}
    return {
        "first": measure(base / "first", rows, plain),
        "model": measure(base / "model", rows, Forgetful("m")),
        "part": measure(base / "part", rows[:100], plain, **tested),
        "whole": measure(base / "whole", rows[:100], plain, **whole),
        "alien": measure(base / "alien", alien, plain),
        "groups": measure(base / "groups", rows, plain, **by_kind),
    }


def best_of(compared):
    return next(item for item in compared.differences if item.is_best)


def test_the_same_run_twice_differs_by_nothing(runs, tmp_path):
    again = shutil.copytree(runs["first"], tmp_path / "again")
    compared = compare_runs([runs["first"], again])
    assert compared.shared[0].n_shared == 40
    for item in compared.differences:
        assert item.difference.difference == 0.0
    assert [run.changes for run in compared.runs] == [[], []]


def test_another_model_is_paired_on_all_rows_and_the_sign_turns_with_the_order(runs):
    compared, turned = compare_runs([runs["first"], runs["model"]]), compare_runs([runs["model"], runs["first"]])
    results = {name: load(runs[name]) for name in ("first", "model")}
    for item in compared.differences:
        scores = [results[name].points for name in ("first", "model")]
        first, second = (
            next(point.scores["bleu"] for point in points if point.name == name)
            for points, name in zip(scores, (item.against, item.of), strict=True)
        )
        assert math.isclose(item.first_score, first.estimate)
        assert math.isclose(item.difference.difference, second.estimate - first.estimate, abs_tol=1e-9)
        assert item.difference.low <= item.difference.difference <= item.difference.high
    assert best_of(compared).difference.difference < 0
    assert math.isclose(best_of(turned).difference.difference, -best_of(compared).difference.difference)
    assert math.isclose(best_of(turned).difference.low, -best_of(compared).difference.high, abs_tol=1e-6)
    assert "have the same 40 test rows" in comparison_text(compared)


def test_the_interval_is_that_of_a_study_with_both_models(runs, tmp_path):
    """Two routes to one number: points of one study are compared in the same way."""
    from tunecurve.results.points import difference, score_trial
    from tunecurve.study.plan import Trial

    compared = compare_runs([runs["first"], runs["model"]])
    item = next(one for one in compared.differences if one.of == "m: tuned on 60" and not one.is_best)
    assert item.difference.low is not None
    from tunecurve.metrics.bleu import Bleu
    from tunecurve.results.points import combine_points
    from tunecurve.study.trial_folder import TrialFolder

    metric, points = Bleu("13a"), []
    for name in ("first", "model"):
        trial = next(one for one in load(runs[name]).finished if one.train_size == 60)
        lines = TrialFolder(runs[name] / trial.folder).answers()
        counted = np.array([metric.statistics(line["prediction"], line["target"], line["input"]) for line in lines])
        scored = score_trial(
            Trial("m", "fine-tune", 0, 60, 0), {"bleu": counted}, [metric], np.ones((2, 40)), np.arange(40)
        )
        points += combine_points([scored], seed=0)
    expected = difference(points[0], points[1], load(runs["first"]).metric("bleu"), 0.95)
    assert math.isclose(item.difference.low, expected.low, rel_tol=1e-9)
    assert math.isclose(item.difference.high, expected.high, rel_tol=1e-9)


def test_rows_that_only_some_share_are_paired_alone_and_that_is_said(runs):
    compared = compare_runs([runs["whole"], runs["part"]])
    shared = compared.shared[0]
    assert (shared.n_shared, shared.n_first, shared.n_second) == (20, 40, 40)
    assert "share 20 test rows (of 40 and 40)" in shared.sentence
    assert best_of(compared).difference.low is not None
    assert best_of(compared).difference.difference == 0.0, (
        "the same model, trained on the same rows, on the rows that both have"
    )


def test_without_a_shared_row_nothing_is_tested(runs):
    compared = compare_runs([runs["first"], runs["alien"]])
    assert compared.shared[0].n_shared == 0
    assert compared.differences == []
    assert "share no test row" in comparison_text(compared)
    assert "--test-data" in comparison_text(compared)
    assert all(run.score is not None for run in compared.runs), "each has its own score"


def test_groups_count_and_where_they_are_not_known_there_is_no_interval(runs, tmp_path):
    again = shutil.copytree(runs["groups"], tmp_path / "again")
    compared = compare_runs([runs["groups"], again])
    n_groups = compared.shared[0].n_groups
    assert n_groups == load(again).data.groups_in_test
    assert n_groups < 40
    split = read_checked_json(again / "split.json")
    del split["test_groups"]
    write_checked_json(again / "split.json", split)
    shutil.copytree(again, tmp_path / "older")
    unknown = compare_runs([again, tmp_path / "older"])
    assert unknown.shared[0].n_groups is None
    assert best_of(unknown).difference.difference == 0.0
    assert best_of(unknown).difference.low is None
    assert "no interval" in comparison_text(unknown)


@pytest.mark.parametrize("change", ["signature", "score"])
def test_what_is_counted_otherwise_is_not_compared(runs, tmp_path, change):
    other = shutil.copytree(runs["first"], tmp_path / "other")
    kept = read_checked_json(other / "results.json")
    if change == "signature":
        kept["metrics"][0]["signature"] += "|another"
    else:
        for trial in kept["trials"]:
            trial["scores"]["bleu"] += 1.0
    write_checked_json(other / "results.json", kept)
    item = best_of(compare_runs([runs["first"], other]))
    assert item.difference is None
    assert ("another way" if change == "signature" else "cannot be found again") in item.why


def test_what_differs_in_the_study_files_is_named(runs, tmp_path):
    rows = simple_rows(140)
    told = measure(tmp_path / "told", rows, LookupLearner("m"), prompt={"system": "Hide all of it."})
    compared = compare_runs([runs["first"], told])
    assert any("prompt.system" in change and "Hide all of it." in change for change in compared.runs[1].changes)
    assert not any(change.startswith("name") for change in compared.runs[1].changes)


def test_the_command_prints_writes_and_refuses(runs, tmp_path):
    page = tmp_path / "compare.html"
    code, out, _ = invoke("compare", runs["first"], runs["model"], "--html", page)
    assert code == 0
    assert "P(better)" in out
    html = page.read_text()
    assert html.count("<script") == 2
    assert "https://" not in html
    first = load(runs["first"])
    rows = simple_rows(140)
    assert not any(row["source_text"] in html for row in rows), "no row's text"
    assert first.name in html
    code, out, _ = invoke("compare", runs["first"], runs["model"], "--json", "--metric", "exact_match")
    told = json.loads(out)
    assert (code, told["metric"], told["schema_version"]) == (0, "exact_match", 1)
    for arguments, said in [
        ([runs["first"]], "expected two or more"),
        ([runs["first"], runs["model"], "--metric", "rouge9"], "metric 'rouge9' is not in"),
        ([runs["first"], tmp_path / "nowhere"], "no results.json"),
    ]:
        code, _, error = invoke("compare", *arguments)
        assert code != 0
        assert said in error
        assert "Traceback" not in error
    with pytest.raises(UsageError):
        compare_runs([])


@pytest.mark.parametrize(("command", "others"), [("compare", ["first"]), ("report", []), ("export", [])])
def test_answers_that_are_gone_are_told_in_a_line(runs, tmp_path, command, others):
    bare = shutil.copytree(runs["first"], tmp_path / "bare")
    for path in (bare / "trials").glob("*/predictions.jsonl"):
        path.unlink()
    code, _, error = invoke(command, *(runs[name] for name in others), bare)
    assert code == 8
    assert error.count("\n") == 1
    assert "predictions.jsonl" in error
    assert "it is gone" in error
    if command == "report":
        assert invoke("report", bare, "--no-texts")[0] == 0, "no text is needed"


def test_hostile_names_of_runs_are_shown_and_not_obeyed(runs, tmp_path):
    hostile = tmp_path / "<img src=x onerror=alert(1)>"
    shutil.copytree(runs["first"], hostile)
    results = [load(runs["first"]), load(hostile)]
    assert run_names(results) == ["first", hostile.name]
    page = comparison_page(compare_runs([runs["first"], hostile]), results)
    assert "<img src=x" not in page
    assert page.count("<script") == 2


def test_learners_of_one_study_are_compared_at_every_size_as_two_runs_are(tmp_path):
    rows = simple_rows(140)
    each = {"plain": LookupLearner("m"), "other": Forgetful("m")}
    apart = [measure(tmp_path / name, rows, learner) for name, learner in each.items()]
    between = {one.of: one.difference for one in compare_runs(apart).differences if not one.is_best}
    values = {
        "data": {"source": str(tmp_path / "plain.jsonl")}, "split": {"test_size": 40, "method": "random"}, "shots": [],
        "models": ["other", "plain"], "train_sizes": [10, 30], "bootstrap": {"draws": 100},
    }  # fmt: skip
    learners = {"other": Forgetful("other"), "plain": LookupLearner("plain")}
    results = run_study(values, out=tmp_path / "both", learners=learners).results
    found = [one for one in results.comparisons if one.learner == "other" and one.other_learner == "plain"]
    assert [(one.from_, one.to) for one in found] == [(f"tuned on {n}", f"tuned on {n}") for n in (10, 30)]
    for one in found:
        expected = next(difference for name, difference in between.items() if name.endswith(one.to))
        assert one.differences["bleu"].difference == pytest.approx(expected.difference)
        assert one.differences["bleu"].low == pytest.approx(expected.low)
    page = (tmp_path / "both" / "report.html").read_text()
    assert "plain, tuned on 10" in page
