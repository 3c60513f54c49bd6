"""The local learner: weights, encoder, training and decoding put together."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tunecurve.findings import Finding
from tunecurve.learners.base import Completion, Decoder, RoundTrip, TargetLoss, Tuned, Workload
from tunecurve.learners.converted import ConvertedModel, ModelFormat
from tunecurve.learners.lm.adapters import initial_adapters, load_adapters, save_adapters
from tunecurve.learners.lm.base_model import frozen, or_packed, read_for_export, read_weights, weight_findings
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.learners.lm.chat_template import template_findings
from tunecurve.learners.lm.context import check_context
from tunecurve.learners.lm.decoding.generate import AnswerLimits, DecodingOptions, decode_stream
from tunecurve.learners.lm.decoding.packed import Constraint
from tunecurve.learners.lm.opening import known_pieces, opened
from tunecurve.learners.lm.perfect_answers import through_tokens
from tunecurve.learners.lm.recipe import Recipe, resolve_recipe
from tunecurve.learners.lm.target_loss import loss_stream
from tunecurve.learners.lm.training.planned_memory import plan_trainings
from tunecurve.learners.lm.training.train import EncodedTraining, RunSettings, train_adapters
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.backend_choice import REFERENCE, Choice
from tunecurve.learners.torch.checkpoint import trainable_parameters
from tunecurve.learners.torch.device import Compute, enough_memory
from tunecurve.learners.torch.learner import TorchLearner
from tunecurve.learners.torch.speed import estimate_seconds
from tunecurve.learners.torch.weights import count_parameters, stored_types
from tunecurve.learners.training import PlannedTraining, TrainingJob, TrainingProgress, TrainingRecord
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec.training import RecipeSpec

ADAPTER_FOLDER = "adapter"
# Of a model in fewer bits than float32, which is merged in float32: 4 GB.
MOST_PARAMETERS_MERGED = 1_000_000_000


class LocalLearner(TorchLearner):
    """A causal language model on this machine.

    Parameters
    ----------
    files : ModelFiles
        From `weights.resolve_model`.
    compute : Compute
        From `device.choose_compute`.
    limits : AnswerLimits
        How long answers may get.
    adapter_folder : Path, optional
        A saved PEFT adapter to answer with.
    checkpoint_every_seconds : float, default 60
        Time between training checkpoints.
    backend : str, optional
        The one backend to train and answer with, such as ``reference``; default: the fastest that is exact.
    """

    takes_prompts = True
    loss_unit = "token"
    settings_read = frozenset(f"recipe.{name}" for name in RecipeSpec.model_fields)

    def __init__(
        self,
        files: ModelFiles,
        compute: Compute,
        limits: AnswerLimits | None = None,
        *,
        adapter_folder: Path | None = None,
        checkpoint_every_seconds: float = 60.0,
        backend: str | None = None,
    ) -> None:
        self.files = files
        self.name = files.name
        self.compute = compute
        self.limits = limits or AnswerLimits()
        self.adapter_folder = adapter_folder
        self.checkpoint_every_seconds = checkpoint_every_seconds
        self.backend = backend
        self.config, self.encoder = opened(files)
        self._loaded = None
        self._decoder: Decoder | None = None
        # Backends of trainings that have been compared with the reference here, by the adapters' shape.
        self._passed: dict[str, set[str]] = {}
        self._times_as_long = 1.0

    def __getstate__(self) -> dict[str, object]:
        """Travel to a worker, which compares anew: it may compute on another machine."""
        return {**super().__getstate__(), "_passed": {}}

    def identity(self) -> dict[str, object]:
        """Return what determines the answers: weights, device, precision, threads, decoding."""
        return {
            "kind": "local",
            "weights_sha256": self.files.weights_sha256,
            "compute": self.compute.describe(),
            "prompts": self.encoder.identity(),
            "decoding": "greedy",
            "adapters": "merged" if self._merges_adapters else "beside the weights",
            "max_tokens_per_input_token": self.limits.max_tokens_per_input_token,
            "max_extra_tokens": self.limits.max_extra_tokens,
            "batch_size": self.limits.batch_size,
        }

    def training_identity(self) -> dict[str, object]:
        """Return what determines a training, rows and recipe aside: nothing of how answers are decoded."""
        return {
            "kind": "local",
            "weights_sha256": self.files.weights_sha256,
            "compute": self.compute.describe(),
            "prompts": self.encoder.identity(),
            "use_shared_prefix": self.backend != REFERENCE,
        }

    def use_date(self, day: str) -> None:
        """Write this day (ISO) wherever the chat template has a date."""
        if self.encoder.template is not None and self.encoder.template.has_date:
            self.encoder = ChatEncoder(self.encoder.tokenizer, datetime.date.fromisoformat(day))

    def prompt_findings(self) -> list[Finding]:
        """Return what a reader should know about the model's chat template."""
        return [] if self.encoder.template is None else template_findings(self.name, self.encoder.template)

    def row_findings(self, examples: Sequence[TuningExample]) -> list[Finding]:
        """Return that the tokenizer knows too little of the rows; raises `ModelError` where it knows (nearly) nothing."""
        return known_pieces(self.name, self.config, self.encoder, examples)

    def tuned_files(self) -> tuple[str, ...]:
        """Return what `fine_tune` stores in a trial's folder."""
        return (ADAPTER_FOLDER,)

    def prompt_text(self, prompt: Prompt) -> str:
        """Return the text that the model reads."""
        return self.encoder.prompt_text(prompt)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return self.encoder.count_tokens(text)

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the work takes: arithmetic over the machine's measured speed, and what fitting into its memory costs."""
        work = replace(work, tokens_trained=round(self._times_as_long * work.tokens_trained))
        return estimate_seconds(work, count_parameters(self.files.folder), self.compute)

    def context_length(self) -> int:
        """Return the most tokens the model takes, prompt and answer together."""
        return int(getattr(self.config.get_text_config(), "max_position_embeddings", 2048))

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Send the right answers through tokens, answer cap and decoding."""
        return through_tokens(self.encoder, self.limits, [prompt.source for prompt in prompts], targets)

    def load_base(self) -> Any:
        """Return a fresh copy of the model, frozen, on the device."""
        return self._frozen(read_weights(self.files, self.compute.dtype))

    def _frozen(self, model: Any) -> Any:
        with self._enough_memory("to load"):
            return frozen(model, self.compute)

    def model_findings(self) -> list[Finding]:
        """Return whether its frozen weights are packed, or should be."""
        return weight_findings(self.files, self.compute)

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (index, answer) for every prompt not in `done`."""
        check_context(self.name, self.context_length(), map(self.lengths, prompts))
        self._load_once()
        return self._decode(prompts, done)

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield (index, loss of the right answer) for every prompt not in `done`."""
        self._load_once()
        with self._enough_memory("for the losses of"):
            pairs = list(zip(prompts, targets, strict=True))
            yield from loss_stream(self._loaded, self.encoder, pairs, self.context_length(), done, self.backend)

    def _enough_memory(self, task: str) -> AbstractContextManager[None]:
        remedy = "close other programs that use it, or use fewer --shots"
        return enough_memory(self.compute, f"{task} {self.name}", remedy + or_packed(self.compute))

    def _load_once(self) -> None:
        if self._loaded is None:
            self._loaded = self._load_for_scoring()

    def _decode(self, prompts: Sequence[Prompt], done: Collection[int]) -> Iterator[tuple[int, Completion]]:
        with self._enough_memory("for answers of"):
            options = DecodingOptions(self.constraint, self.backend, self._note_decoder)
            yield from decode_stream(self._loaded, self.encoder, prompts, self.limits, done, options)

    def _note_decoder(self, choice: Choice[Any]) -> None:
        self._decoder = Decoder(choice.name, choice.said, choice.is_fastest)

    @property
    def decoder(self) -> Decoder | None:
        """Which decoder wrote the last answers; None before the first."""
        return self._decoder

    def constraint(self, prompt: Prompt) -> Constraint | None:
        """Return what the answer to a prompt may be; None: whatever the model writes."""
        return None

    def lengths(self, prompt: Prompt) -> tuple[int, int]:
        """Return the tokens of a prompt, and of its longest answer."""
        return len(self.encoder.prompt_ids(prompt)), self.cap_of(prompt)

    def tokens_needed(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt and its longest answer together."""
        return sum(self.lengths(prompt))

    def cap_of(self, prompt: Prompt) -> int:
        """Return the most tokens that an answer may have."""
        return prompt.max_tokens or self.limits.cap(self.encoder.count_tokens(prompt.source))

    def _load_for_scoring(self) -> Any:
        if self.adapter_folder is None:
            return self.load_base()
        if self._merges_adapters:
            with self._enough_memory("to merge the adapter of"):
                whole = read_weights(self.files, torch.float32).to(self.compute.device)
                merged = load_adapters(whole, self.adapter_folder).merge_and_unload()
            return self._frozen(merged)
        return load_adapters(self.load_base(), self.adapter_folder).eval().get_base_model()

    @cached_property
    def _merges_adapters(self) -> bool:
        """Whether answers come from merged weights: in float32, or rounded to fewer bits only afterwards.

        Added to weights that are rounded already, most of a small adapter is rounded away. So weights stored in fewer
        bits stay as they are beside their adapter, and so do those of a size that float32 copies cost too much of.
        """
        if self.compute.four_bit:
            return False
        if self.compute.dtype == torch.float32:
            return True
        return (
            stored_types(self.files.folder) == {"F32"} and count_parameters(self.files.folder) <= MOST_PARAMETERS_MERGED
        )

    def resolve_recipe(self, recipe: dict[str, object], n_examples: int) -> dict[str, object]:
        """Return the recipe with every value filled in for this model and number of examples."""
        return resolve_recipe(recipe, n_examples, self.config.get_text_config().hidden_size).to_dict()

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fine-tune a fresh copy on the examples by a resolved recipe; the adapter goes to ``folder/adapter``."""
        [record] = self.fine_tune_together([job], folder=job.folder, on_step=lambda _, step: on_step(step))
        return Tuned(self.load_tuned(job.folder), record)

    def fine_tune_together(
        self, jobs: Sequence[TrainingJob], *, folder: Path, on_step: Callable[[int, TrainingProgress], None]
    ) -> list[TrainingRecord]:
        """Fine-tune for all jobs at once, over one copy of the frozen weights; see `train_adapters`."""
        self._loaded = None  # one copy of the weights in memory is enough
        trainings = [
            EncodedTraining(
                [self.encoder.encode_example(example) for example in job.examples],
                Recipe(**job.recipe),
                job.seed,
                job.groups,
            )
            for job in jobs
        ]
        first = trainings[0].recipe
        shape = f"{len(trainings)} trainings, {first.lora_rank} {first.lora_alpha} {first.lora_dropout}"
        settings = RunSettings(
            self.encoder.end_token_id,
            self.compute.describe(),
            folder,
            self.checkpoint_every_seconds,
            self.backend,
            self._passed.setdefault(shape, set()),
        )
        alone = "" if len(jobs) == 1 else f" of each of {len(jobs)} trainings"
        smaller = "use a smaller model or shorter rows" + (", or set train_together: false" if len(jobs) > 1 else "")
        smaller += or_packed(self.compute)
        with enough_memory(self.compute, f"to train {self.name} even on 1 row{alone} at a time", smaller):
            seeds = [training.seed for training in trainings]
            model, initial = initial_adapters(self.load_base(), first, seeds)
            trained = train_adapters(model, trainings, initial, settings, on_step)
        for job, (values, _) in zip(jobs, trained, strict=True):
            with torch.no_grad():
                for name, parameter in trainable_parameters(model).items():
                    parameter.copy_(values[name])
            save_adapters(model, job.folder / ADAPTER_FOLDER, self.files.name)
        return [record for _, record in trained]

    def plan_trainings(self, jobs: Sequence[TrainingJob]) -> PlannedTraining | None:
        """Return the memory that trainings need, and whether they are computed as one where that is left open."""
        trainings = []
        for job in jobs:
            # An empty answer fails its trial, not the plan.
            rows = [self.encoder.encode_answer(example.prompt, example.answer) for example in job.examples]
            trainings.append(EncodedTraining(rows, Recipe(**job.recipe), job.seed))
        planned = plan_trainings(self.config, count_parameters(self.files.folder), self.compute, trainings)
        self._times_as_long = planned.times_as_long
        return planned

    def load_tuned(self, folder: Path) -> LocalLearner:
        """Return this learner with the adapter stored in ``folder/adapter``; tokenizer and template are shared with it."""
        tuned = copy.copy(self)  # without a loaded model
        tuned.adapter_folder, tuned._decoder = folder / ADAPTER_FOLDER, None
        return tuned

    def answering_with(
        self, tokenizer: Any, *, files: ModelFiles | None = None, model: Any = None, compute: Compute | None = None
    ) -> LocalLearner:
        """Return this learner with other weights: those of `files`, or of a loaded model, which is taken as it is."""
        other = copy.copy(self)
        other.files, other.adapter_folder, other._loaded = files or self.files, None, model
        other.encoder = ChatEncoder(tokenizer, self.encoder.date)
        other.compute = replace(compute or self.compute, four_bit=False)
        return other

    def show_training_example(self, example: TuningExample) -> str:
        """Return the text of a training example with the tokens that carry loss between « and »."""
        return self.encoder.show_example(example)

    def merged(self) -> Any:
        """Return the model in float32 with its adapter merged; over packed weights, with the values that they have."""
        base = read_for_export(self.files, self.compute)
        return load_adapters(base, self.adapter_folder).merge_and_unload() if self.adapter_folder else base

    def save_merged(self, destination: Path) -> None:
        """Write the model with its adapter merged, as float32 safetensors with its tokenizer."""
        self.merged().save_pretrained(destination)
        self.encoder.tokenizer.save_pretrained(destination)

    def convert(self, kind: ModelFormat, folder: Path) -> ConvertedModel:
        """Write the model as safetensors or GGUF."""
        if kind == "onnx":
            return super().convert(kind, folder)
        from tunecurve.learners.lm.conversion import convert

        return convert(self, kind, folder)
