"""A training is told by the steps that it took, those that its model has, and those that went elsewhere."""

import pytest

from tunecurve.learners.training import DevelopmentRecord, TrainingRecord, TriedRate
from tunecurve.report.training_words import training_in_words

RATES = [TriedRate(rate, 2, loss) for rate, loss in ((1e-4, 0.9), (3e-4, 0.5), (9e-4, 0.7))]


@pytest.mark.parametrize(
    ("steps", "epochs", "best_step", "tried", "said"),
    [
        (6, 3, 6, [], "6 × 3, 8 development rows, learning rate 0.0003"),
        (5, 3, 2, RATES, "5 of 6 × 2.5, model of step 2, 4 more steps at other learning rates, 8 development rows, learning rate 0.0003"),
        (6, 3, 4, [], "6 × 3, model of step 4, 8 development rows, learning rate 0.0003"),
        (4, 2, 4, [], "4 of 6 × 2, 8 development rows, learning rate 0.0003"),
    ],
)  # fmt: skip
def test_a_training_that_ended_early_and_the_steps_of_other_rates_are_said(steps, epochs, best_step, tried, said):
    seen = DevelopmentRecord(8, [0.5], 1, best_step, 3e-4, tried)
    recipe = {"epochs": 3, "n_steps": 6, "learning_rate": 1e-4}
    record = TrainingRecord(steps, epochs, 80, recipe=recipe, kept_aside=[*range(8)], development=seen)
    assert training_in_words(record) == said
    assert record.learning_rate == 3e-4


@pytest.mark.parametrize("recipe", [{"learning_rate": 1e-4}, {}])
def test_without_development_rows_the_rate_is_that_of_the_recipe(recipe):
    assert TrainingRecord(6, 3, recipe=recipe).learning_rate == recipe.get("learning_rate")


def test_steps_on_pairs_have_no_passes():
    recipe = {"name": "setfit", "epochs": 34, "n_steps": 20, "batch_size": 16}
    assert training_in_words(TrainingRecord(20, 1, 320, recipe=recipe)) == "20 × 16 pairs"


def test_a_training_without_development_rows_is_steps_and_epochs():
    assert training_in_words(TrainingRecord(33, 11, recipe={"epochs": 11, "n_steps": 33})) == "33 × 11"
    assert training_in_words(TrainingRecord(0, 2, kept_aside=[1, 2])) == "– × 2, 2 rows for thresholds"
