"""Development rows of language models: killed at any step, a rate chosen is the rate alone; looking changes nothing."""

import itertools

import pytest
import torch
from safetensors.torch import load_file

from tests.learners.lm.training.test_training import RENDERER, ROWS, tiny
from tunecurve.errors import Interrupted
from tunecurve.learners.base import TrainingJob

RECIPE = {"epochs": 3, "batch_size": 4, "lora_rank": 4, "lora_alpha": 8}
EXAMPLES = [RENDERER.tuning_example(source, target) for source, target in ROWS[:32]]


def train(folder, out, settings, on_step=lambda step: None, examples=EXAMPLES, **options):
    learner = tiny(folder, **options)
    out.mkdir(exist_ok=True)
    recipe = learner.resolve_recipe(RECIPE | settings, len(examples))
    record = learner.fine_tune(TrainingJob(examples, recipe, 5, out), on_step).record
    return record, load_file(out / "adapter" / "adapter_model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_killed_choice_of_a_learning_rate_ends_with_the_same_bits(tiny_model_folder, tmp_path):
    seen = []
    whole, adapter = train(tiny_model_folder, tmp_path / "whole", {"learning_rate": "auto"}, seen.append)
    assert len(whole.development.tried) == 3
    for count in (3, len(seen) // 2, len(seen) - 2):
        folder, number = tmp_path / f"killed-{count}", itertools.count(1)

        def stop(step, number=number, count=count):
            if next(number) == count:
                raise Interrupted("stopped")

        with pytest.raises(Interrupted):
            train(tiny_model_folder, folder, {"learning_rate": "auto"}, stop)
        again, adapter_again = train(tiny_model_folder, folder, {"learning_rate": "auto"})
        assert again.losses == whole.losses
        assert again.development == whole.development
        assert same(adapter, adapter_again)


@pytest.mark.parametrize("backend", [None, "reference"])
def test_the_rate_that_was_chosen_goes_on_as_if_it_were_alone(tiny_model_folder, tmp_path, backend):
    auto, _ = train(tiny_model_folder, tmp_path / "auto", {"learning_rate": "auto"}, backend=backend)
    rate = auto.development.learning_rate
    settings = {"learning_rate": rate, "development_share": 0.2}
    alone, _ = train(tiny_model_folder, tmp_path / "alone", settings, backend=backend)
    assert auto.losses == alone.losses
    assert auto.development.losses == alone.development.losses
    assert auto.development.rows == 6


def test_rows_that_are_too_few_are_trained_as_usual(tiny_model_folder, tmp_path):
    asked, adapter = train(tiny_model_folder, tmp_path / "asked", {"development_share": 0.2}, examples=EXAMPLES[:12])
    usual, expected = train(tiny_model_folder, tmp_path / "usual", {}, examples=EXAMPLES[:12])
    assert (
        asked.path == usual.path + "; no development rows, the usual learning rate and all steps: 12 rows are too few"
    )
    assert same(adapter, expected)
