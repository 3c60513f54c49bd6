"""Masking without learning: a GLiNER model of a local folder, asked for the study's labels by their words, offline."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import torch

from tunecurve.findings import Finding as StudyFinding
from tunecurve.learners.base import Completion, Workload, unanswered
from tunecurve.learners.baselines.masked_text import Finding, write_masked
from tunecurve.learners.gliner.label_words import words_to_labels
from tunecurve.learners.gliner.model import GlinerModel
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.device import Compute, enough_memory
from tunecurve.learners.torch.known_pieces import piece_findings
from tunecurve.learners.torch.learner import TorchLearner
from tunecurve.learners.torch.speed import matmul_flops_per_second
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.spec.gliner import GlinerSpec

_RULES_VERSION = 1  # of the words of labels, the windows and the settling of overlaps
# Of the measured matrix speed, and what loading takes; guesses, no published model was measured.
SHARE_OF_PEAK, LOADING_SECONDS = 0.4, 5.0
MOST_ROWS_LOOKED_AT = 500


class GlinerLearner(TorchLearner):
    """Answers with the input, what a GLiNER model finds replaced by the task's labels.

    Parameters
    ----------
    name : str
        As the study names it: ``gliner:FOLDER``.
    files : ModelFiles
        From `resolve_gliner`.
    compute : Compute
        From `choose_compute`; it computes in float32 whatever its precision.
    settings : GlinerSpec, optional
        Threshold, and words for labels.

    Raises
    ------
    ModelError
        When the model cannot be loaded.
    """

    answers_are_cleaned = False

    def __init__(self, name: str, files: ModelFiles, compute: Compute, settings: GlinerSpec | None = None) -> None:
        self.name, self.files = name, files
        self.compute = replace(compute, dtype=torch.float32)
        self.settings = settings or GlinerSpec()
        self._pieces_of_labels = 0
        self._model()  # a damaged model ends the command, not a trial

    def _model(self) -> GlinerModel:
        if self._loaded is None:
            self._loaded = GlinerModel(self.files, self.compute.device)
        model: GlinerModel = self._loaded
        return model

    def identity(self) -> dict[str, object]:
        """Return the package's version, the hash of the folder, where it computes, threshold and words."""
        return {
            "kind": "gliner",
            "gliner": importlib.metadata.version("gliner"),
            "weights_sha256": self.files.weights_sha256,
            "compute": self.compute.describe(),
            "threshold": self.settings.threshold,
            "prompts": {label: self.settings.words_of(label) for label in sorted(self.settings.prompts)},
            "version": _RULES_VERSION,
        }

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield every input masked; labels are those of its prompt."""
        for index, prompt in unanswered(prompts, done):
            begin = time.perf_counter()
            text = write_masked(prompt.source, self.find(prompt), prompt.form, is_numbered=prompt.numbered)
            yield index, Completion(text, "end", seconds=time.perf_counter() - begin)

    def find(self, prompt: Prompt) -> list[Finding]:
        """Return what the model finds in a prompt's input; what two windows find may overlap."""
        labels = words_to_labels(_labels_of(prompt), self.settings)
        with enough_memory(self.compute, "for GLiNER to read a text", "take a smaller model"):
            return self._model().find(prompt.source, labels, self.settings.threshold)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return sum(self._model().split(text).n_pieces)

    def row_findings(self, examples: Sequence[TuningExample]) -> list[StudyFinding]:
        """Return with which words it is asked for the labels, and how many rows are read in windows.

        Raises
        ------
        SpecError
            When the words given for labels do not fit the study's labels.
        ModelError
            When they leave no room for a text, or the tokenizer knows next to nothing of the rows.
        """
        if not examples:
            return []
        labels, model = words_to_labels(_labels_of(examples[0].prompt), self.settings), self._model()
        self._pieces_of_labels = model.pieces_of_labels(list(labels))
        asked = ", ".join(words if _is_plain(words, label) else f"{words} ({label})" for words, label in labels.items())
        return [
            *piece_findings(self.name, model.tokenizer, model.pieces_of, model.n_vectors, examples, such_as=""),
            StudyFinding(
                "gliner-prompts",
                f"{self.name}: threshold {self.settings.threshold:g}; asked for {asked}",
                "other words: gliner.prompts in the study file",
                is_note=True,
                learner=self.name,
            ),
            *self._findings_of_length([example.prompt.source for example in examples], list(labels)),
        ]

    def _findings_of_length(self, texts: Sequence[str], asked: list[str]) -> list[StudyFinding]:
        """Return how many texts are read in windows, and how many have a word that fits into none."""
        model = self._model()
        room, most = model.room(asked), model.most_pieces()
        looked_at = [model.split(text) for text in texts[:: -(-len(texts) // MOST_ROWS_LOOKED_AT)]]
        n_windows = [len(model.windows(words, room)) for words in looked_at]
        found = []
        if n_long := sum(count > 1 for count in n_windows):
            bound = f"{model.package.config.max_len} words" + (f"; {most} tokens, labels among them" if most else "")
            found.append(
                StudyFinding(
                    "gliner-windows",
                    f"{self.name}: {n_long:,} of {len(looked_at):,} rows looked at are longer than what it reads at once ({bound}): they "
                    f"are read in up to {max(n_windows)} windows that overlap by a quarter, so that no word is left out",
                    is_note=True,
                    learner=self.name,
                )
            )
        n_cut = sum(room is not None and max(words.n_pieces, default=0) > room for words in looked_at)
        if n_cut:
            found.append(
                StudyFinding(
                    "gliner-long-words",
                    f"{self.name}: {n_cut:,} of {len(looked_at):,} rows looked at have a word of more than the {room} tokens that are read "
                    "beside the labels: such a word is judged by its beginning, and masked whole or not at all",
                    "check these rows: texts without blanks are one word to it",
                    learner=self.name,
                )
            )
        return found

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the work takes: 2 operations a weight and token, the labels' words read with every row."""
        tokens = work.tokens_read + work.n_calls * self._pieces_of_labels
        peak = matmul_flops_per_second(self.compute.device.type, torch.float32)
        return LOADING_SECONDS + 2 * self._model().n_weights * tokens / (SHARE_OF_PEAK * peak)


def _labels_of(prompt: Prompt) -> tuple[str, ...]:
    """Return the labels that are looked for; none where placeholders say no label."""
    return () if prompt.form.only_name else prompt.labels


def _is_plain(words: str, label: str) -> bool:
    return words.replace(" ", "") == label.lower().replace("_", "")
