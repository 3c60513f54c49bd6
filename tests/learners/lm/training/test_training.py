"""Two routes to one number: every backend = the reference, resumed = uninterrupted, batched = one by one."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import simple_rows
from tests.support.tokenizers import SMALL_VOCABULARY
from tunecurve.errors import DamagedFile, EnvironmentProblem, Interrupted, ModelError, OutOfMemory
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.cores import cpu_quota
from tunecurve.learners.lm.adapters import PeftAdapters, adapter_values, add_adapters
from tunecurve.learners.lm.cached import cached_step, loss_of_one
from tunecurve.learners.lm.decoding.generate import AnswerLimits
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.recipe import resolve_recipe
from tunecurve.learners.lm.training.backends import (
    AdapterObjective,
    Layout,
    backends_for,
    choose_backend,
    shared_prefix_length,
)
from tunecurve.learners.torch.checkpoint import trainable_parameters
from tunecurve.learners.torch.device import Compute, choose_compute, enough_memory
from tunecurve.learners.torch.weights import count_parameters, resolve_model
from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

RENDERER = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "CITY"))
ROWS = [(row["source_text"], row["target_text"]) for row in simple_rows(40)]
RECIPE = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2, "lora_rank": 4, "lora_alpha": 8}


def examples(n=12):
    return [RENDERER.tuning_example(source, target) for source, target in ROWS[:n]]


def tiny(folder, dtype=torch.float32, **options):
    # Exactness is shown in float32, whatever this processor computes in by default.
    compute = replace(choose_compute("cpu", 2), dtype=dtype)
    return LocalLearner(resolve_model(str(folder)), compute, AnswerLimits(), **options)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in trainable_parameters(model).items()}


def small_model(kind):
    """Return a random model of another architecture, with two key-value heads for four query heads."""
    import transformers

    common = {
        "vocab_size": SMALL_VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 512,
        "tie_word_embeddings": True,
    }  # fmt: skip
    torch.manual_seed(1)
    if kind == "qwen3":
        return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**common))
    config = transformers.Gemma2Config(**common, sliding_window=4096, final_logit_softcapping=5.0)
    return transformers.Gemma2ForCausalLM(config)


def adapted(learner, kind, batch_recipe=RECIPE):
    """Return a model with adapters that do something."""
    model = learner.load_base() if kind == "llama" else small_model(kind).requires_grad_(False)
    tuned = add_adapters(model, resolve_recipe(batch_recipe, 12, 32), seed=3).eval()
    with torch.no_grad():
        for parameter in trainable_parameters(tuned).values():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return tuned


def loss_of(model, rows):
    """The reference: every row whole."""
    return loss_of_one(model, cached_step([rows], 0, 2))[0]


def layout_of(rows):
    return Layout(shared_prefix_length(rows), 2)


def chosen_for(tuned, rows, only=None):
    return choose_backend(tuned, [adapter_values(tuned)], [rows], layout_of(rows), only=only)


def losses_now(objective, model, rows):
    """Return what the backend's steps have as loss, with gradients."""
    step = objective.backend.tensors([rows], layout_of(rows))
    return objective.backend.losses(model, step)[0]


@pytest.mark.parametrize(
    ("kind", "backend"),
    [("llama", "packed"), ("llama", "cached"), ("qwen3", "packed"), ("qwen3", "cached"), ("gemma2", "cached")],
)
def test_backends_give_the_references_loss_and_gradients(tiny_model_folder, kind, backend):
    learner = tiny(tiny_model_folder)
    tuned = adapted(learner, kind)
    causal = tuned.get_base_model()
    encoded = [learner.encoder.encode_example(example) for example in examples(8)]
    assert shared_prefix_length(encoded) > 20
    [fast] = [one for one in backends_for(torch.device("cpu"), 1) if one.name == backend]
    objective = AdapterObjective(tuned, fast, PeftAdapters(tuned, [{}]), [encoded], layout_of(encoded))
    plain = loss_of(causal, encoded)
    by_plain = gradients(tuned, plain)
    tuned.zero_grad()
    with objective.ready():
        [shared] = objective.compute({0: range(8)})
    by_shared = objective.adapters.take_gradients()
    assert shared == pytest.approx(float(plain.detach()), rel=1e-5)
    scale = max(float(gradient.abs().max()) for gradient in by_plain.values())
    for name, gradient in by_plain.items():
        assert torch.allclose(by_shared[name], gradient, rtol=1e-3, atol=1e-5 * scale), name


def test_bfloat16_trains_packed_and_agrees_within_its_precision(tiny_model_folder):
    learner = tiny(tiny_model_folder, torch.bfloat16)
    tuned = adapted(learner, "llama")
    encoded = [learner.encoder.encode_example(example) for example in examples(8)]
    choice = chosen_for(tuned, encoded)
    assert choice.name == "packed"
    with choice.chosen.ready():
        shared = float(losses_now(choice.chosen, tuned.get_base_model(), encoded).detach())
    exact = tiny(tiny_model_folder)
    reference = adapted(exact, "llama")
    assert shared == pytest.approx(float(loss_of(reference.get_base_model(), encoded).detach()), rel=0.02)


def counted_checks(monkeypatch):
    """Return a list that gets the name of every backend whose loss and gradients are computed to be compared."""
    checked, check = [], AdapterObjective.check
    monkeypatch.setattr(
        AdapterObjective, "check", lambda self, few: checked.append(self.backend.name) or check(self, few)
    )
    return checked


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_a_backend_that_has_passed_is_taken_and_one_that_has_not_is_tried_again(tiny_model_folder, monkeypatch, kind):
    learner = tiny(tiny_model_folder)
    tuned = adapted(learner, kind)
    encoded = [learner.encoder.encode_example(example) for example in examples(8)]
    checked, passed = counted_checks(monkeypatch), set()
    arguments = tuned, [adapter_values(tuned)], [encoded], layout_of(encoded)
    first = choose_backend(*arguments, passed=passed)
    assert passed == {first.name}
    n_first = len(checked)
    second = choose_backend(*arguments, passed=passed)
    assert (second.name, second.said) == (first.name, first.said)
    # Of gemma2 packed rows are not: they are refused anew, before anything is compared with the one that is taken.
    assert checked[n_first:] == {"llama": [], "gemma2": ["reference", "packed"]}[kind]
    assert choose_backend(*arguments).name == first.name, "nobody remembers where nobody is told to"
    assert len(checked) >= n_first + 2


def test_a_learner_compares_once_for_every_shape_of_adapters_and_anew_elsewhere(
    tiny_model_folder, tmp_path, monkeypatch
):
    checked, learner = counted_checks(monkeypatch), tiny(tiny_model_folder)

    def n_checks(learner, folder, **recipe):
        before = len(checked)
        (tmp_path / folder).mkdir()
        values = learner.resolve_recipe({"epochs": 1, "batch_size": 4, "lora_rank": 4, **recipe}, 12)
        done = learner.fine_tune(TrainingJob(examples(12), values, 0, tmp_path / folder), lambda step: None)
        assert done.record.path.startswith("packed: ")
        assert done.record.path.endswith("loss and gradients equal the reference's")
        return len(checked) - before

    assert [n_checks(learner, "a"), n_checks(learner, "b"), n_checks(learner, "c", lora_rank=8)] == [2, 0, 2]
    assert n_checks(copy.copy(learner), "d") == 2, "a copy travels to a worker, on a machine of its own"


@pytest.mark.parametrize(("kind", "name"), [("llama", "packed"), ("qwen3", "packed"), ("gemma2", "cached")])
def test_each_architecture_gets_the_fastest_backend_that_is_exact_for_it(tiny_model_folder, kind, name):
    learner = tiny(tiny_model_folder)
    tuned = adapted(learner, kind)
    encoded = [learner.encoder.encode_example(example) for example in examples(4)]
    before = loss_of(tuned.get_base_model(), encoded).item()
    choice = chosen_for(tuned, encoded)
    assert choice.name == name
    assert choice.is_fastest == (name == "packed")
    assert "equal the reference's" in choice.said
    assert ("not packed: this model does not allow it" in choice.said) == (name == "cached")
    assert loss_of(tuned.get_base_model(), encoded).item() == before
    assert all(parameter.grad is None for parameter in trainable_parameters(tuned).values())


def test_adapters_with_dropout_are_left_to_peft(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    tuned = adapted(learner, "llama", RECIPE | {"lora_dropout": 0.2})
    encoded = [learner.encoder.encode_example(example) for example in examples(4)]
    choice = chosen_for(tuned, encoded)
    assert choice.name == "packed"
    tuned.train()
    with choice.chosen.ready():
        torch.manual_seed(1)
        first = float(losses_now(choice.chosen, tuned.get_base_model(), encoded).detach())
        torch.manual_seed(2)
        second = float(losses_now(choice.chosen, tuned.get_base_model(), encoded).detach())
    assert first != second


def test_padding_changes_no_loss(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    model = learner.load_base()
    encoded = [learner.encoder.encode_example(example) for example in examples(5)]
    with torch.no_grad():
        alone = [(float(loss_of(model, [row])), row.n_answer) for row in encoded]
        together = float(loss_of(model, encoded))
    assert together == pytest.approx(sum(loss * n for loss, n in alone) / sum(n for _, n in alone), rel=1e-5)


@pytest.mark.parametrize(
    "harm", ["another loss", "other gradients", "an error", "an error in training", "an error half-way back"]
)
def test_a_backend_that_is_not_exact_is_passed_over_and_said_to_be(tiny_model_folder, monkeypatch, harm):
    import tunecurve.learners.lm.training.backends as backends

    def losses(model, step):
        right = loss_of_one(model, step)
        if harm == "an error" or (harm == "an error in training" and model.training):
            raise TypeError("no")
        if harm == "an error half-way back":
            right.sum().backward()
            raise TypeError("no")
        return 1.1 * right if harm == "another loss" else right + (right - right.detach())

    broken = [replace(one, losses=losses, tensors=lambda rows, layout: cached_step(rows, layout.n_prefix, 2), replaced=())
              for one in backends._ON_CPU[:2]]  # fmt: skip
    monkeypatch.setattr(backends, "_ON_CPU", (*broken, backends._ON_CPU[-1]))
    learner = tiny(tiny_model_folder)
    encoded = [learner.encoder.encode_example(example) for example in examples(4)]
    tuned = adapted(learner, "llama")
    choice = chosen_for(tuned, encoded)
    assert (choice.name, choice.is_fastest) == ("reference", False)
    assert all(parameter.grad is None for parameter in trainable_parameters(tuned).values())
    found = {
        "another loss": "another loss (relative difference 1.0e-01)",
        "other gradients": "other gradients (relative difference 1.0e+00)",
    }.get(harm, "this model does not allow it (TypeError)")
    assert choice.said.startswith("reference: every row whole")
    assert choice.said.endswith(f"; not packed: {found}; not cached: {found}")


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
     RuntimeError("[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")],
    ids=["cuda", "python", "mps", "cpu"],
)  # fmt: skip
def test_memory_that_runs_out_is_no_matter_of_what_a_model_allows(tiny_model_folder, tmp_path, monkeypatch, error):
    def packed(*args):
        raise error

    monkeypatch.setattr("tunecurve.learners.lm.training.packed.answer_loss", packed)
    learner = tiny(tiny_model_folder)
    with pytest.raises(OutOfMemory, match=r"this machine's memory is not enough to train .* even on 1 row at a time in float32; "
                                          r"use a smaller model or shorter rows") as found:  # fmt: skip
        learner.fine_tune(TrainingJob(examples(), learner.resolve_recipe(RECIPE, 12), 5, tmp_path), print)
    assert found.value.exit_code == 7


def test_rows_without_a_shared_prefix_are_trained_whole(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    rows = [replace(learner.encoder.encode_example(example)) for example in examples(4)]
    rows = [replace(row, token_ids=row.token_ids[number + 30 :]) for number, row in enumerate(rows)]
    choice = chosen_for(adapted(learner, "llama"), rows)
    assert choice.name == "reference"
    assert "not packed: the rows share no prefix worth sharing" in choice.said


def train(folder, out, recipe=RECIPE, **options):
    learner = tiny(folder, **options)
    out.mkdir()
    steps = []
    tuned = learner.fine_tune(TrainingJob(examples(), learner.resolve_recipe(recipe, 12), 5, out), steps.append)
    assert [step.step for step in steps] == list(range(1, tuned.record.steps + 1))
    return tuned.learner, tuned.record, load_file(out / "adapter" / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def trained(tiny_model_folder, tmp_path_factory):
    """Return the tuned learner, the record and the adapter of one training without a break."""
    return train(tiny_model_folder, tmp_path_factory.mktemp("trained") / "t")


def test_training_learns_and_is_the_same_bit_for_bit_when_repeated(tiny_model_folder, trained, tmp_path):
    _, first, first_adapter = trained
    _, second, second_adapter = train(tiny_model_folder, tmp_path / "b")
    assert first.losses == second.losses
    assert first.losses[-1] < first.losses[0]
    assert all(torch.equal(first_adapter[name], second_adapter[name]) for name in first_adapter)
    assert "shared prefix" in first.path


def test_the_fastest_backend_ends_where_the_reference_ends(tiny_model_folder, tmp_path):
    recipe = {**RECIPE, "epochs": 7}
    _, fast, by_fast = train(tiny_model_folder, tmp_path / "fast", recipe)
    _, plain, by_plain = train(tiny_model_folder, tmp_path / "plain", recipe, backend="reference")
    assert plain.steps == 21
    assert fast.losses == pytest.approx(plain.losses, rel=1e-3)
    scale = max(float(tensor.abs().max()) for tensor in by_plain.values())
    for name, tensor in by_plain.items():
        assert torch.allclose(by_fast[name], tensor, rtol=1e-2, atol=1e-3 * scale), name


def test_an_interrupted_run_resumes_bit_for_bit(tiny_model_folder, trained, tmp_path):
    _, whole, whole_adapter = trained
    folder = tmp_path / "cut"
    folder.mkdir()
    learner = tiny(tiny_model_folder, checkpoint_every_seconds=0.0)
    recipe = learner.resolve_recipe(RECIPE, 12)

    def stop_at(step_to_stop):
        def on_step(progress):
            if progress.step == step_to_stop:
                raise Interrupted("now")

        return on_step

    for step in (2, 3, 5):
        with pytest.raises(Interrupted):
            learner.fine_tune(TrainingJob(examples(), recipe, 5, folder), stop_at(step))
    seen = []
    resumed = learner.fine_tune(TrainingJob(examples(), recipe, 5, folder), seen.append).record
    assert seen[0].step == 6, "finished steps are not repeated"
    assert resumed.losses == whole.losses
    adapter = load_file(folder / "adapter" / "adapter_model.safetensors")
    assert all(torch.equal(adapter[name], whole_adapter[name]) for name in whole_adapter)


def test_dropout_resumes_bit_for_bit_too(tiny_model_folder, tmp_path):
    learner = tiny(tiny_model_folder)
    recipe = learner.resolve_recipe({**RECIPE, "lora_dropout": 0.5}, 12)
    losses = []
    for name, stop in (("whole", None), ("cut", 3), ("cut", None)):
        (tmp_path / name).mkdir(exist_ok=True)

        def on_step(progress, stop=stop):
            if progress.step == stop:
                raise Interrupted("now")

        try:
            losses.append(learner.fine_tune(TrainingJob(examples(), recipe, 1, tmp_path / name), on_step).record.losses)
        except Interrupted:
            continue
    assert losses[0] == losses[1]


def test_which_rows_are_too_long_is_no_matter_of_the_model(tiny_model_folder, tmp_path):
    import json

    from tunecurve.study.options import StudyOptions
    from tunecurve.study.prepare import prepare_study

    rows = [*simple_rows(40), {"source_text": "word " * 900, "target_text": "word " * 900}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for max_tokens, dropped in ((5000, {}), (1000, {"longer than data.max_tokens": 1})):
        study = prepare_study(
            {"data": {"source": str(tmp_path / "rows.jsonl"), "max_tokens": max_tokens}, "models": [str(tiny_model_folder)],
             "split": {"test_size": 5, "method": "random"}, "train_sizes": [10]}, StudyOptions(device="cpu"),
        )  # fmt: skip
        assert study.data.facts.dropped == dropped


@pytest.mark.parametrize("harm", ["truncated", "one bit", "other rows", "other versions"])
def test_a_checkpoint_that_does_not_fit_is_refused_with_the_reason(tiny_model_folder, tmp_path, harm, monkeypatch):
    learner = tiny(tiny_model_folder)
    recipe = learner.resolve_recipe(RECIPE, 12)

    def stop(progress):
        raise Interrupted("now")

    with pytest.raises(Interrupted):
        learner.fine_tune(TrainingJob(examples(), recipe, 5, tmp_path), stop)
    path = tmp_path / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    assert path.stat().st_mode & 0o777 == 0o600
    if harm == "truncated":
        path.write_bytes(content[:-1000])
    elif harm == "one bit":
        content[-1000] ^= 4
        path.write_bytes(content)
    elif harm == "other versions":
        monkeypatch.setattr("tunecurve.learners.torch.checkpoint.difference", lambda then: "torch 1.0 -> 2.0")
    reason = {
        "truncated": "",
        "one bit": "does not match its checksum",
        "other rows": "with other rows",
        "other versions": r"torch 1\.0 -> 2\.0",
    }[harm]
    rows = examples()[::-1] if harm == "other rows" else examples()
    with pytest.raises(DamagedFile, match=reason):
        learner.fine_tune(TrainingJob(rows, recipe, 5, tmp_path), lambda progress: None)


def test_a_loss_that_is_no_number_is_an_error_with_advice(tiny_model_folder, tmp_path):
    learner = tiny(tiny_model_folder)
    recipe = learner.resolve_recipe({**RECIPE, "learning_rate": 1e30, "warmup_share": 0.0}, 12)
    with pytest.raises(ModelError, match=r"lower recipe\.learning_rate"):
        learner.fine_tune(TrainingJob(examples(), recipe, 0, tmp_path), lambda progress: None)


def one_by_one(learner, prompts):
    """The plain reference: transformers' own generate, a row at a time, no cache shared."""
    model, answers = learner._load_for_scoring(), []
    for prompt in prompts:
        ids = torch.tensor([learner.encoder.prompt_ids(prompt)])
        cap = learner.limits.cap(learner.encoder.count_tokens(prompt.source))
        out = model.generate(
            ids, max_new_tokens=cap, do_sample=False, eos_token_id=learner.encoder.end_token_id, pad_token_id=2
        )
        answers.append(out[0, ids.shape[1] :].tolist())
    return [learner.encoder.decode([t for t in ids if t != learner.encoder.end_token_id]) for ids in answers]


def test_answers_do_not_depend_on_what_is_done_already(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    learner.limits = AnswerLimits(batch_size=8)
    prompts = [RENDERER.prompt(source) for source, _ in ROWS]
    whole = {index: answer.text for index, answer in learner.predict_stream(prompts)}
    done = set(list(whole)[:13])
    rest = {index: answer.text for index, answer in learner.predict_stream(prompts, done)}
    assert rest == {index: text for index, text in whole.items() if index not in done}


def test_merged_export_answers_like_the_adapter(trained, tmp_path):
    tuned, _, _ = trained
    tuned.save_merged(tmp_path / "merged")
    merged = tiny(tmp_path / "merged")
    prompts = [RENDERER.prompt(source) for source, _ in ROWS[:6]]
    assert [a.text for a in predict(merged, prompts)] == [a.text for a in predict(tuned, prompts)]


def test_a_prompt_that_does_not_fit_into_the_model_is_an_error_with_advice(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    long_shots = (("word " * 2100, "word"),)
    with pytest.raises(ModelError, match=r"takes 2048 \(test row 1\); use fewer --shots"):
        list(learner.predict_stream([RENDERER.prompt("hello", long_shots)]))


def test_parameters_are_counted_from_the_weights_whatever_their_precision(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    assert count_parameters(learner.files.folder) == sum(p.numel() for p in learner.load_base().parameters())


@pytest.mark.parametrize(("content", "n_cpus"), [("150000 100000", 1), ("400000 100000", 4), ("max 100000", 1_000_000)])
def test_a_containers_share_of_processors_is_seen(tmp_path, content, n_cpus):
    assert cpu_quota(tmp_path) == 1_000_000
    (tmp_path / "cpu.max").write_text(content + "\n")
    assert cpu_quota(tmp_path) == n_cpus


def test_the_training_example_shows_what_is_trained(tiny_model_folder):
    shown = tiny(tiny_model_folder).show_training_example(RENDERER.tuning_example("Bo", "[CITY]"))
    assert shown.endswith("«<|im_end|>»")
    assert "«" not in shown.partition("assistant\n")[0]


def test_adapters_are_peft_safetensors(trained):
    folder = trained[0].adapter_folder
    names = {path.name for path in folder.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= names
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 4


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_a_device_without_memory_left_is_one_line(device):
    compute = Compute(torch.device(device), torch.bfloat16, 2)
    whose = "this machine's memory" if device == "cpu" else "the GPU's memory"
    with pytest.raises(OutOfMemory) as found, enough_memory(compute, "to answer", "use fewer --shots"):
        raise torch.OutOfMemoryError("CUDA out of memory")
    elsewhere = "" if device == "cpu" else ", or give --device cpu"
    assert str(found.value) == f"{whose} is not enough to answer in bfloat16; use fewer --shots{elsewhere}"
    assert isinstance(found.value, EnvironmentProblem)


def test_other_errors_are_no_lack_of_memory():
    compute = choose_compute("cpu", 1)
    with pytest.raises(RuntimeError, match="shape"), enough_memory(compute, "to answer", "use fewer --shots"):
        raise RuntimeError("shape '[3]' is invalid")
