"""A tuned model in the format of other tools, and how it answers there: what it was measured on is asked of it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tunecurve.learners.completion import Completion
from tunecurve.prompts import Prompt

ModelFormat = Literal["safetensors", "gguf-f16", "gguf-q8_0", "onnx"]
FORMATS: tuple[ModelFormat, ...] = ("safetensors", "gguf-f16", "gguf-q8_0", "onnx")


@dataclass(frozen=True)
class ConvertedModel:
    """What was written."""

    files: list[Path]
    """The model's files, the model itself first."""
    answers: Callable[[Sequence[Prompt]], list[Completion]]
    """Answers prompts with the written files, in the order of the prompts."""
    answered_by: str
    """What reads the files for these answers, with its version."""
    notes: list[str] = field(default_factory=list)
    """What the written model does not do as the tuned one does, a sentence each."""
    reads: Callable[[Prompt], str] | None = None
    """Returns the text that a language model reads for a prompt, as a server of other tools is to be given it."""
    stops: tuple[str, ...] = ()
    """Texts with which a language model ends its answer."""
    knows: frozenset[str] | None = None
    """Labels or classes of its training rows, beside which it writes no other; None where it may write any text."""
