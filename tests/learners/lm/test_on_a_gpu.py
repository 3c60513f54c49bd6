"""What a GPU computes is what the CPU computes: trainings one by one and together, recorded or not, and answers."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from tests.learners.lm.training.test_train_together import jobs
from tests.learners.lm.training.test_training import RECIPE, ROWS, examples, one_by_one, tiny, train
from tunecurve.errors import Interrupted, OutOfMemory
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.training import backends
from tunecurve.learners.lm.training.cuda_graphs import CudaGraphs
from tunecurve.learners.torch.device import choose_compute
from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
RENDERER = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "CITY"))


def on_gpu(folder, dtype=torch.float32):
    learner = tiny(folder)
    return LocalLearner(learner.files, replace(choose_compute("cuda", 2), dtype=dtype), learner.limits)


def adapter_of(folder):
    return load_file(folder / "adapter" / "adapter_model.safetensors")


@pytest.fixture
def recordings(monkeypatch):
    """Return the recorded steps of every training begun in a test."""
    made = []

    class Watched(CudaGraphs):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(backends, "CudaGraphs", Watched)
    return made


def fine_tune(learner, folder, recipe=RECIPE, on_step=lambda progress: None):
    """Return the record of a training."""
    folder.mkdir(exist_ok=True)
    job = TrainingJob(examples(), learner.resolve_recipe(recipe, 12), 5, folder)
    return learner.fine_tune(job, on_step).record


def test_a_training_ends_where_it_ends_on_a_cpu(tiny_model_folder, tmp_path, recordings):
    _, expected, adapter = train(tiny_model_folder, tmp_path / "cpu", {**RECIPE, "epochs": 7})
    record = fine_tune(on_gpu(tiny_model_folder), tmp_path / "gpu", {**RECIPE, "epochs": 7})
    assert recordings[-1].n_recorded >= 1, "steps of one shape are recorded"
    assert "loss and gradients equal the reference's" in record.path
    assert record.losses == pytest.approx(expected.losses, rel=1e-3)
    for name, tensor in adapter_of(tmp_path / "gpu").items():
        assert torch.allclose(tensor, adapter[name], atol=1e-3), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_recorded_steps_are_the_steps_launched_one_by_one(tiny_model_folder, tmp_path, monkeypatch, dtype):
    learner = on_gpu(tiny_model_folder, dtype)
    recorded = fine_tune(learner, tmp_path / "recorded", {**RECIPE, "epochs": 7})
    monkeypatch.setattr(backends, "CudaGraphs", partial(CudaGraphs, may_record=False))
    launched = fine_tune(learner, tmp_path / "launched", {**RECIPE, "epochs": 7})
    assert recorded.losses == pytest.approx(launched.losses, rel=1e-5 if dtype == torch.float32 else 2e-2)


def test_each_of_several_ends_where_it_ends_alone(tiny_model_folder, tmp_path, recordings):
    learner = on_gpu(tiny_model_folder)
    several, alone = jobs(learner, tmp_path / "several"), jobs(learner, tmp_path / "alone")
    records = learner.fine_tune_together(several, folder=tmp_path, on_step=lambda number, progress: None)
    assert recordings[-1].n_recorded >= 2, "recorded anew when a training has left"
    for job, record, own in zip(several, records, alone, strict=True):
        expected = learner.fine_tune(own, lambda progress: None).record
        assert record.losses == pytest.approx(expected.losses, rel=1e-3)
        for name, tensor in adapter_of(own.folder).items():
            assert torch.allclose(tensor, adapter_of(job.folder)[name], atol=1e-3), name


def test_an_interrupted_training_ends_as_one_without_a_break(tiny_model_folder, tmp_path):
    learner = on_gpu(tiny_model_folder)
    whole = fine_tune(learner, tmp_path / "whole", {**RECIPE, "epochs": 7})

    def stop(progress):
        if progress.step == 11:
            raise Interrupted("now")

    with pytest.raises(Interrupted):
        fine_tune(learner, tmp_path / "cut", {**RECIPE, "epochs": 7}, on_step=stop)
    seen = []
    resumed = fine_tune(learner, tmp_path / "cut", {**RECIPE, "epochs": 7}, on_step=lambda p: seen.append(p.step))
    assert seen[0] == 12, "finished steps are not repeated"
    assert resumed.losses == pytest.approx(whole.losses, rel=1e-5)


def test_what_cannot_be_stacked_is_trained_the_other_way(tiny_model_folder, tmp_path):
    record = fine_tune(on_gpu(tiny_model_folder), tmp_path / "dropout", {**RECIPE, "lora_dropout": 0.5})
    assert record.path.startswith("cached: ")
    assert record.losses[-1] < record.losses[0]


def test_answers_are_those_of_a_cpu(tiny_model_folder, tmp_path):
    tuned, _, _ = train(tiny_model_folder, tmp_path / "cpu")
    prompts = [RENDERER.prompt(source) for source, _ in ROWS]
    expected = one_by_one(tuned, prompts)
    gpu = on_gpu(tiny_model_folder).load_tuned(tmp_path / "cpu")
    assert [answer.text for answer in predict(gpu, prompts)] == expected


def test_the_built_in_model_learns_together_what_it_learns_alone(smollm2, tmp_path):
    learner = LocalLearner(smollm2, choose_compute("cuda", 2))
    assert learner.compute.dtype == torch.bfloat16
    recipe = learner.resolve_recipe({"epochs": 8, "batch_size": 8}, 24)
    several = [TrainingJob(examples(24), recipe, seed, tmp_path / str(seed)) for seed in (0, 1)]
    for job in several:
        job.folder.mkdir()
    records = learner.fine_tune_together(several, folder=tmp_path, on_step=lambda number, progress: None)
    for job, record in zip(several, records, strict=True):
        (tmp_path / "alone").mkdir(exist_ok=True)
        one_by_one = LocalLearner(learner.files, learner.compute, backend="cached")
        alone = one_by_one.fine_tune(replace(job, folder=tmp_path / "alone"), lambda progress: None).record
        assert record.losses == pytest.approx(alone.losses, rel=0.1)
        assert record.losses[-1] < 0.5 * record.losses[0]


def test_too_little_memory_ends_in_one_line(tiny_model_folder, tmp_path):
    learner = on_gpu(tiny_model_folder)
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        with pytest.raises(OutOfMemory, match=r"the GPU's memory of \d+ GB is not enough"):
            fine_tune(learner, tmp_path / "t")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
