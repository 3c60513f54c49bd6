"""Thresholds of labels come from held-out rows, and sets from thresholds."""

import numpy as np
import pytest

from tunecurve.learners.baselines.tfidf_label_sets import TfidfLabelSets
from tunecurve.learners.label_thresholds import (
    choose_thresholds,
    indicators,
    losses_of_sets,
    n_held_out,
    sets_above,
    shares_of,
)
from tunecurve.prompts import Prompt, TuningExample

LABELS = ["a", "b"]


@pytest.mark.parametrize(("n", "held_out"), [(1, 0), (9, 0), (10, 2), (50, 10), (800, 160)])
def test_a_fifth_is_held_out_where_there_are_rows_enough(n, held_out):
    assert n_held_out(n) == held_out


def test_the_threshold_lies_where_f1_is_best():
    shares = np.array([[0.3, 0.1], [0.35, 0.2], [0.05, 0.4], [0.1, 0.0]])
    gold = indicators(["a", "a", "b", "none"], LABELS)
    first, second = choose_thresholds(shares, gold)
    assert first == second
    assert sets_above(shares, [first, second], LABELS) == ["a", "a", "b", "none"]


def test_a_label_of_many_rows_has_a_threshold_of_its_own():
    many, few = np.arange(100) < 12, np.arange(100) < 9
    shares = np.column_stack([np.where(many, 0.3, 0.1), np.where(few, 0.9, 0.5)])
    own, common = choose_thresholds(shares, np.column_stack([many, few]))
    assert 0.1 < own <= 0.3
    assert 0.5 < common <= 0.9


def test_without_a_right_label_thresholds_stay_in_the_middle():
    assert choose_thresholds(np.full((3, 2), 0.1), np.zeros((3, 2), dtype=bool)) == [0.5, 0.5]


def test_losses_are_those_of_independent_labels():
    scores = np.array([[2.0, -1.0]])
    share = shares_of(scores)[0]
    (loss,) = losses_of_sets(scores, ["a"], LABELS)
    assert loss.nats == pytest.approx(-np.log(share[0]) - np.log(1 - share[1]))
    (unknown,) = losses_of_sets(scores, ["a; c"], LABELS)
    assert unknown.left_out


def test_right_sets_lose_the_labels_that_no_training_row_has():
    prompts = [Prompt((), "text")] * 3
    examples = [TuningExample(prompts[0], target) for target in ("a", "b; a")]
    trip = TfidfLabelSets().return_targets(prompts, ["a; c", "b", "none"], examples)
    assert trip.texts == ["a", "b", "none"]
    assert trip.losses[0].rows == (0,)
