import numpy as np
import pytest

from tunecurve.learners.lm.recipe import resolve_recipe
from tunecurve.learners.torch.batches import all_batches, epoch_batches
from tunecurve.spec.quick import QUICK_STUDY
from tunecurve.spec.reading import parse_spec


@pytest.mark.parametrize(
    ("n", "epochs", "n_steps"), [(50, 20, 140), (200, 6, 150), (800, 2, 200), (6400, 2, 1600), (1, 20, 20)]
)
def test_small_sizes_get_more_epochs(n, epochs, n_steps):
    recipe = resolve_recipe({}, n, 576)
    assert (recipe.epochs, recipe.n_steps) == (epochs, n_steps)


def test_learning_rate_falls_with_width_and_is_capped():
    assert resolve_recipe({}, 100, 4096).learning_rate == pytest.approx(5e-4 * (2000 / 4096) ** 0.781)
    assert resolve_recipe({}, 100, 4096).learning_rate < resolve_recipe({}, 100, 2048).learning_rate
    assert resolve_recipe({}, 100, 576).learning_rate == resolve_recipe({}, 100, 16).learning_rate == 1e-3


@pytest.mark.parametrize("n", [10, 200, 6400])
def test_short_and_long_trainings_have_one_learning_rate(n):
    assert resolve_recipe({}, n, 4096).learning_rate == resolve_recipe({}, 50, 4096).learning_rate
    assert resolve_recipe({"name": "article"}, n, 4096).learning_rate == 1e-4
    assert resolve_recipe({"learning_rate": 2e-5}, n, 4096).learning_rate == 2e-5


@pytest.mark.parametrize(("batch_size", "share"), [(2, 0.5), (8, 1.0), (32, 1.0)])
def test_smaller_batches_take_shorter_steps(batch_size, share):
    rate = resolve_recipe({"batch_size": batch_size}, 100, 2048).learning_rate
    assert rate == pytest.approx(share * resolve_recipe({}, 100, 2048).learning_rate)


def test_the_quick_study_learns_at_the_highest_rate():
    quick = parse_spec(QUICK_STUDY)
    rates = {resolve_recipe(quick.recipe.model_dump(), size, 576).learning_rate for size in quick.train_sizes}
    assert rates == {1e-3}


def test_the_articles_recipe():
    recipe = resolve_recipe({"name": "article"}, 50, 576)
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.n_steps) == (2, 4, 1e-4, 26)


def test_every_value_can_be_overridden():
    given = {
        "epochs": 3,
        "batch_size": 2,
        "learning_rate": 0.5,
        "lora_rank": 4,
        "lora_alpha": 5,
        "warmup_share": 0.5,
        "weight_decay": 0.1,
        "gradient_clip": 2.0,
        "lora_dropout": 0.3,
    }
    recipe = resolve_recipe(given, 10, 576)
    assert {key: getattr(recipe, key) for key in given if key != "warmup_share"} == {
        key: value for key, value in given.items() if key != "warmup_share"
    }
    assert (recipe.n_steps, recipe.warmup_steps) == (15, 8)
    assert resolve_recipe({"min_steps": 40}, 24, 576).epochs == 14
    assert resolve_recipe({"max_epochs": 5}, 24, 576).epochs == 5


def test_schedule_rises_then_falls_to_nothing():
    recipe = resolve_recipe({"epochs": 10, "warmup_share": 0.2}, 80, 576)
    rates = [recipe.learning_rate_at(step, recipe.learning_rate) for step in range(recipe.n_steps)]
    assert max(rates) == pytest.approx(recipe.learning_rate)
    assert rates[: recipe.warmup_steps] == sorted(rates[: recipe.warmup_steps])
    assert rates[recipe.warmup_steps :] == sorted(rates[recipe.warmup_steps :], reverse=True)
    assert 0 < rates[-1] < 0.02 * recipe.learning_rate


def test_every_row_occurs_once_an_epoch():
    lengths = np.random.default_rng(0).integers(10, 90, 203).tolist()
    batches = epoch_batches(lengths, 8, seed=1, epoch=0)
    assert sorted(row for batch in batches for row in batch) == list(range(203))
    assert len(batches) == 26
    assert batches == epoch_batches(lengths, 8, seed=1, epoch=0) != epoch_batches(lengths, 8, seed=1, epoch=1)
    assert len(all_batches(lengths, 8, 3, seed=1)) == 78


def test_batches_hold_rows_of_similar_length():
    lengths = np.random.default_rng(0).integers(10, 90, 640).tolist()
    padded = sum(8 * max(lengths[row] for row in batch) for batch in epoch_batches(lengths, 8, seed=0, epoch=0))
    unsorted = sum(8 * max(lengths[first : first + 8]) for first in range(0, 640, 8))
    assert padded < 0.75 * unsorted
