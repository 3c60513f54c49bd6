"""What a study says of its test rows: from answers, with seeds and groups, before it has two sizes, and beside its verdict."""

import json
import math

import pytest

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.results.model import Results
from tunecurve.results.test_set.entries import Questions, TestRows, about, leak_entry
from tunecurve.run import run_study

STUDY = {
    "name": "tiny",
    "split": {"test_size": 40, "method": "random"},
    "models": ["lookup"],
    "shots": [0],
    "bootstrap": {"draws": 200},
}


def results_of(folder, *, rows=None, **changes) -> Results:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows or simple_rows(200)))
    values = {**STUDY, "train_sizes": [5, 20, 80], **changes}
    values["data"] = {"source": str(path), **changes.get("data", {})}
    return run_study(values, out=folder / "out", learners={"lookup": LookupLearner()}).results


def test_the_last_two_sizes_are_what_it_rests_on(tmp_path):
    test_set = results_of(tmp_path).test_set
    assert (test_set.n_rows, test_set.n_groups) == (40, 40)
    assert {(entry.metric, *entry.sizes) for entry in test_set.differences} == {
        ("bleu", 20, 80),
        ("leak_documents", 20, 80),
    }
    assert all("one run a size" in entry.sentence for entry in test_set.differences)


def test_one_size_alone_is_borrowed_and_says_so(tmp_path):
    test_set = results_of(tmp_path, train_sizes=[20]).test_set
    assert {entry.basis for entry in test_set.differences} == {"borrowed"}
    assert all("Not measured yet" in entry.sentence for entry in test_set.differences)
    assert test_set.next_rows == []


def test_what_no_study_showed_is_called_guessed(tmp_path):
    entries = results_of(tmp_path, train_sizes=[20], metrics=["text_fidelity", "leak_documents"]).test_set.differences
    said = {entry.metric: entry.source for entry in entries}
    assert "guessed" in said["text_fidelity"]
    assert "borrowed" not in said["text_fidelity"]
    assert "borrowed from other studies" in said["leak_documents"]


def test_seeds_are_part_of_the_noise(tmp_path):
    entry = results_of(tmp_path, seeds=3).test_set.differences[0]
    assert "3 runs a size" in entry.sentence
    assert entry.noises[0].n_seeds == 3
    assert entry.noises[0].seed_variance > 0


def test_groups_widen_what_leaks_may_be(tmp_path):
    rows = [{**row, "source": str(number // 8)} for number, row in enumerate(simple_rows(200))]
    results = results_of(
        tmp_path, rows=rows, data={"group_column": "source"}, split={"test_size": 40, "method": "group"}
    )
    leaks, test_set = results.test_set.leaks, results.test_set
    assert test_set.n_groups < test_set.n_rows
    assert leaks.bound > 3 * leaks.bound_if_independent
    assert leaks.bound_of_groups == pytest.approx(100 * (1 - 0.05 ** (1 / test_set.n_groups)))
    assert f"({test_set.n_groups} groups)" in test_set.differences[0].sentence
    assert "in as many groups a row as now" in leaks.sentence


def test_the_gain_that_matters_to_the_study_is_the_one_asked_for(tmp_path):
    test_set = results_of(tmp_path, advice={"delta": 3.0}).test_set
    assert {entry.wanted for entry in test_set.differences} == {3.0}


@pytest.mark.parametrize(("n_judged", "n_groups"), [(200, 200), (200, 51), (1000, 20), (50, 50)])
def test_none_found_is_the_textbook_bound_where_documents_are_alone_and_more_in_groups(n_judged, n_groups):
    entry = leak_entry(n_judged, n_groups, float(n_groups), TestRows(n_judged, n_groups), Questions())
    exact = 100 * (1 - 0.05 ** (1 / n_judged))
    assert entry.bound_if_independent == pytest.approx(exact)
    assert entry.bound >= exact
    assert entry.documents_needed_if_independent == math.ceil(math.log(0.05) / math.log(0.99))
    assert ("groups" in entry.sentence) == (n_groups < n_judged)


def test_a_bound_of_everything_is_called_none():
    two = leak_entry(40, 2, 2.0, TestRows(40, 2), Questions())
    assert two.sentence.startswith(
        "If none of the 40 documents with personal data leaks, nothing is shown with these rows: up to 100 % of all may leak (95 %), or"
    )
    four = leak_entry(40, 4, 4.0, TestRows(40, 4), Questions())
    assert "leaks, at most 78.4 % of all do (95 %)" in four.sentence


def test_a_single_group_bounds_nothing():
    assert leak_entry(30, 1, 1.0, TestRows(30, 1), Questions()) is None


@pytest.mark.parametrize(
    ("count", "said"), [(3617, 3700), (720, 720), (721, 730), (99, 99), (101, 110), (7, 7), (1, 1)]
)
def test_counts_are_said_with_two_digits_and_never_too_small(count, said):
    assert about(count) == said
