"""A tuned tagger or classifier as an ONNX file, with a program beside it that answers with nothing but numpy, onnxruntime, tokenizers.

The file gives logits for every piece of a text. A segment's logits are the mean of its pieces', because the head is linear: the
mean of vectors, then the head, is the head, then the mean.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tunecurve.errors import needing
from tunecurve.formats.segmentation import glued_characters
from tunecurve.formats.spans import BETWEEN_LABELS, MaskFormat
from tunecurve.learners.completion import Completion
from tunecurve.learners.converted import ConvertedModel
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.words import window_step
from tunecurve.learners.telemetry import silence_onnxruntime
from tunecurve.prompts import Prompt
from tunecurve.storage.files import write_text, written_whole

RUNNERS = Path(__file__).parent / "runners"
MODEL_FILE, RUNNER_FILE, SETTINGS_FILE, TOKENIZER_FILE = "model.onnx", "run.py", "settings.json", "tokenizer.json"
OPSET = 17


@dataclass(frozen=True)
class TunedEncoder:
    """What is written."""

    load: Callable[[], tuple[Any, Head]]
    """Returns its `SegmentClassifier`, and what the logits mean."""
    tokenizer: Any
    kind: str
    """``"tagger"`` or ``"classifier"``."""
    longest_window: int
    """Most pieces that are read at once."""


class PieceLogits(torch.nn.Module):
    """The encoder and its head, from token ids to logits of every piece."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.head

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return logits, shape (texts, pieces, classes)."""
        return self.head(self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state)


def convert(tuned: TunedEncoder, folder: Path) -> ConvertedModel:
    """Write a tuned encoder into a folder; see `Learner.convert`."""
    silence_onnxruntime()
    with needing("onnx", "an ONNX file"):
        import onnx  # noqa: F401
        import onnxruntime
    model, head = tuned.load()
    paths = [folder / name for name in (MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE, RUNNER_FILE)]
    with written_whole(paths[0]) as unfinished:
        _write_onnx(PieceLogits(model).cpu().float().eval(), unfinished)
    write_text(paths[1], _whole_texts(tuned.tokenizer.backend_tokenizer.to_str()))
    is_tagger = tuned.kind == "tagger"
    told, notes = _tagger(head) if is_tagger else _classifier(model, head)
    write_text(paths[2], json.dumps(told | _windows(tuned), ensure_ascii=False))
    shutil.copyfile(RUNNERS / f"{'tagger' if is_tagger else 'classifier'}.py", paths[3])
    answers = _answers_of(paths[3], notes, is_tagger=is_tagger)
    knows = (
        frozenset(name for label in head.known_labels for name in label.split(BETWEEN_LABELS))
        if is_tagger
        else frozenset(head.classes)
    )
    return ConvertedModel(paths, answers, f"onnxruntime {onnxruntime.__version__}, by run.py", notes, knows=knows)


def _whole_texts(tokenizer: str) -> str:
    """Return a tokenizer's file that neither cuts texts nor fills them up: the windows do."""
    return json.dumps(json.loads(tokenizer) | {"truncation": None, "padding": None}, ensure_ascii=False)


def _windows(tuned: TunedEncoder) -> dict[str, object]:
    """Return how long texts are read: pieces of a window, pieces from one to the next, the marks around them."""
    longest, marks = tuned.longest_window, [tuned.tokenizer.cls_token_id, tuned.tokenizer.sep_token_id]
    return {"longest_window": longest, "step": window_step(longest), "marks": marks}


def _write_onnx(model: torch.nn.Module, path: Path) -> None:
    texts, pieces = {0: "texts"}, {1: "pieces"}
    names = ["input_ids", "attention_mask"]
    example = (torch.ones(2, 5, dtype=torch.long), torch.ones(2, 5, dtype=torch.long))
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter(
            "ignore"
        )  # that this way of exporting is the older one, and of shapes that it cannot follow
        torch.onnx.export(
            model,
            example,
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes=dict.fromkeys((*names, "logits"), texts | pieces),
            opset_version=OPSET,
            dynamo=False,
        )


def _tagger(head: Head) -> tuple[dict[str, object], list[str]]:
    """Return what the runner is told of a tagger, and what it does not do; without placeholders it lists its spans."""
    written = head.format
    told: dict[str, object] = {
        "labels": head.known_labels,
        "threshold": head.threshold,
        "joined": head.joined or [],
        "filled": head.filled or [],
    }
    if written is None:
        return told | {"placeholders": None}, []
    placeholders = {label: "".join(map(written.form.write, label.split(BETWEEN_LABELS))) for label in head.known_labels}
    return told | {"placeholders": placeholders, "strips_ends": written.strips_ends}, _not_done(written, head)


def _not_done(written: MaskFormat, head: Head) -> list[str]:
    notes = []
    if written.form.numbering.labels:
        notes.append("run.py writes placeholders without the numbers that the study's targets have")
    if written.affixes:
        notes.append(
            "run.py masks whole words; letters that stay beside a label in the study's targets are masked, too"
        )
    names = [name for label in head.known_labels for name in label.split(BETWEEN_LABELS)]
    if any(written.form.style_of(name).is_run for name in names):
        notes.append("run.py writes every run of signs (***) with the same length")
    return notes


def _classifier(model: Any, head: Head) -> tuple[dict[str, object], list[str]]:
    """Return what the runner is told of a classifier."""
    bias = model.head.bias.detach().float().cpu().tolist()
    return {"classes": head.classes, "thresholds": head.thresholds, "of_no_text": bias}, []


def _answers_of(runner: Path, notes: list[str], *, is_tagger: bool) -> Callable[[Sequence[Prompt]], list[Completion]]:
    def answers(prompts: Sequence[Prompt]) -> list[Completion]:
        spec = importlib.util.spec_from_file_location("tunecurve_exported_runner", runner)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        n_glued = sum(any(glued_characters(prompt.source)) for prompt in prompts) if is_tagger else 0
        if n_glued:
            notes.append(
                f"{n_glued} of the texts asked have a script without blanks between words: run.py takes the tokenizer's words there, "
                "the tagger characters"
            )
        return [Completion(module.answer(prompt.source), "end") for prompt in prompts]

    return answers
