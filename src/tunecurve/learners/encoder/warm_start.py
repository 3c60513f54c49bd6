"""The warm start: the encoder, trained once as a tagger on made-up rows of `builtin:pii`, and kept in the cache.

Its name in the cache is a hash of everything that determines it: weights, device, precision, threads, rows and recipe. It
is trained under a lock, in a folder that an interrupted training continues in, and moved to its place when it is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from filelock import Timeout
from safetensors.torch import load_file

from tunecurve.data.rows import content_id
from tunecurve.data.synthetic_pii import LABELS, generate_rows
from tunecurve.errors import DamagedFile, ModelError
from tunecurve.formats.placeholders import CLASSIC
from tunecurve.formats.spans import MaskFormat
from tunecurve.learners.base import TrainingJob, TrainingProgress, Workload
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.learner import HEAD_FILE, TUNED_FOLDER, WEIGHTS_FILE
from tunecurve.learners.encoder.model import SegmentClassifier, load_backbone
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.checkpoint import FILE_NAME as CHECKPOINT
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import locked_cache
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec.study import stable_hash
from tunecurve.spec.training import EncoderSpec
from tunecurve.storage.files import cache_folder, flush_to_disk, sha256_of, write_text

EPOCHS = 2
ROWS_SEED = 0
MANIFEST = "manifest.json"
PHASE = "warm start"
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class WarmStart:
    """A tagger of every label of `builtin:pii`, trained at its first use."""

    files: ModelFiles
    """The encoder that it starts from."""
    compute: Compute
    """Where it is trained."""
    languages: tuple[str, ...]
    """Of the made-up rows."""
    n_rows: int
    """How many rows."""

    def describe(self) -> str:
        """Return what it was trained on, in words."""
        return f"{self.n_rows:,} made-up rows of builtin:pii ({', '.join(self.languages)})"

    @cached_property
    def key(self) -> str:
        """The hash of everything that determines its weights."""
        rows = stable_hash([content_id(example.prompt.source, example.answer) for example in self.examples])
        learner = self._tagger
        return stable_hash(
            {"version": 1, "learner": learner.identity_of_weights(), "rows": rows, "recipe": self._recipe(learner)}
        )

    @cached_property
    def folder(self) -> Path:
        """Where it lies in the cache."""
        return cache_folder() / "models" / f"warm-{self.key}"

    @property
    def is_ready(self) -> bool:
        """Whether it has been trained."""
        return (self.folder / MANIFEST).exists()

    @property
    def examples(self) -> tuple[TuningExample, ...]:
        """The rows that it is trained on."""
        return made_up_examples(self.languages, self.n_rows)

    @cached_property
    def labels(self) -> frozenset[str]:
        """Those of `builtin:pii` that its head has: few rows do not have them all."""
        found: set[str] = set()
        for example in self.examples:
            spans = MaskFormat(CLASSIC).derive(example.prompt.source, example.answer) or ()
            found |= {span.label for span in spans} & {*LABELS}
            if len(found) == len(LABELS):
                break
        return frozenset(found)

    def estimate_seconds(self) -> float:
        """Return about how long its training takes; 0 once it is there."""
        if self.is_ready:
            return 0.0
        learner = self._tagger
        recipe = self._recipe(learner)
        sample = self.examples[:200]
        tokens = sum(learner.count_tokens(example.prompt.source) + 2 for example in sample) / len(sample)
        trained = round(tokens * self.n_rows * recipe["epochs"])
        return learner.estimate_seconds(Workload(trained, 0, 0, recipe["n_steps"]))

    def load(self) -> tuple[SegmentClassifier, Head]:
        """Return the model and its head.

        Raises
        ------
        ModelError
            When it is not there, or damaged.
        """
        weights = self.folder / WEIGHTS_FILE
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text())
            is_whole = sha256_of(weights) == manifest["weights_sha256"]
        except (OSError, ValueError, KeyError):
            is_whole = False
        if not is_whole:
            raise ModelError(f"the warm start in '{self.folder}' is damaged; delete that folder and run again")
        head = self.head
        backbone, _ = load_backbone(self.files)
        model = SegmentClassifier(backbone, len(head.classes), 0)
        model.load_state_dict(load_file(weights))
        return model.to(self.compute.device).eval(), head

    @property
    def head(self) -> Head:
        """Its head, of a model that is there."""
        return Head.load(self.folder / HEAD_FILE)

    def prepare(self, on_step: Callable[[TrainingProgress], None], checkpoint_every_seconds: float) -> None:
        """Train it if it is not there; another process that does so is waited for.

        Parameters
        ----------
        on_step : callable
            Called after every step, and every second while it waits; what it raises ends the work, which continues later.
        checkpoint_every_seconds : float
            Time between checkpoints.
        """
        lock = locked_cache(f"warm-{self.key}")
        while not self.is_ready:
            try:
                with lock.acquire(timeout=SECONDS_BETWEEN_LOOKS):
                    if not self.is_ready:
                        self._train(on_step, checkpoint_every_seconds)
            except Timeout:
                on_step(TrainingProgress(0, 1, 0.0, 0.0, phase=f"{PHASE}: another process trains it"))

    def _train(self, on_step: Callable[[TrainingProgress], None], checkpoint_every_seconds: float) -> None:
        """Train in a folder beside its place; the manifest is written before the one rename."""
        scratch = self.folder.with_name(f"{self.folder.name}.part")
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        learner = self._tagger
        learner.checkpoint_every_seconds = checkpoint_every_seconds
        job = TrainingJob(self.examples, self._recipe(learner), ROWS_SEED, scratch)
        started = time.time()
        try:
            tuned = learner.fine_tune(job, lambda step: on_step(replace(step, phase=PHASE)))
        except DamagedFile as damaged:  # a checkpoint: what it held is trained again
            damaged.path.unlink()
            return self._train(on_step, checkpoint_every_seconds)
        (scratch / CHECKPOINT).unlink(missing_ok=True)
        trained = scratch / TUNED_FOLDER
        manifest = {
            "weights_sha256": sha256_of(trained / WEIGHTS_FILE),
            "trained_on": self.describe(),
            "recipe": tuned.record.recipe,
            "seconds": round(time.time() - started, 1),
        }
        write_text(trained / MANIFEST, json.dumps(manifest))
        flush_to_disk(trained)
        trained.replace(self.folder)
        scratch.rmdir()
        return None

    @property
    def _tagger(self) -> TaggerLearner:
        return TaggerLearner("warm start", self.files, self.compute, EncoderSpec(epochs=EPOCHS))

    def _recipe(self, learner: TaggerLearner) -> dict[str, Any]:
        return learner.resolve_recipe({}, self.n_rows)


@cache
def made_up_examples(languages: tuple[str, ...], n_rows: int) -> tuple[TuningExample, ...]:
    """Return rows of `builtin:pii` as examples."""
    rows = generate_rows(n_rows, seed=ROWS_SEED, language=languages)
    return tuple(TuningExample(Prompt((), row["source_text"]), row["target_text"]) for row in rows)
