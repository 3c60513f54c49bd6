"""Trainings computed together end where each ends alone, also when they are interrupted."""

import json
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from tests.learners.test_training import RECIPE, adapted, examples, tiny
from tunecurve.errors import Interrupted, ModelError
from tunecurve.learners.base import TrainingJob
from tunecurve.learners.local.checkpoint import trainable_parameters
from tunecurve.learners.local.recorded import RecordedSteps
from tunecurve.learners.local.stacked import StackedAdapters, StepTensors, losses_together, step_tensors
from tunecurve.learners.local.ways import loss_and_gradients, plain_way

# Another number of rows (with an incomplete batch), of passes, another seed, another learning rate each.
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
        _, expected = learner.fine_tune(
            alone.examples, alone.recipe, seed=alone.seed, folder=alone.folder, on_step=lambda progress: None
        )
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
    from tunecurve.learners.local.adapters import add_adapters
    from tunecurve.learners.local.recipe import Recipe

    return add_adapters(learner.load_base(), Recipe(**job.recipe), job.seed)


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


@pytest.mark.parametrize(("kind", "multiple"), [("llama", 1), ("llama", 32), ("qwen3", 1), ("gemma2", 32)])
def test_losses_and_gradients_of_each_are_the_plain_ways(tiny_model_folder, kind, multiple):
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
    with adapters.in_use():
        adapters.prepare_step()
        losses = losses_together(model.get_base_model(), step_tensors([batches[n] for n in (2, 0, 1)], 20, 2, multiple))
        losses.sum().backward()
    adapters.hand_over_gradients()
    for place, number in enumerate((2, 0, 1)):
        with torch.no_grad():
            for name, parameter in trainable_parameters(model).items():
                parameter.copy_(initial[number][name])
        loss, gradients = loss_and_gradients(model, plain_way(2, "reference"), batches[number])
        assert float(losses[place].detach()) == pytest.approx(loss, rel=1e-5)
        scale = max(float(gradient.abs().max()) for gradient in gradients.values())
        found = adapters.by_name(adapters.parameters[number].grad)
        assert set(found) == set(gradients)
        for name, gradient in gradients.items():
            assert torch.allclose(found[name], gradient, rtol=1e-3, atol=1e-5 * scale), name


def test_adapters_with_dropout_are_refused_with_advice(tiny_model_folder, tmp_path):
    learner = tiny(tiny_model_folder)
    recipe = learner.resolve_recipe({**RECIPE, "lora_dropout": 0.5}, 12)
    with pytest.raises(ModelError, match="set train_together: false"):
        learner.fine_tune_together(
            [TrainingJob(examples(), recipe, seed, tmp_path) for seed in (0, 1)], folder=tmp_path, on_step=print
        )


def study_of(tiny_model_folder, rows_file, out, **more):
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
    trained = [trial for trial in run.results["trials"] if trial["strategy"] == "fine-tune"]
    assert len(trained) == 2
    assert not run.outcome.failures
    assert all("together with 1 other trainings" in trial["training"]["path"] for trial in trained)
    assert not (tmp_path / "run" / "together").exists()
    again = study_of(tiny_model_folder, rows_file, tmp_path / "run", **values)
    assert again.outcome.n_run == 0
    with pytest.raises(Interrupted):
        run_study(str(tmp_path / "run" / "study.yaml"), out=tmp_path / "cut", device="cpu", progress=Stopping())
    assert (tmp_path / "cut" / "together" / "checkpoint.safetensors").exists()
    continued = run_study(str(tmp_path / "run" / "study.yaml"), out=tmp_path / "cut", device="cpu")
    # As text: leak shares of trials without an answer are NaN, which equals nothing.
    written = [json.dumps([t["scores"] for t in each.results["trials"]]) for each in (continued, run)]
    assert written[0] == written[1]


def test_a_model_that_cannot_be_computed_together_is_refused_with_advice(tiny_model_folder, tmp_path, monkeypatch):
    def refuse(model, step):
        raise TypeError("no cache here")

    monkeypatch.setattr("tunecurve.learners.local.train_together.losses_together", refuse)
    with pytest.raises(ModelError, match="does not allow it \\(TypeError\\); set train_together: false"):
        tiny(tiny_model_folder).fine_tune_together(
            jobs(tiny(tiny_model_folder), tmp_path), folder=tmp_path, on_step=print
        )


class FakeGraph:
    """Stands for a CUDA graph on a machine without one: what is recorded is computed at every replay."""

    def pool(self):
        return (0, 1)


def recorded_steps(monkeypatch, record):
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", record)
    computed = []

    def compute(step):
        computed.append(step)
        return step.labels.sum()[None].float()

    steps = RecordedSteps(compute, torch.device("cpu"))
    steps._may_record = True
    return steps, computed


def step_of(length, label):
    shape = torch.zeros(2, length, dtype=torch.long)
    return StepTensors(shape, shape, shape, shape, shape + label)


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
