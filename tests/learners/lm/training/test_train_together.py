"""Trainings computed together end where each ends alone, also when they are interrupted."""

import json
import re
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig

from tests.learners.lm.training.test_training import RECIPE, adapted, examples, tiny
from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import TrainingJob
from tunecurve.learners.lm import adapters
from tunecurve.learners.lm.attention import packed_attention
from tunecurve.learners.lm.cached import CachedStep, cached_step, loss_of_one, losses_of_all
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.recipe import Recipe, resolve_recipe
from tunecurve.learners.lm.training import backends
from tunecurve.learners.lm.training import planned_memory as together_plan
from tunecurve.learners.lm.training.cuda_graphs import CudaGraphs
from tunecurve.learners.lm.training.multi_lora import StackedAdapters
from tunecurve.learners.lm.training.one_pass import FewShapes, losses_in_one_pass, one_pass_step
from tunecurve.learners.torch.checkpoint import trainable_parameters
from tunecurve.learners.torch.device import Compute
from tunecurve.run import StudyRun

pytestmark = pytest.mark.usefixtures("undrawn")

# Another number of rows (with an incomplete batch), of epochs, another seed, another learning rate each.
TRAININGS = [(12, {}, 5), (6, {"epochs": 3}, 6), (10, {"epochs": 1, "learning_rate": 3e-3}, 7)]


def jobs(learner, folder):
    found = []
    for number, (n_rows, changes, seed) in enumerate(TRAININGS):
        out = folder / str(number)
        out.mkdir(parents=True, exist_ok=True)
        found.append(TrainingJob(examples(n_rows), learner.resolve_recipe({**RECIPE, **changes}, n_rows), seed, out))
    return found


def adapter_of(job):
    return load_file(job.folder / "adapter" / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def together(tiny_model_folder, tmp_path_factory):
    """Return jobs that were trained together, without a break, their records, and the steps in their order."""
    folder = tmp_path_factory.mktemp("together")
    learner = tiny(tiny_model_folder)
    found, seen = jobs(learner, folder), []
    records = learner.fine_tune_together(found, folder=folder, on_step=lambda n, p: seen.append((n, p.step, p.n_steps)))
    return found, records, seen


def test_each_ends_where_it_ends_alone(together, tiny_model_folder, tmp_path):
    learner = tiny(tiny_model_folder)
    for job, record, alone in zip(*together[:2], jobs(learner, tmp_path), strict=True):
        expected = learner.fine_tune(alone, lambda progress: None).record
        assert record.losses == pytest.approx(expected.losses, rel=1e-4)
        assert (record.steps, record.epochs, record.examples_seen, record.tokens_trained) == (
            expected.steps, expected.epochs, expected.examples_seen, expected.tokens_trained,
        )  # fmt: skip
        apart, learnt = 0.0, 0.0
        untrained = {
            name: parameter.detach() for name, parameter in trainable_parameters(untrained_model(learner, job)).items()
        }
        found, wanted = adapter_of(job), adapter_of(alone)
        assert set(found) == set(wanted)
        for name, tensor in wanted.items():
            start = untrained[name.replace(".weight", ".default.weight")]
            apart += float((found[name] - tensor).square().sum())
            learnt += float((tensor - start).square().sum())
        assert apart**0.5 < 1e-3 * learnt**0.5


def untrained_model(learner, job):
    return adapters.add_adapters(learner.load_base(), Recipe(**job.recipe), job.seed)


def test_a_training_leaves_when_its_steps_are_done(together):
    _, records, seen = together
    for number, record in enumerate(records):
        assert [step for n, step, _ in seen if n == number] == list(range(1, record.steps + 1))
    assert len({record.steps for record in records}) == 2
    assert all("together with 2 other trainings" in record.path for record in records)


def test_interrupted_trainings_resume_bit_for_bit(together, tiny_model_folder, tmp_path):
    learner = tiny(tiny_model_folder)
    cut = jobs(learner, tmp_path)
    for stop in (2, 5):

        def on_step(number, progress, stop=stop):
            if progress.step == stop:
                raise Interrupted("now")

        with pytest.raises(Interrupted):
            learner.fine_tune_together(cut, folder=tmp_path, on_step=on_step)
    seen = []
    records = learner.fine_tune_together(cut, folder=tmp_path, on_step=lambda n, p: seen.append((n, p.step)))
    assert min(step for _, step in seen) == 6, "finished steps are not repeated"
    for job, record, whole, whole_record in zip(cut, records, *together[:2], strict=True):
        assert record.losses == whole_record.losses
        expected = adapter_of(whole)
        assert all(torch.equal(tensor, expected[name]) for name, tensor in adapter_of(job).items())


def in_one_pass(longest):
    """Return tensors, losses and context of the way of GPUs; steps are padded as if one had a row of so many tokens."""

    def tensors(batches, n_prefix, pad_id):
        longer = [EncodedExample([1] * (n_prefix + longest), longest // 2)]
        shapes = FewShapes([batches, [longer] * len(batches)], n_prefix) if longest else None
        return one_pass_step(batches, n_prefix, pad_id, shapes)

    return tensors, losses_in_one_pass, packed_attention


def behind_a_cache(multiple):
    return partial(cached_step, multiple=multiple), losses_of_all, lambda model: nullcontext()


@pytest.mark.parametrize("n_prefix", [20, 0])
@pytest.mark.parametrize(
    ("kind", "way"),
    [("llama", behind_a_cache(1)), ("llama", behind_a_cache(32)), ("qwen3", behind_a_cache(1)),
     ("gemma2", behind_a_cache(32)), ("llama", in_one_pass(0)), ("llama", in_one_pass(64)),
     ("qwen3", in_one_pass(64))],
    ids=["llama, cache", "llama, cache, 32", "qwen3, cache", "gemma2, cache, 32", "llama, one pass", "llama, one pass, 64",
         "qwen3, one pass, 64"],
)  # fmt: skip
def test_losses_and_gradients_of_each_are_the_references(tiny_model_folder, kind, way, n_prefix):
    tensors, losses_of, prepared = way
    learner = tiny(tiny_model_folder)
    model = adapted(learner, kind)
    encoded = [learner.encoder.encode_example(example) for example in examples(9)]
    batches = [encoded[:2], encoded[2:6], encoded[6:9]]
    initial = []
    for number in range(3):
        torch.manual_seed(number)
        initial.append({n: p.detach() + 0.02 * torch.randn_like(p) for n, p in trainable_parameters(model).items()})
    adapters = StackedAdapters(model, initial)
    adapters.activate([2, 0, 1])
    with adapters.in_use(), prepared(model.get_base_model()):
        adapters.prepare_step()
        losses = losses_of(model.get_base_model(), tensors([batches[n] for n in (2, 0, 1)], n_prefix, 2))
        losses.sum().backward()
    adapters.hand_over_gradients()
    for place, number in enumerate((2, 0, 1)):
        with torch.no_grad():
            for name, parameter in trainable_parameters(model).items():
                parameter.copy_(initial[number][name])
        loss = loss_of_one(model.get_base_model(), cached_step([batches[number]], 0, 2))
        parameters = trainable_parameters(model)
        gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))
        assert float(losses[place].detach()) == pytest.approx(float(loss.detach()), rel=1e-5)
        scale = max(float(gradient.abs().max()) for gradient in gradients.values())
        found = adapters.by_name(number, {"adapters": adapters.parameters[number]["adapters"].grad})
        assert set(found) == set(gradients)
        for name, gradient in gradients.items():
            assert torch.allclose(found[name], gradient, rtol=1e-3, atol=1e-5 * scale), name


def rows_of(*lengths):
    return [EncodedExample([1] * length, length // 4) for length in lengths]


@pytest.mark.parametrize(
    ("steps", "shapes"),
    [
        ([[rows_of(30, 40)], [rows_of(33, 60)], [rows_of(50, 50)]], {(64, 24)}),
        ([[rows_of(30, 40)], [rows_of(33, 200)], [rows_of(129, 30)]], {(40, 17), (200, 58)}),
        ([[rows_of(20), rows_of(90)], [rows_of(70), rows_of(70)], [rows_of(40), rows_of(8)]], {(90, 17), (40, 6)}),
    ],
    ids=["one kind", "short and long", "two trainings"],
)
def test_steps_are_padded_to_few_shapes_that_hold_them_all(steps, shapes):
    few = FewShapes(steps, 0)
    found = set()
    for batches in steps:
        step = one_pass_step(batches, 0, 9, few)
        found.add((step.row_ids.shape[2], len(step.labels) // len(batches)))
        assert int((step.labels != -100).sum()) == sum(row.n_answer for batch in batches for row in batch)
        assert torch.allclose(step.shares.sum(0), torch.ones(len(batches)))
    assert len(found) <= len(shapes)
    assert max(found) == max(shapes) or len(shapes) == 1


def test_adapters_with_dropout_are_refused_with_advice(tiny_model_folder, tmp_path):
    learner = tiny(tiny_model_folder)
    recipe = learner.resolve_recipe({**RECIPE, "lora_dropout": 0.5}, 12)
    with pytest.raises(ModelError, match="set train_together: false"):
        learner.fine_tune_together(
            [TrainingJob(examples(), recipe, seed, tmp_path) for seed in (0, 1)], folder=tmp_path, on_step=print
        )


def study_of(tiny_model_folder, rows_file, out, **more) -> StudyRun:
    from tunecurve.run import run_study

    return run_study(
        {"data": {"source": str(rows_file)}, "split": {"test_size": 4, "method": "random"}, "train_sizes": [4, 8],
         "models": [str(tiny_model_folder)], "shots": [], "bootstrap": {"draws": 100},
         "answers": {"max_tokens_per_input_token": 0.5, "max_extra_tokens": 1},
         "recipe": {"epochs": 2, "batch_size": 4, "lora_rank": 4}, "training_score_rows": 0, **more},
        out=out, device="cpu",
    )  # fmt: skip


def test_a_study_trains_together_continues_and_does_nothing_when_it_is_finished(tiny_model_folder, rows_file, tmp_path):
    from tunecurve.study.progress import Progress

    class Stopping(Progress):
        def trained(self, trial, progress):
            self.stop_requested = True

    from tunecurve.run import run_study

    values = {"train_together": True}
    run = study_of(tiny_model_folder, rows_file, tmp_path / "run", **values)
    trained = [trial for trial in run.results.trials if trial.strategy == "fine-tune"]
    assert len(trained) == 2
    assert not run.outcome.failures
    assert all("together with 1 other trainings" in trial.training.path for trial in trained)
    assert not (tmp_path / "run" / "together").exists()
    stored = [json.loads(path.read_text()) for path in (tmp_path / "run" / "trials").glob("*/result.json")]
    decoders = {str(result["answers"]["decoder"]) for result in stored if result["training"]}
    expected = {
        "name": "packed in few operations",
        "said": "packed in few operations: rows packed, guesses checked, weights laid out beforehand; logits equal the "
        "reference's",
        "is_fastest": True,
    }
    assert decoders == {str(expected)}
    again = study_of(tiny_model_folder, rows_file, tmp_path / "run", **values)
    assert again.outcome.n_run == 0
    with pytest.raises(Interrupted):
        run_study(str(tmp_path / "run" / "study.yaml"), out=tmp_path / "cut", device="cpu", progress=Stopping())
    assert (tmp_path / "cut" / "together" / "checkpoint.safetensors").exists()
    continued = run_study(str(tmp_path / "run" / "study.yaml"), out=tmp_path / "cut", device="cpu")
    # As text: leak shares of trials without an answer are NaN, which equals nothing.
    written = [json.dumps([t.scores for t in each.results.trials]) for each in (continued, run)]
    assert written[0] == written[1]


def test_a_model_that_cannot_be_computed_together_is_refused_with_advice(tiny_model_folder, tmp_path, monkeypatch):
    def refuse(model, step):
        raise TypeError("no cache here")

    [only] = backends._SEVERAL
    monkeypatch.setattr(backends, "_SEVERAL", (replace(only, losses=refuse),))
    with pytest.raises(ModelError, match="does not allow it \\(TypeError\\); set train_together: false"):
        tiny(tiny_model_folder).fine_tune_together(
            jobs(tiny(tiny_model_folder), tmp_path), folder=tmp_path, on_step=print
        )


class FakeGraph:
    """Stands for a CUDA graph on a machine without one: what is recorded is computed at every replay."""

    def pool(self):
        return (0, 1)


def recorded_steps(monkeypatch, record, free=400, share=1.0):
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    computed = []

    def compute(step):
        computed.append(step)
        return step.labels.sum()[None].float()

    memory = {
        "max_memory_allocated": 900,
        "memory_allocated": 500,
        "mem_get_info": (free, 1000),
        "memory_reserved": 600,
    }
    for name, value in memory.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", lambda: share, raising=False)
    steps = CudaGraphs(compute, torch.device("cpu"))
    steps._may_record = True
    return steps, computed


def step_of(length, label):
    shape = torch.zeros(2, length, dtype=torch.long)
    return CachedStep(shape, shape, shape, shape, shape + label)


def test_a_step_is_recorded_at_its_shapes_second_time_and_replayed_with_new_rows(monkeypatch):
    @contextmanager
    def record(graph, pool):
        inside = []
        graph.replay = lambda: inside.append("replayed")
        graph.inside = inside
        yield

    steps, computed = recorded_steps(monkeypatch, record)
    for label in (1, 2, 3):
        steps(step_of(4, label))
    steps(step_of(8, 1))
    assert len(computed) == 3, "warm-up and recording of one shape, warm-up of another"
    [recording] = steps._recordings.values()
    assert steps.n_recorded == 1
    assert recording.graph.inside == ["replayed"] * 2
    assert torch.equal(recording.step.labels, step_of(4, 3).labels), "the recording reads the last step's rows"
    steps.forget()
    steps(step_of(4, 1))
    assert len(computed) == 4


def test_a_step_that_cannot_be_recorded_is_computed_anew_every_time(monkeypatch):
    @contextmanager
    def record(graph, pool):
        raise RuntimeError("operation not permitted when stream is capturing")
        yield

    steps, computed = recorded_steps(monkeypatch, record)
    assert [float(steps(step_of(4, label))) for label in (1, 2, 3)] == [8.0, 16.0, 24.0]
    assert (len(computed), steps.n_recorded) == (3, 0)


@pytest.mark.parametrize(
    ("free", "share", "n_recorded"), [(400, 1.0, 1), (399, 1.0, 0), (400, 0.9, 0)], ids=["enough", "others", "a share"]
)
def test_a_step_is_recorded_only_where_its_memory_is_free(monkeypatch, free, share, n_recorded):
    @contextmanager
    def record(graph, pool):
        graph.replay = lambda: None
        yield

    steps, computed = recorded_steps(monkeypatch, record, free, share)
    for label in (1, 2):
        steps(step_of(4, label))
    assert (steps.n_recorded, len(computed)) == (n_recorded, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adapters_of_other_seeds_start_where_peft_starts_them(tiny_model_folder, monkeypatch, dtype):
    learner = tiny(tiny_model_folder)
    learner.compute = replace(learner.compute, dtype=dtype)
    recipe = Recipe(**learner.resolve_recipe(RECIPE, 12))
    expected = {
        seed: adapters.adapter_values(adapters.add_adapters(learner.load_base(), recipe, seed)) for seed in (3, 4)
    }
    model, found = adapters.initial_adapters(learner.load_base(), recipe, [3, 4, 3])
    for seed, values in zip((3, 4, 3), found, strict=True):
        assert values.keys() == expected[seed].keys()
        assert all(torch.equal(values[name], value) for name, value in expected[seed].items())
    assert all(torch.equal(value, found[0][name]) for name, value in adapters.adapter_values(model).items())
    # Where PEFT draws otherwise, the adapters are built one by one.
    monkeypatch.setattr(adapters, "_drawn", lambda like, seed, dtype: {name: part + 1 for name, part in like.items()})
    model, found = adapters.initial_adapters(learner.load_base(), recipe, [3, 4])
    for seed, values in zip((3, 4), found, strict=True):
        assert all(torch.equal(values[name], value) for name, value in expected[seed].items())
    assert all(torch.equal(value, found[0][name]) for name, value in adapters.adapter_values(model).items())


def test_auto_trains_one_by_one_without_a_gpu_and_says_why(tiny_model_folder, rows_file, tmp_path):
    run = study_of(tiny_model_folder, rows_file, tmp_path / "run", train_together="auto")
    trained = [trial for trial in run.results.trials if trial.strategy == "fine-tune"]
    assert len(trained) == 2
    assert not any("together" in trial.training.path for trial in trained)
    [said] = [finding for finding in run.results.findings if finding.code == "trainings-together"]
    assert said.text.endswith(
        "trainings are computed one by one: no NVIDIA GPU computes here, and elsewhere it is not faster"
    )
    assert said.is_note


def test_auto_trains_together_where_it_may_and_one_by_one_where_that_fails(
    tiny_model_folder, rows_file, tmp_path, monkeypatch
):
    monkeypatch.setattr("tunecurve.learners.lm.training.planned_memory._why_not_together", lambda *args: "")
    run = study_of(tiny_model_folder, rows_file, tmp_path / "run", train_together="auto")
    trained = [trial for trial in run.results.trials if trial.strategy == "fine-tune"]
    assert all("together with 1 other trainings" in trial.training.path for trial in trained)

    def refuse(model, step):
        raise TypeError("no cache here")

    [only] = backends._SEVERAL
    monkeypatch.setattr(backends, "_SEVERAL", (replace(only, losses=refuse),))
    alone = study_of(tiny_model_folder, rows_file, tmp_path / "alone", train_together="auto")
    trained = [trial for trial in alone.results.trials if trial.strategy == "fine-tune"]
    assert not alone.outcome.failures
    assert len(trained) == 2
    assert all(trial.training.path.startswith("packed") for trial in trained)


GPU = Compute(torch.device("cuda"), torch.bfloat16, 1)


@pytest.mark.parametrize(
    ("changes", "n_trainings", "total", "why"),
    [
        ({}, 2, 80e9, ""),
        ({}, 1, 80e9, "there is one training"),
        ({"lora_dropout": 0.1}, 2, 80e9, "recipe.lora_dropout is set"),
        ({}, 2, 17e9, "2 trainings at once need about 18.0 GB, one row of each at a time, of 17.0 GB"),
        ({}, 2, None, "how much memory this model's trainings need is not known"),
    ],
)
def test_auto_asks_for_a_gpu_whose_memory_suffices(tiny_model_folder, monkeypatch, changes, n_trainings, total, why):
    monkeypatch.setattr(together_plan, "total_memory", lambda device: None if total is None else int(total))
    config = LlamaConfig(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
        vocab_size=128256,
    )  # fmt: skip
    recipe = resolve_recipe({"batch_size": 4, "lora_rank": 16, **changes}, 12, 4096)
    rows = [EncodedExample([*range(20), row], 1) for row in range(4)]
    trainings = [together_plan.EncodedTraining(rows, recipe, seed) for seed in range(n_trainings)]
    planned = together_plan.plan_trainings(config, 8_030_261_248, GPU, trainings)
    assert planned.why_not_together == why
    assert planned.is_large == (total == 17e9)
    assert planned.memory.endswith("of 80.0 GB" if total == 80e9 else "of 17.0 GB" if total else "")
    on_cpu = together_plan.plan_trainings(config, 8_030_261_248, replace(GPU, device=torch.device("cpu")), trainings)
    assert on_cpu.why_not_together.startswith("no NVIDIA GPU")


def test_a_training_that_needs_much_memory_is_told_by_its_parts_before_it_begins(
    tiny_model_folder, rows_file, tmp_path, monkeypatch
):
    def said(total):
        monkeypatch.setattr(together_plan, "total_memory", lambda device: total)
        run = study_of(tiny_model_folder, rows_file, tmp_path / str(total))
        return [finding.text for finding in run.results.findings if finding.code == "training-memory"]

    assert said(10**12) == []
    [text] = said(10**6)
    assert re.search(
        r": a training needs about \d+ MB \(weights \d+ MB, adapters and optimizer \d+ MB, a batch of 4 rows \d+ MB, its logits "
        r"\d+ MB\) of 1 MB: layers computed again on the way back \(activation checkpointing\), which makes it about \d+ MB and a step "
        r"about 1.5 times as long, the batch in parts of 1 row, which needs about \d+ MB, more than there is$",
        text,
    )
    assert said(5 * 10**6)[0].endswith("of 5 MB: the batch in parts of 2 rows")
