"""Layers that are computed again on the way back give the losses and gradients of layers that are kept, in less memory."""

from dataclasses import replace

import pytest
import torch

from tests.learners.lm.training.test_memory_plan import CONFIG, LLAMA_8B, kept_by
from tests.learners.lm.training.test_micro_batches import BACKENDS, assert_equal, computed, objective_of
from tests.learners.lm.training.test_training import RECIPE, adapted, examples, layout_of, tiny, train
from tunecurve.learners.lm.adapters import PeftAdapters
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.training import backends, memory_plan
from tunecurve.learners.lm.training.backends import AdapterObjective
from tunecurve.learners.lm.training.memory_plan import ModelShape, StepShape, fitting_plan, plan_memory
from tunecurve.learners.lm.training.micro_batches import MicroBatches

AGAIN = MicroBatches(planned_for="planned", recomputes=True)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_gradients_are_those_of_kept_layers_to_the_last_bit(tiny_model_folder, backend):
    torch.manual_seed(0)
    losses, kept = computed(objective_of(tiny_model_folder, backend, None), {0: range(7)})
    torch.manual_seed(0)
    objective = objective_of(tiny_model_folder, backend, replace(AGAIN))
    for _ in range(2):  # nothing of a step is left for the next
        again = computed(objective, {0: range(7)})
        assert again[0] == pytest.approx(losses, rel=1e-6)
        assert_equal(again, (losses, kept))


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_in_parts_too(tiny_model_folder, backend):
    torch.manual_seed(0)
    whole = computed(objective_of(tiny_model_folder, backend, None), {0: range(7)})
    torch.manual_seed(0)
    assert_equal(
        computed(objective_of(tiny_model_folder, backend, replace(AGAIN, rows_at_once=2)), {0: range(7)}), whole
    )


@pytest.mark.parametrize("backend", [backends._STACKED_CACHED, backends._STACKED], ids=lambda backend: backend.name)
def test_of_several_trainings(tiny_model_folder, backend):
    batches = {2: range(7), 0: range(2), 1: range(3, 7)}
    torch.manual_seed(0)
    whole = computed(objective_of(tiny_model_folder, backend, None, 3), batches)
    torch.manual_seed(0)
    assert_equal(computed(objective_of(tiny_model_folder, backend, replace(AGAIN), 3), batches), whole)


@pytest.mark.parametrize(("kind", "backend"), [("gemma2", backends._CACHED), ("qwen3", backends._PACKED)])
def test_of_other_architectures(tiny_model_folder, kind, backend):
    learner = tiny(tiny_model_folder)
    torch.manual_seed(0)
    model = adapted(learner, kind)
    rows = [learner.encoder.encode_example(example) for example in examples(6)]

    def objective(parts):
        layout = replace(layout_of(rows), parts=parts)
        return AdapterObjective(model, backend, PeftAdapters(model, [{}]), [rows], layout)

    whole = computed(objective(MicroBatches()), {0: range(6)})
    assert_equal(computed(objective(replace(AGAIN)), {0: range(6)}), whole)


@pytest.mark.parametrize("backend", [backends._PLAIN, backends._CACHED], ids=lambda backend: backend.name)
def test_dropout_draws_the_same_on_the_way_back(tiny_model_folder, backend):
    """In one piece both ways draw the same numbers at the same seed, so that losses and gradients are equal."""
    learner = tiny(tiny_model_folder)
    model = adapted(learner, "llama", {**RECIPE, "lora_dropout": 0.3})
    rows = [learner.encoder.encode_example(example) for example in examples(5)]

    def step(parts):
        objective = AdapterObjective(
            model, backend, PeftAdapters(model, [{}]), [rows], replace(layout_of(rows), parts=parts)
        )
        model.train()
        torch.manual_seed(5)
        found = computed(objective, {0: range(5)})
        model.eval()
        return found

    kept, other_seed = step(MicroBatches()), computed(objective_of(tiny_model_folder, backend, None), {0: range(5)})
    assert_equal(step(replace(AGAIN)), kept)
    assert kept[0] != pytest.approx(other_seed[0], rel=1e-4)  # dropout is on


@pytest.mark.parametrize("backend", [backends._STACKED, backends._PACKED], ids=lambda backend: backend.name)
def test_what_torch_keeps_is_the_inputs_of_layers(backend):
    shape = ModelShape.of(CONFIG, 0, torch.float32)
    rows = [EncodedExample([*range(10, 110), *range(200 + row, 210 + row)], 8) for row in range(6)]
    kept = kept_by(backend, rows, 100, 6)
    again = kept_by(backend, rows, 100, 6, replace(AGAIN))
    tokens = 100 + 6 * 10
    assert again < kept / 3
    assert again == pytest.approx(tokens * shape.inputs_a_token(), rel=0.5)


def test_the_plan_of_llama_8b_with_layers_computed_again_is_that_of_a_sheet_of_paper():
    step = StepShape(1, 8, 300, 60, 20, 16)
    plan = plan_memory(LLAMA_8B, step, recomputes=True)
    # Inputs of 32 layers, all of one layer, and what passes through its gated unit; keys and values of one layer.
    token = 32 * 4096 * 2 + 88_176 * 2 + 4 * 14336 * 2
    pair = 2 * 1024 * 2
    assert plan.prefix == 300 * (token + pair)
    assert plan.row == 60 * token + 360 * pair
    kept = plan_memory(LLAMA_8B, step)
    assert (plan.weights, plan.adapters, plan.logits) == (kept.weights, kept.adapters, kept.logits)


@pytest.mark.parametrize(
    ("free", "recomputes", "rows"),
    [
        # All kept: 6.1 GB for the batch, 3.0 GB with one row. Computed again: 1.6 and 1.1 GB.
        (10e9, False, None),
        (5e9, False, 4),  # twice 300 and 480 tokens, forward and back; computed again: 780 tokens, half as long again
        (4e9, True, None),  # four parts: 1680 tokens
        (2e9, True, None),
        (1.5e9, True, 4),
        (0.1e9, True, 1),
    ],
)
def test_layers_are_computed_again_where_that_takes_least_time_of_what_fits(free, recomputes, rows):
    plan = fitting_plan(LLAMA_8B, StepShape(1, 8, 300, 60, 20, 16), int(free))
    assert (plan.recomputes, plan.rows_at_once(int(free))) == (recomputes, rows)


def test_memory_that_runs_out_for_one_row_has_layers_computed_again(tiny_model_folder):
    backend = backends._PACKED
    torch.manual_seed(0)
    whole = computed(objective_of(tiny_model_folder, backend, None), {0: range(7)})
    torch.manual_seed(0)
    parts = MicroBatches()

    def tensors(batches, layout):
        if not parts.recomputes or len(batches[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return backend.tensors(batches, layout)

    objective = objective_of(tiny_model_folder, replace(backend, tensors=tensors), parts)
    assert_equal(computed(objective, {0: range(7)}), whole)
    assert (parts.recomputes, parts.rows_at_once, parts.ran_out_at) == (True, 3, [7, 3, 1, 7])
    assert objective.launches == (
        "; batches in parts of at most 3 rows of a training, their gradients added, layers computed again on the way back "
        "(activation checkpointing): memory did not suffice for 7"
    )
    unknown = MicroBatches(1, may_recompute=False)
    assert not unknown.use_fewer({0: [1]})


def test_a_training_with_layers_computed_again_learns_the_same_and_says_so(tiny_model_folder, tmp_path, monkeypatch):
    _, whole, adapter = train(tiny_model_folder, tmp_path / "whole")
    planned = {}

    def plan(model, step):
        planned["parts"] = replace(AGAIN)
        return planned["parts"]

    monkeypatch.setattr("tunecurve.learners.lm.training.train.planned_parts", plan)
    _, record, found = train(tiny_model_folder, tmp_path / "again")
    said = "layers computed again on the way back (activation checkpointing): planned"
    assert record.path.endswith(f"; {said}") or f"; {said}" in record.path
    assert (record.to_fit, whole.to_fit) == (said, None)
    assert record.losses == pytest.approx(whole.losses, rel=1e-5)
    for name, tensor in adapter.items():
        assert torch.allclose(found[name], tensor, atol=1e-5), name


def test_little_memory_is_planned_for(tiny_model_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(memory_plan, "free_memory", lambda device: 1)
    _, record, _ = train(tiny_model_folder, tmp_path / "little")
    assert record.to_fit.startswith(
        "batches in parts of 1 row of a training, their gradients added, layers computed again"
    )
