"""Nothing is called better than random that the test rows and seeds do not prove."""

from dataclasses import replace

import numpy as np
import pytest

from tunecurve.curve.intervals import jackknife
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.selection.judge import LEVEL, Judge, level_of_each, rows_for
from tunecurve.selection.records import Change
from tunecurve.selection.sentences import in_points, verdict
from tunecurve.selection.ways import RANDOM, WAYS

ACCURACY = build_metrics(["accuracy"])[0]
SIZES = [50, 100, 200]


def curve(rates, generator, n_test=400):
    """Scores of answers that are right at these rates, on the same luck of test rows."""
    luck = generator.random(n_test)
    return [
        jackknife(np.stack([luck < rate, np.ones(n_test)], axis=1).astype(float), lambda s: 100 * s[..., 0] / s[..., 1])
        for rate in rates
    ]


def results_of(rates_by_way, metric=ACCURACY, n_learners=1, seeds=4, others=(0.5, 0.6, 0.7)):
    curves = {}
    for way in WAYS:
        rates = rates_by_way.get(way, others)
        curves[way] = [curve(rates, np.random.default_rng(seed)) for seed in range(seeds)]
    return judge_of(metric, n_learners).results("tfidf", curves)


def judge_of(metric=ACCURACY, n_learners=1, floor=None):
    floor = (0.9 if metric.direction == "min" else 0.2) if floor is None else floor
    return Judge(metric, SIZES, level_of_each(n_learners), curve([floor], np.random.default_rng(9))[0])


def said_of(results):
    return verdict(results, "accuracy", SIZES, "most frequent class")


def test_equal_ways_are_not_told_apart_and_the_sentence_says_so():
    results = results_of({})
    assert {result.outcome for result in results if result.way != RANDOM} == {"not told apart"}
    said = said_of(results)
    assert said == "None of these ways beats random here: choose the next rows at random."


@pytest.mark.parametrize("way", [way for way in WAYS if way != RANDOM])
def test_a_clear_winner_is_named_with_its_interval_and_the_rows_that_it_saves(way):
    results = results_of({way: (0.5, 0.7, 0.8)})
    [winner] = [result for result in results if result.outcome == "better"]
    assert winner.way == way
    assert winner.change.difference == pytest.approx(10, abs=2)
    assert winner.change.low > 0
    assert winner.rows_for_the_same == pytest.approx(100, abs=15)
    said = said_of(results)
    assert said.startswith(f"{way.capitalize()} rows learn fastest, +")
    assert f"About {winner.rows_for_the_same} {way} rows score what 200 random rows score." in said


def test_a_clear_loser_is_named_and_random_recommended():
    results = results_of({"diverse": (0.5, 0.5, 0.55)})
    assert [result.way for result in results if result.outcome == "worse"] == ["diverse"]
    said = said_of(results)
    assert "None of these ways beats random here" in said
    assert "Worse than random" in said
    assert "diverse (-" in said


def test_where_less_is_better_fewer_points_win():
    leaks = build_metrics(["leak_documents"])[0]
    assert leaks.direction == "min"
    rates = {"stratified": (0.5, 0.3, 0.2), "diverse": (0.5, 0.5, 0.45)}
    results = results_of(rates, metric=leaks, others=(0.5, 0.4, 0.3))
    assert {result.way: result.outcome for result in results if result.way != RANDOM} == {
        "stratified": "better",
        "least confident": "not told apart",
        "diverse": "worse",
    }
    [best] = [result for result in results if result.outcome == "better"]
    assert best.rows_for_the_same == pytest.approx(100, abs=15)


@pytest.mark.parametrize(("floor", "is_learnt"), [(0.2, True), (0.6, True), (0.7, False), (0.9, False)])
def test_nothing_is_said_where_no_way_gets_above_the_floor(floor, is_learnt):
    """Rows of which nearly all have one class: every way scores what always answering it scores."""
    curves = {way: [curve((0.5, 0.6, 0.7), np.random.default_rng(seed)) for seed in range(4)] for way in WAYS}
    results = judge_of(floor=floor).results("tfidf", curves)
    assert ({result.outcome for result in results if result.way != RANDOM} == {"nothing learnt"}) != is_learnt
    said = said_of(results)
    assert ("do not get this learner above the floor (most frequent class)" in said) != is_learnt
    assert ("by more than noise" in said and "more test rows" in said) != is_learnt
    assert ("choose the next rows at random" in said) == is_learnt


def test_one_way_that_learns_what_random_rows_do_not_is_compared():
    curves = {way: [curve((0.5, 0.5, 0.5), np.random.default_rng(seed)) for seed in range(4)] for way in WAYS}
    curves["diverse"] = [curve((0.5, 0.6, 0.7), np.random.default_rng(seed)) for seed in range(4)]
    results = judge_of(floor=0.5).results("tfidf", curves)
    assert [result.way for result in results if result.outcome == "better"] == ["diverse"]


def test_two_learners_are_told_one_by_one():
    won, lost = results_of({"diverse": (0.5, 0.7, 0.8)}), results_of({})
    said = said_of([*won, *(replace(result, learner="encoder") for result in lost)])
    assert said.startswith("With TF-IDF: diverse rows learn fastest")
    assert said.endswith(
        "With the frozen encoder: none of these ways beats random here: choose the next rows at random."
    )


def test_a_lead_that_is_gone_at_the_end_saves_no_rows():
    results = results_of({"stratified": (0.5, 0.7, 0.7)})
    [winner] = [result for result in results if result.outcome == "better"]
    assert winner.rows_for_the_same is None
    assert "random rows score" not in said_of(results)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change(0.72, 0.03, 1.4), "+0.72 [+0.03, +1.40]"),
        (Change(-4.42, -6.5, -2.2), "-4.4 [-6.5, -2.2]"),
        (Change(0.5, -0.04, 1.0), "+0.50 [-0.04, +1.00]"),
        (Change(1.0, None, None), "+1.0, no interval"),
        (None, "–"),
    ],
)
def test_an_end_near_0_shows_its_side(change, said):
    assert in_points(change) == said


def test_the_seed_set_is_compared_with_nothing_and_weighs_in_no_mean():
    [chance, *others] = results_of({"diverse": (0.9, 0.6, 0.7)})
    assert chance.change is None
    assert all(result.steps[0].change is None for result in others)
    assert all(result.mean_score == pytest.approx(chance.mean_score) for result in others)


@pytest.mark.parametrize("n_learners", [1, 2])
def test_all_intervals_of_means_hold_together(n_learners):
    each = 1 - level_of_each(n_learners)
    assert each * n_learners * (len(WAYS) - 1) == pytest.approx(1 - LEVEL)


@pytest.mark.parametrize(
    ("scores", "wanted", "sign", "rows"),
    [
        ([60.0, 70.0, 80.0], 80.0, 1.0, 200),
        ([60.0, 70.0, 80.0], 60.0, 1.0, None),
        ([60.0, 70.0, 80.0], 65.0, 1.0, 71),
        ([60.0, 70.0, 80.0], 81.0, 1.0, None),
        ([20.0, 10.0, 5.0], 10.0, -1.0, 100),
    ],
)
def test_rows_that_score_the_same_lie_on_straight_lines_in_log_n(scores, wanted, sign, rows):
    assert rows_for(SIZES, scores, wanted, sign) == rows


def test_no_difference_is_proven_where_seeds_disagree():
    """Each seed alone is clear, and they point both ways."""
    rates = [(0.5, 0.7, 0.8), (0.5, 0.5, 0.6), (0.5, 0.72, 0.8), (0.5, 0.48, 0.6)]
    curves = {way: [curve((0.5, 0.6, 0.7), np.random.default_rng(seed)) for seed in range(4)] for way in WAYS}
    curves["diverse"] = [curve(rates[seed], np.random.default_rng(seed)) for seed in range(4)]
    results = judge_of().results("tfidf", curves)
    assert {result.outcome for result in results if result.way == "diverse"} == {"not told apart"}
