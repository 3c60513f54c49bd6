"""What tagger and classifier share: an encoder that is fine-tuned as a whole, stored, loaded and asked.

They differ in what a segment is and in what its class means; that is all a subclass says.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save_file

from tunecurve.errors import ModelError
from tunecurve.findings import Finding
from tunecurve.learners.base import Completion, TargetLoss, TrainingJob, TrainingProgress, Tuned, Workload
from tunecurve.learners.converted import ConvertedModel, ModelFormat
from tunecurve.learners.encoder.head import Calibrated, Head
from tunecurve.learners.encoder.model import SegmentClassifier, load_backbone, longest_window, marks_of
from tunecurve.learners.encoder.packed import PackedEncoder, choose_encoder
from tunecurve.learners.encoder.recipe import EncoderRecipe, resolve_encoder_recipe
from tunecurve.learners.encoder.train import EncoderObjective, TrainingTask, mean_loss_of, new_training
from tunecurve.learners.encoder.word_vectors import only_vectors_of
from tunecurve.learners.encoder.words import set_signs_apart, split_words
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.backend_choice import Choice
from tunecurve.learners.torch.device import Compute, enough_memory, freed_memory_kept
from tunecurve.learners.torch.known_pieces import piece_findings
from tunecurve.learners.torch.learner import TorchLearner
from tunecurve.learners.torch.speed import matmul_flops_per_second
from tunecurve.learners.torch.training_with_development import (
    TrainingRun,
    development_rows,
    train_with_development,
    why_no_development,
)
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec.study import stable_hash
from tunecurve.spec.training import EncoderSpec

TUNED_FOLDER, HEAD_FILE, WEIGHTS_FILE = "encoder", "head.json", "model.safetensors"
ROWS_A_PIECE = 256
# On so many the ways to compute a step are compared.
ROWS_TO_COMPARE = 8
# Share of the measured matrix speed that answering and training reach, and what an optimizer step costs beside it for
# every weight (MiniLM-L6, bfloat16, on a processor; elsewhere training reaches as much as answering).
SHARE_OF_PEAK, SHARE_OF_PEAK_TRAINED = 0.45, 0.6
SECONDS_A_WEIGHT_AND_STEP = 1e-9
LOADING_SECONDS = 1.0
# Of the study file; the second ones are for `tagger:warm` alone.
SETTINGS = frozenset(f"encoder.{name}" for name in EncoderSpec.model_fields)
WARM_SETTINGS = frozenset({"encoder.warm_languages", "encoder.warm_rows"})


class EncoderLearner(TorchLearner):
    """An encoder with a head that has to be fine-tuned before it answers.

    Parameters
    ----------
    name : str
        As the study names it.
    files : ModelFiles
        From `resolve_encoder`.
    compute : Compute
        From `choose_compute`.
    settings : EncoderSpec
        The study's encoder section.
    tuned_folder : Path, optional
        Where a tuned model lies.
    """

    kind = ""
    answers_are_cleaned = False
    reads_words = False  # whether the words of a text are told apart, signs among them
    settings_read = SETTINGS - WARM_SETTINGS

    def __init__(
        self,
        name: str,
        files: ModelFiles,
        compute: Compute,
        settings: EncoderSpec | None = None,
        *,
        tuned_folder: Path | None = None,
        checkpoint_every_seconds: float = 60.0,
    ) -> None:
        self.name, self.files, self.compute = name, files, compute
        self.settings = settings or EncoderSpec()
        self.tuned_folder = tuned_folder
        self.checkpoint_every_seconds = checkpoint_every_seconds
        self.backbone, self.tokenizer = load_backbone(files)
        self.signs_set_apart = self.reads_words and set_signs_apart(self.tokenizer)
        self.longest_window = longest_window(self.backbone)
        self._loaded: tuple[SegmentClassifier, Head] | None = None
        self._compared: set[str] = set()

    def identity(self) -> dict[str, object]:
        """Return what determines the answers: kind, weights, device, precision, threads, window; version 2 trains packed rows."""
        return {
            "kind": self.kind,
            "weights_sha256": self.files.weights_sha256,
            "compute": self.compute.describe(),
            "longest_window": self.longest_window,
            "version": 2,
        }

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def row_findings(self, examples: Sequence[TuningExample]) -> list[Finding]:
        """Return that the tokenizer knows too little of the rows; raises `ModelError` where it knows (nearly) nothing."""
        return piece_findings(self.name, self.tokenizer, self._pieces_of, self._n_vectors, examples)

    def _pieces_of(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        return [words.piece_ids for words in split_words(self.tokenizer, texts, by_character=self.reads_words)]

    @property
    def _n_vectors(self) -> int:
        return int(self.backbone.get_input_embeddings().weight.shape[0])

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the work takes: 6 operations a weight and trained token, 2 to answer."""
        weights = sum(parameter.numel() for parameter in self.backbone.parameters())
        multiplied = weights - self.backbone.get_input_embeddings().weight.numel()
        answered = multiplied * 2 * (work.tokens_read + work.tokens_judged) / SHARE_OF_PEAK
        share = SHARE_OF_PEAK_TRAINED if self.compute.device.type == "cpu" else SHARE_OF_PEAK
        trained = multiplied * 6 * work.tokens_trained / share
        peak = matmul_flops_per_second(self.compute.device.type, self.compute.dtype)
        steps = work.steps * weights * SECONDS_A_WEIGHT_AND_STEP
        return LOADING_SECONDS + (answered + trained) / peak + steps

    def resolve_recipe(self, recipe: dict[str, object], n_examples: int) -> dict[str, object]:
        """Return the recipe of the encoder section with every value filled in; `recipe` is for language models."""
        return resolve_encoder_recipe(self.settings.model_dump(), n_examples).to_dict() | self.own_settings()

    def own_settings(self) -> dict[str, object]:
        """Return what else of the settings determines the result."""
        return {}

    def training_recipe(self, recipe: dict[str, object]) -> EncoderRecipe:
        """Return what of a resolved recipe the training loop is told."""
        own = self.own_settings()
        return EncoderRecipe(**{key: value for key, value in recipe.items() if key not in own})  # type: ignore[arg-type]

    @abstractmethod
    def prepare(self, examples: Sequence[TuningExample]) -> Head:
        """Return what the head needs to know of the examples."""

    @abstractmethod
    def training_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return what is trained for."""

    def development_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return what the loss of development rows is the loss of: that which is trained for."""
        return self.training_task(model, examples, head)

    @abstractmethod
    def answers(self, model: SegmentClassifier, head: Head, sources: Sequence[str]) -> list[str]:
        """Return the answers to the inputs."""

    @abstractmethod
    def losses(
        self, model: SegmentClassifier, head: Head, prompts: Sequence[Prompt], targets: Sequence[str]
    ) -> list[TargetLoss]:
        """Return the loss of the right answer to every prompt."""

    def calibrate(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> Calibrated:
        """Return the head with what is chosen after training, on examples that were not trained on."""
        return Calibrated(head)

    def complete(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> None:
        """Do what follows on the trained model, on all examples that it knows."""

    def n_held_out(self, n_examples: int) -> int:
        """Return how many of the examples are kept from training, to calibrate on."""
        return 0

    def rows_trained(self, train_size: int) -> int:
        """Return how many of the rows are not kept to calibrate on."""
        return train_size - self.n_held_out(train_size)

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fine-tune a fresh copy on the examples by a resolved recipe; the model goes to ``folder/encoder``."""
        recipe = self.training_recipe(job.recipe)
        n_trained = len(job.examples) - self.n_held_out(len(job.examples))
        known = job.examples[:n_trained]
        development = development_rows(job.groups_of(n_trained), recipe.development_share)
        trained = [example for row, example in enumerate(known) if row not in development]
        head = self.prepare(known)
        model = self.initial_model(trained, head, job.seed)
        task = self.training_task(model, trained, head)
        if not task.lengths:
            raise ModelError(
                f"{self.name}: none of the {n_trained} training targets can be used ({task.said}); check the task and the data"
            )
        trained_on = f"to train {self.name} on {recipe.batch_size} rows a step"
        with enough_memory(self.compute, trained_on, "set a smaller encoder.batch_size"):
            dev_task = self.development_task(model, [known[row] for row in development], head) if development else None
            read = {*marks_of(self.tokenizer)} | task.pieces | (dev_task.pieces if dev_task else set())
            with only_vectors_of(model.backbone, read), self._computing_steps(model, task) as way:
                run = TrainingRun(
                    EncoderObjective(task.loss_of),
                    recipe,
                    lambda recipe: new_training(model, recipe, job.seed, task.lengths),
                    job.folder,
                    self._fingerprint(job, known, development, way.name),
                    self.checkpoint_every_seconds,
                )
                said = f"{task.said}; {way.said}"
                if dev_task is None or not dev_task.lengths:
                    training = run.train(on_step)
                    record = training.record(task.lengths, said + why_no_development(recipe, n_trained))
                else:
                    look = mean_loss_of(model, dev_task, recipe.batch_size)
                    training, seen = train_with_development(run, look, len(development), on_step)
                    record = training.record(task.lengths, said)
                    record.development = seen
        model.eval()
        self.complete(model, known, head)
        head, record.over_masking = self.calibrate(model, job.examples[n_trained:], head)
        # As many steps as the rows made: long ones make more than were planned for, those that are kept aside fewer.
        record.recipe = job.recipe | {"n_steps": len(training.steps), "warmup_steps": record.recipe["warmup_steps"]}
        record.kept_aside = [*development, *range(n_trained, len(job.examples))] or None
        self._save(model, head, job.folder / TUNED_FOLDER)
        return Tuned(self.load_tuned(job.folder), record)

    @contextmanager
    def _computing_steps(self, model: SegmentClassifier, task: TrainingTask) -> Iterator[Choice[PackedEncoder | None]]:
        """Let a model compute its training steps in the fastest way that gives the encoder's own numbers inside this context."""
        texts = [words.piece_ids[: self.longest_window] for words in task.texts if words.piece_ids][:ROWS_TO_COMPARE]
        way = choose_encoder(model.backbone, self.compute.dtype, texts, self._compared)
        model.packed = way.chosen
        try:
            with freed_memory_kept():
                yield way
        finally:
            model.packed = None

    def initial_model(self, examples: Sequence[TuningExample], head: Head, seed: int) -> SegmentClassifier:
        """Return the model that training starts from: the encoder as it is, with a new head."""
        backbone, _ = load_backbone(self.files)
        return SegmentClassifier(backbone, len(head.classes), seed).to(self.compute.device)

    def _fingerprint(
        self, job: TrainingJob, known: Sequence[TuningExample], development: Sequence[int], way: str
    ) -> str:
        rows = stable_hash([[example.prompt.source, example.answer] for example in known])
        all_of_it = {
            "rows": rows,
            "recipe": job.recipe,
            "seed": job.seed,
            "learner": self.identity(),
            "vectors": "of the rows",
            "way": way,
        }
        return stable_hash(all_of_it | ({"development": list(development)} if development else {}))

    def _save(self, model: SegmentClassifier, head: Head, folder: Path) -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / WEIGHTS_FILE)
        head.save(folder / HEAD_FILE)

    def load_tuned(self, folder: Path) -> Self:
        """Return this learner with the model stored in ``folder/encoder``."""
        return type(self)(
            self.name,
            self.files,
            self.compute,
            self.settings,
            tuned_folder=folder / TUNED_FOLDER,
            checkpoint_every_seconds=self.checkpoint_every_seconds,
        )

    def _load(self) -> tuple[SegmentClassifier, Head]:
        if self.tuned_folder is None:
            raise ModelError(f"{self.name} answers only after fine-tuning; give --train-sizes")
        if self._loaded is None:
            head = Head.load(self.tuned_folder / HEAD_FILE)
            model = SegmentClassifier(self.backbone, len(head.classes), 0)
            model.load_state_dict(load_file(self.tuned_folder / WEIGHTS_FILE))
            self._loaded = model.to(self.compute.device).eval(), head
        return self._loaded

    def convert(self, kind: ModelFormat, folder: Path) -> ConvertedModel:
        """Write the model as ONNX, with a program that answers."""
        if kind != "onnx":
            return super().convert(kind, folder)
        from tunecurve.learners.encoder.conversion import TunedEncoder, convert

        return convert(TunedEncoder(self._load, self.tokenizer, self.kind, self.longest_window), folder)

    def model_for(self, prompts: Sequence[Prompt]) -> tuple[SegmentClassifier, Head]:
        """Return the model that answers these prompts, and its head."""
        return self._load()

    @contextmanager
    def _computing(self, task: str) -> Iterator[None]:
        remedy = "close other programs that use it"
        with torch.inference_mode(), enough_memory(self.compute, f"{task} {self.name}", remedy):
            yield

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (index, answer) for every prompt not in `done`; batches depend on the prompts alone."""
        model, head = self.model_for(prompts)
        for first in range(0, len(prompts), ROWS_A_PIECE):
            piece = range(first, min(first + ROWS_A_PIECE, len(prompts)))
            if all(index in done for index in piece):
                continue
            started = time.perf_counter()
            with self._computing("for answers of"):
                texts = self.answers(model, head, [prompts[index].source for index in piece])
            seconds = (time.perf_counter() - started) / len(piece)
            for index, text in zip(piece, texts, strict=True):
                if index not in done:
                    n_tokens = self.count_tokens(prompts[index].source)
                    yield index, Completion(text, "end", n_tokens, 0, seconds)

    def target_losses(
        self, prompts: Sequence[Prompt], targets: Sequence[str], done: Collection[int] = ()
    ) -> Iterator[tuple[int, TargetLoss]]:
        """Yield (index, loss of the right answer) for every prompt not in `done`."""
        if all(index in done for index in range(len(prompts))):
            return
        model, head = self.model_for(prompts)
        with self._computing("for the losses of"):
            found = self.losses(model, head, prompts, targets)
        yield from ((index, loss) for index, loss in enumerate(found) if index not in done)


def class_weights(counts: Sequence[float], power: float) -> list[float]:
    """Return a loss weight for every class: frequency to the power of ``-power``, their mean over examples one.

    Parameters
    ----------
    counts : sequence of int
        Examples of each class; classes without any weigh nothing.
    power : float
        0: all alike; 1: every class counts the same in all.
    """
    if not any(counts):
        return [1.0] * len(counts)
    raw = [count**-power if count else 0.0 for count in counts]
    scale = sum(counts) / math.fsum(weight * count for weight, count in zip(raw, counts, strict=True))
    return [weight * scale for weight in raw]
