"""The memory plan is arithmetic that can be done by hand, and near what torch keeps of a step."""

import re

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig

from tests.learners.lm.training.test_training import RECIPE, train
from tunecurve.learners.lm.adapters import adapter_values, add_adapters
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.recipe import resolve_recipe
from tunecurve.learners.lm.training import backends, memory_plan
from tunecurve.learners.lm.training.backends import AdapterObjective, Layout
from tunecurve.learners.lm.training.memory_plan import (
    MemoryPlan,
    ModelShape,
    StepShape,
    free_memory,
    plan_memory,
)
from tunecurve.learners.lm.training.micro_batches import MicroBatches

CONFIG = LlamaConfig(
    vocab_size=1000, hidden_size=64, intermediate_size=192, num_hidden_layers=4, num_attention_heads=8,
    num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False,
)  # fmt: skip
LLAMA_8B = ModelShape(8_030_261_248, 2, 32, 4096, 14336, 4096, 1024, 128256)


def test_the_plan_of_llama_8b_is_that_of_a_sheet_of_paper():
    # Adapters of rank 16: 41.9 million numbers, as PEFT counts them for this model.
    assert LLAMA_8B.adapter_numbers(16) == 41_943_040
    plan = plan_memory(LLAMA_8B, StepShape(1, 8, 300, 60, 20, 16))
    assert plan.weights == 16_060_522_496
    assert plan.adapters == 41_943_040 * 20
    # 4 * 4096 + 3 * 4096 + 2 * 1024 + 4 * 14336 + 7 * 16 numbers of 2 bytes in 32 layers, and 4 * 14336 once.
    token = 32 * 88_176 * 2 + 4 * 14336 * 2
    pair = 32 * 2 * 1024 * 2
    assert plan.prefix == 300 * (token + pair)
    assert plan.row == 60 * token + 360 * pair
    assert plan.logits == 20 * 128256 * 16
    assert plan.whole == plan.weights + plan.adapters + plan.prefix + 8 * (plan.row + plan.logits)
    assert plan.sentence == (
        "about 22.1 GB (weights 16.1 GB, adapters and optimizer 839 MB, a batch of 8 rows 4.9 GB, its logits 328 MB)"
    )


@pytest.mark.parametrize(("free", "rows"), [(10_000, None), (1_000, None), (999, 7), (600, 4), (350, 2), (100, 1)])
def test_as_many_rows_are_computed_at_once_as_fit_beside_the_weights(free, rows):
    plan = MemoryPlan(weights=5000, adapters=60, prefix=40, row=90, logits=10, n_rows=8)
    assert plan.rows_at_once(free) == rows


def test_a_plan_fits_where_one_row_at_once_does():
    plan = MemoryPlan(weights=500, adapters=200, prefix=100, row=90, logits=10, n_rows=8)
    assert (plan.least, plan.whole) == (900, 1600)
    assert plan.fits(1000)
    assert not plan.fits(999)


def test_the_shape_is_read_from_a_config():
    assert ModelShape.of(CONFIG, 5, torch.bfloat16) == ModelShape(5, 2, 4, 64, 192, 64, 16, 1000)
    assert ModelShape.of(MixtralConfig(), 5, torch.bfloat16) is None
    assert ModelShape.of(object(), 5, torch.bfloat16) is None


def kept_by(backend, rows, n_prefix, n_rows, parts=None):
    """Return the bytes that torch keeps for the backward pass of a step, weights, adapters and logits aside."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(CONFIG).requires_grad_(False)
    tuned = add_adapters(model, resolve_recipe(RECIPE, 12, 64), seed=3).eval()
    objective = AdapterObjective(
        tuned,
        backend,
        backend.adapters(tuned, [adapter_values(tuned)]),
        [rows],
        Layout(n_prefix, 2, parts=parts or MicroBatches()),
    )
    kept, known = {}, {part.untyped_storage().data_ptr() for part in tuned.parameters()}
    computed = [getattr(objective.adapters, name, None) for name in ("_computed", "_gradients")]
    known |= {part.untyped_storage().data_ptr() for part in computed if part is not None}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known and CONFIG.vocab_size not in tensor.shape:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with objective.ready(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        objective.compute({0: range(n_rows)})
    return sum(kept.values())


@pytest.mark.parametrize(("backend", "least", "most"), [(backends._STACKED, 0.9, 1.1), (backends._PACKED, 0.4, 1.0)])
@pytest.mark.parametrize(("n_prefix", "n_own"), [(40, 30), (100, 10)])
def test_what_torch_keeps_is_near_the_plan(backend, least, most, n_prefix, n_own):
    shape = ModelShape.of(CONFIG, 0, torch.float32)
    prefix = list(range(10, 10 + n_prefix))
    rows = [EncodedExample([*prefix, *range(200 + row, 200 + row + n_own)], 8) for row in range(6)]
    plan = plan_memory(shape, StepShape.of([rows], 6, n_prefix, 4))
    passing = 4 * CONFIG.intermediate_size * 4 * (n_prefix + 6 * n_own)
    planned = plan.prefix + 6 * plan.row - passing  # what only passes through is not kept
    measured = kept_by(backend, rows, n_prefix, 6)
    assert least <= measured / planned <= most


def test_free_memory_is_what_the_system_says(tmp_path):
    found = free_memory(torch.device("cpu"))
    assert found is None or found > 0
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:     12 kB\n")
    assert free_memory(torch.device("cpu"), tmp_path / "meminfo") == 12 * 1024
    assert free_memory(torch.device("cpu"), tmp_path / "none") is None
    assert free_memory(torch.device("mps")) is None


def test_a_training_that_would_not_fit_is_planned_in_parts_and_says_so(tiny_model_folder, tmp_path, monkeypatch):
    _, whole, adapter = train(tiny_model_folder, tmp_path / "whole")
    monkeypatch.setattr(memory_plan, "free_memory", lambda device: 4_000_000)
    _, record, found = train(tiny_model_folder, tmp_path / "parts")
    assert re.search(
        r"; batches in parts of (1 row|at most [23] rows) of a training, their gradients added: planned for 4 MB of free memory, "
        r"where a whole batch needs about \d+ MB",
        record.path,
    )
    assert record.losses == pytest.approx(whole.losses, rel=1e-4)
    for name, tensor in adapter.items():
        assert torch.allclose(found[name], tensor, atol=1e-4), name
