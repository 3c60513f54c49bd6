"""A batch in parts has the loss and gradients of the whole batch, and memory that runs out only makes the parts smaller."""

from dataclasses import replace

import pytest
import torch

from tests.learners.lm.training.test_training import RECIPE, adapted, examples, layout_of, tiny, train
from tunecurve.learners.lm.adapters import PeftAdapters
from tunecurve.learners.lm.training import backends
from tunecurve.learners.lm.training.backends import AdapterObjective
from tunecurve.learners.lm.training.micro_batches import MicroBatches, shares
from tunecurve.learners.lm.training.multi_lora import StackedAdapters
from tunecurve.learners.torch.checkpoint import trainable_parameters

BACKENDS = [backends._PLAIN, backends._CACHED, backends._PACKED, backends._STACKED_CACHED, backends._STACKED]


@pytest.mark.parametrize(
    ("rows_at_once", "sizes"),
    [(None, [[7]]), (7, [[7]]), (6, [[4], [3]]), (3, [[3], [3], [1]]), (1, [[1]] * 7)],
)
def test_parts_are_evenly_large(rows_at_once, sizes):
    parts = MicroBatches(rows_at_once).parts({4: range(10, 17)})
    assert [[len(rows) for rows in part.values()] for part in parts] == sizes
    assert [row for part in parts for row in part[4]] == list(range(10, 17))


def test_a_part_counts_for_its_share_of_the_answer_tokens_of_each_training():
    parts = MicroBatches(2).parts({0: [0, 1, 2], 5: [1]})
    assert parts == [{0: [0, 1], 5: [1]}, {0: [2], 5: []}]
    assert list(shares(parts, {0: [3, 4, 1], 5: [9, 9]})) == [[7 / 8, 1.0], [1 / 8, 0.0]]


def computed(objective, batches):
    """Return the losses of a step, and its gradients by training and name."""
    with objective.ready():
        losses = objective.compute(batches)
    found = {}
    for number in batches:
        own = {name: parameter.grad for name, parameter in objective.adapters.parameters[number].items()}
        found |= {(number, name): part for name, part in objective.adapters.by_name(number, own).items()}
    objective.adapters.take_gradients()
    return losses, found


def assert_equal(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    scale = max(float(part.abs().max()) for part in expected[1].values())
    for name, part in expected[1].items():
        assert torch.allclose(found[1][name], part, rtol=1e-3, atol=1e-5 * scale), name


def objective_of(tiny_model_folder, backend, micro_batches, n_trainings=1):
    learner = tiny(tiny_model_folder)
    model = adapted(learner, "llama")
    rows = [learner.encoder.encode_example(example) for example in examples(7)]
    values = {name: part.detach().clone() for name, part in trainable_parameters(model).items()}
    initial = [{name: (n + 1) * part for name, part in values.items()} for n in range(n_trainings)]
    adapters = backend.adapters(model, initial)
    layout = replace(layout_of(rows), parts=micro_batches or MicroBatches())
    return AdapterObjective(model, backend, adapters, [rows] * n_trainings, layout)


@pytest.mark.parametrize("rows_at_once", [1, 3])
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_parts_have_the_gradients_of_the_whole_batch(tiny_model_folder, backend, rows_at_once):
    torch.manual_seed(0)
    split = MicroBatches(rows_at_once, "planned")
    whole = computed(objective_of(tiny_model_folder, backend, None), {0: range(7)})
    torch.manual_seed(0)
    objective = objective_of(tiny_model_folder, backend, split)
    assert type(objective.adapters) in (PeftAdapters, StackedAdapters)
    assert_equal(computed(objective, {0: range(7)}), whole)
    assert_equal(computed(objective, {0: range(7)}), whole)  # nothing of a step is left for the next


@pytest.mark.parametrize("backend", [backends._STACKED_CACHED, backends._STACKED], ids=lambda backend: backend.name)
def test_trainings_of_unequal_batches_have_theirs(tiny_model_folder, backend):
    batches = {2: range(7), 0: range(2), 1: range(3, 7)}
    torch.manual_seed(0)
    whole = computed(objective_of(tiny_model_folder, backend, None, 3), batches)
    torch.manual_seed(0)
    assert_equal(computed(objective_of(tiny_model_folder, backend, MicroBatches(2), 3), batches), whole)


def with_memory_for(n_rows, backend):
    """Return a backend that has memory for so many rows."""

    def tensors(batches, layout):
        if max(map(len, batches)) > n_rows:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return backend.tensors(batches, layout)

    return replace(backend, tensors=tensors)


@pytest.mark.parametrize("backend", [backends._PACKED, backends._STACKED], ids=lambda backend: backend.name)
def test_memory_that_runs_out_halves_the_parts_until_they_fit(tiny_model_folder, backend):
    torch.manual_seed(0)
    whole = computed(objective_of(tiny_model_folder, backend, None), {0: range(7)})
    torch.manual_seed(0)
    split = MicroBatches()
    assert_equal(computed(objective_of(tiny_model_folder, with_memory_for(2, backend), split), {0: range(7)}), whole)
    assert (split.rows_at_once, split.ran_out_at) == (1, [7, 3])
    assert split.said == (
        "batches in parts of 1 row of a training, their gradients added: memory did not suffice for 3"
    )
    with pytest.raises(torch.OutOfMemoryError):
        computed(objective_of(tiny_model_folder, with_memory_for(0, backend), MicroBatches()), {0: range(7)})


def test_a_training_in_parts_learns_what_a_whole_one_learns_and_says_so(tiny_model_folder, tmp_path, monkeypatch):
    _, whole, adapter = train(tiny_model_folder, tmp_path / "whole")
    monkeypatch.setattr(backends, "_ON_CPU", (with_memory_for(2, backends._PACKED),))
    _, record, found = train(tiny_model_folder, tmp_path / "parts")
    assert (
        "batches in parts of at most 2 rows of a training, their gradients added: memory did not suffice for 4"
        in record.path
    )
    assert "batches in parts" not in whole.path
    assert record.recipe["batch_size"] == whole.recipe["batch_size"] == RECIPE["batch_size"]
    assert record.losses == pytest.approx(whole.losses, rel=1e-4)
    for name, tensor in adapter.items():
        assert torch.allclose(found[name], tensor, atol=1e-4), name
