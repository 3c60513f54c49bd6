"""Weights in four bits: a quarter of the memory, the same numbers by every backend, kept by the saved model, and said.

With bitsandbytes where it is installed (the extra `4bit`), else with the paper's arithmetic in its place.
"""

import importlib.util
import sys
from dataclasses import replace

import pytest
import torch

from tests.fakes import four_bit_packing
from tests.learners.lm.training.test_memory_plan import LLAMA_8B
from tests.learners.lm.training.test_micro_batches import BACKENDS, assert_equal, computed
from tests.learners.lm.training.test_training import RECIPE, adapted, examples, layout_of, tiny, train
from tunecurve.errors import EnvironmentProblem
from tunecurve.learners import registry
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.lm import base_model, four_bit
from tunecurve.learners.lm.adapters import PeftAdapters, adapter_values
from tunecurve.learners.lm.base_model import USUAL_STEP, weight_findings, why_packed, with_base_weights
from tunecurve.learners.lm.four_bit import FourBitLinear, is_packed
from tunecurve.learners.lm.lean import has_known_parts
from tunecurve.learners.lm.training import backends
from tunecurve.learners.lm.training.backends import AdapterObjective
from tunecurve.learners.lm.training.memory_plan import plan_memory
from tunecurve.learners.lm.training.micro_batches import MicroBatches
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.learners.torch.device import Compute

HAS_BITSANDBYTES = importlib.util.find_spec("bitsandbytes") is not None
AGAIN = MicroBatches(planned_for="planned", recomputes=True)


@pytest.fixture
def packing(monkeypatch):
    """bitsandbytes, or what stands for it."""
    if not HAS_BITSANDBYTES:
        four_bit_packing.installed(monkeypatch)


def packed_learner(folder, **options):
    learner = tiny(folder, **options)
    learner.compute = replace(learner.compute, four_bit=True)
    return learner


@pytest.mark.skipif(not HAS_BITSANDBYTES, reason="the extra 4bit is not installed")
def test_what_stands_for_bitsandbytes_packs_alike():
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    weight = torch.randn(96, 128, generator=torch.Generator().manual_seed(1))
    theirs = dequantize_4bit(*quantize_4bit(weight, quant_type="nf4", compress_statistics=True))
    ours = four_bit_packing.dequantize_4bit(
        *four_bit_packing.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    )
    # Their scales are quantised, too.
    assert float((theirs - ours).abs().max()) < 0.02 * float(weight.abs().max())
    assert float((theirs - weight).norm() / weight.norm()) == pytest.approx(
        float((ours - weight).norm() / weight.norm()), rel=0.05
    )


def test_a_packed_layer_is_the_layer_of_its_unpacked_weights(packing):
    torch.manual_seed(0)
    plain = torch.nn.Linear(64, 96)
    layer = FourBitLinear(plain)
    rows = torch.randn(3, 5, 64, requires_grad=True)
    layer(rows).square().sum().backward()
    again = rows.detach().clone().requires_grad_()
    torch.nn.functional.linear(again, layer.weight, plain.bias).square().sum().backward()
    assert torch.equal(rows.grad, again.grad)
    error = float((layer.weight - plain.weight.detach()).norm() / plain.weight.detach().norm())
    assert 0.05 < error < 0.12  # 16 values for a normal distribution
    assert layer.packed.nbytes == 64 * 96 / 2
    assert not list(layer.state_dict()) or list(layer.state_dict()) == ["bias"]


def objective_of(model, backend, rows, parts=None):
    adapters = backend.adapters(model, [adapter_values(model)])
    if backend.adapters is PeftAdapters:
        adapters = PeftAdapters(model, [{}])
    return AdapterObjective(model, backend, adapters, [rows], replace(layout_of(rows), parts=parts or MicroBatches()))


@pytest.mark.parametrize("recomputes", [False, True])
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_every_backend_gives_the_gradients_of_the_unpacked_weights(tiny_model_folder, packing, backend, recomputes):
    learner = packed_learner(tiny_model_folder)
    rows = [learner.encoder.encode_example(example) for example in examples(6)]
    torch.manual_seed(0)
    packed = adapted(learner, "llama")
    assert is_packed(packed)
    torch.manual_seed(0)
    other = tiny(tiny_model_folder)
    rounded = four_bit.as_if_packed(other.load_base(), torch.device("cpu"), torch.float32)
    other.load_base = lambda: rounded
    plain = adapted(other, "llama")
    weights = {name: part for name, part in plain.named_modules() if name.endswith("base_layer")}
    assert weights
    for name, module in packed.named_modules():
        if name in weights:
            assert torch.equal(module.weight, weights[name].weight), name
    expected = computed(objective_of(plain, backends._PLAIN, rows), {0: range(6)})
    found = computed(objective_of(packed, backend, rows, replace(AGAIN) if recomputes else None), {0: range(6)})
    assert_equal(found, expected)


def test_nothing_unpacked_is_kept_for_the_way_back(tiny_model_folder, packing):
    learner = packed_learner(tiny_model_folder)
    rows = [learner.encoder.encode_example(example) for example in examples(3)]
    model = adapted(learner, "llama")
    shapes = {tuple(module.weight.shape) for module in model.modules() if isinstance(module, FourBitLinear)}
    kept = []
    for backend in BACKENDS:
        objective = objective_of(model, backend, rows)
        with (
            objective.ready(),
            torch.autograd.graph.saved_tensors_hooks(
                lambda tensor: (kept.append(tensor), tensor)[1], lambda tensor: tensor
            ),
        ):
            objective.compute({0: range(3)})
    assert not [tensor for tensor in kept if tuple(tensor.shape) in shapes and not tensor.requires_grad]


def test_a_trained_model_loads_again_and_answers_with_the_same_weights(tiny_model_folder, packing, tmp_path):
    learner, record, _ = train(tiny_model_folder, tmp_path / "plain")
    assert "4 bits" not in record.path
    packed = packed_learner(tiny_model_folder)
    assert packed.identity()["compute"]["base_weights"] == "nf4"
    assert packed.identity()["adapters"] == "beside the weights"
    assert "base_weights" not in learner.identity()["compute"]
    assert packed.training_identity() != learner.training_identity()
    (tmp_path / "packed").mkdir()
    job = TrainingJob(examples(), packed.resolve_recipe(RECIPE, 12), 5, tmp_path / "packed")
    done = packed.fine_tune(job, lambda step: None)
    tuned, record = done.learner, done.record
    assert record.path.endswith("; frozen weights in 4 bits (NF4)")
    prompts = [example.prompt for example in examples(8)]
    answers = predict(tuned, prompts)
    again = predict(packed_learner(tiny_model_folder).load_tuned(tmp_path / "packed"), prompts)
    assert [answer.text for answer in again] == [answer.text for answer in answers]
    assert is_packed(tuned._loaded)
    assert not has_known_parts(tuned._loaded), "weights laid out beforehand would be unpacked ones"
    tuned.save_merged(tmp_path / "merged")
    merged = tiny(tmp_path / "merged")
    assert [answer.text for answer in predict(merged, prompts)] == [answer.text for answer in answers]
    converted = tuned.answering_with(tuned.encoder.tokenizer, files=merged.files)
    assert not converted.compute.four_bit, "they have the packed values already"


def test_the_plan_of_llama_8b_in_four_bits_is_that_of_a_sheet_of_paper():
    step = USUAL_STEP
    plan = plan_memory(replace(LLAMA_8B, four_bit=True), step, recomputes=True)
    # 32 layers of 218,103,808 numbers in half a byte and their scales, and 1,050,939,392 numbers of 2 bytes.
    packed = 32 * 218_103_808
    assert plan.weights == round(packed * (0.5 + 1 / 64 + 1 / 4096)) + (8_030_261_248 - packed) * 2
    assert 5.6e9 < plan.weights < 5.8e9
    assert plan.unpacked == 4096 * 14336 * 2
    assert "weights in 4 bits 5.7 GB" in plan.sentence
    whole = plan_memory(LLAMA_8B, step, recomputes=True)
    assert plan.least == whole.least - whole.weights + plan.weights + plan.unpacked


GPU = Compute(torch.device("cuda"), torch.bfloat16, 1)


def test_auto_packs_on_a_gpu_that_holds_no_training_otherwise_and_says_why(tiny_model_folder, packing, monkeypatch):
    files = tiny(tiny_model_folder).files
    monkeypatch.setattr(base_model, "total_memory", lambda device: 10**12)
    assert with_base_weights(GPU, files, "auto") == GPU
    assert weight_findings(files, GPU) == []
    monkeypatch.setattr(base_model, "total_memory", lambda device: 10**6)
    packed = with_base_weights(GPU, files, "auto")
    assert packed == replace(GPU, four_bit=True)
    [said] = weight_findings(files, packed)
    assert said.is_note
    assert "kept in 4 bits (NF4, scales quantised, too): in bfloat16 they take" in said.text
    assert said.text.endswith("of 1 MB")
    assert with_base_weights(GPU, files, False) == GPU
    cpu = replace(GPU, device=torch.device("cpu"))
    assert with_base_weights(cpu, files, "auto") == cpu, "loading needs them whole there"
    asked = with_base_weights(cpu, files, True)
    assert asked.four_bit
    monkeypatch.setattr(base_model, "total_memory", lambda device: 10**12)
    assert ", as four_bit_weights: true asks" in weight_findings(files, asked)[0].text
    assert why_packed(files, GPU) == ""


def test_without_bitsandbytes_one_line_says_what_to_install(tiny_model_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setattr(base_model.importlib.util, "find_spec", lambda name: None)
    files = tiny(tiny_model_folder).files
    with pytest.raises(EnvironmentProblem) as refused:
        with_base_weights(GPU, files, True)
    assert "needs the extra '4bit' (bitsandbytes is missing); run: pip install '.[4bit]'" in str(refused.value)
    assert str(refused.value).endswith(", or set four_bit_weights: false")
    monkeypatch.setattr(base_model, "total_memory", lambda device: 10**6)
    assert with_base_weights(GPU, files, "auto") == GPU
    [said] = weight_findings(files, GPU)
    assert (said.code, said.kind) == ("weights-too-large", "warning")
    assert "pip install '.[4bit]'" in said.remedy
    assert "smaller model" in said.remedy


def test_a_study_runs_over_packed_weights_and_its_predictor_takes_them_again(
    tiny_model_folder, rows_file, tmp_path, packing, monkeypatch
):
    import tunecurve

    folder = tmp_path / "run"
    ran = tunecurve.run(
        rows_file, out=folder, models=[str(tiny_model_folder)], train_sizes=[8], shots=[0], task="masking",
        split={"method": "random", "test_size": 10}, four_bit_weights=True, recipe={"epochs": 1}, training_score_rows=0,
    )  # fmt: skip
    assert "four-bit-weights" in {finding.code for finding in ran.findings}
    for trial in ran.trials:
        if trial.learner != "floor":
            assert trial.identity["compute"]["base_weights"] == "nf4"
    predictor = tunecurve.load_predictor(folder, trial="fine-tune-n8-seed0")
    assert predictor.learner.compute.four_bit
    predictor("Ada lives in Rome.")
    assert is_packed(predictor.learner._loaded)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(EnvironmentProblem, match="answers with weights in 4 bits and needs the extra '4bit'"):
        tunecurve.load_predictor(folder, trial="fine-tune-n8-seed0")


@pytest.mark.skipif(HAS_BITSANDBYTES, reason="the extra 4bit is installed")
def test_weights_in_four_bits_are_refused_before_a_model_is_looked_for(monkeypatch):
    def looked_for(*_, **__):
        raise AssertionError("torch or a model is loaded")

    monkeypatch.setattr(registry, "_need_local", looked_for)
    with pytest.raises(EnvironmentProblem, match="four_bit_weights: true for model 'smollm2-135m-instruct'"):
        build_learners(["smollm2-135m-instruct"], LearnerOptions(four_bit_weights=True))
