"""A tuned language model in other formats: safetensors for transformers and vLLM, GGUF for llama.cpp and Ollama."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch

from tunecurve.errors import how_to_install
from tunecurve.learners.base import Learner, predict
from tunecurve.learners.completion import Completion
from tunecurve.learners.converted import ConvertedModel, ModelFormat
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.learners.lm.decoding.generate import AnswerLimits
from tunecurve.learners.lm.gguf_file import write_gguf
from tunecurve.learners.lm.llama_cpp import LlamaCpp, has_llama_cpp, version, without_lead
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import from_folder
from tunecurve.learners.torch.whole_models import read_gguf
from tunecurve.prompts import Prompt

Answers = Callable[[Sequence[Prompt]], list[Completion]]


class TunedLanguageModel(Protocol):
    """What is written: `LocalLearner`, as far as it is needed here."""

    name: str
    encoder: ChatEncoder
    limits: AnswerLimits
    compute: Compute

    def merged(self) -> Any:
        """Return the model in float32 with its adapter merged."""

    def save_merged(self, destination: Path) -> None:
        """Write it with its tokenizer."""

    def answering_with(
        self, tokenizer: Any, *, files: ModelFiles | None = None, model: Any = None, compute: Compute | None = None
    ) -> Learner:
        """Return the learner with other weights."""
        ...


def convert(learner: TunedLanguageModel, kind: ModelFormat, folder: Path) -> ConvertedModel:
    """Write a tuned model into a folder; see `Learner.convert`."""
    if kind == "safetensors":
        return _as_safetensors(learner, folder)
    notes: list[str] = []
    encoder, stored = learner.encoder, kind.removeprefix("gguf-")
    path = folder / f"model-{stored}.gguf"
    write_gguf(learner.merged(), encoder, path, stored, learner.name)
    if has_llama_cpp():
        engine = LlamaCpp(path, encoder, learner.limits, learner.compute.threads)
        answers, answered_by = _llama_cpp_answers(engine, notes), version()
    else:
        answers, answered_by = _read_back_answers(learner, path)
        notes.append(
            "llama.cpp is not installed here: the file was read back by transformers, and llama.cpp itself was not asked; "
            f"{how_to_install('gguf')}, and export again to ask it"
        )
    template = encoder.template
    if template is not None and (template.options or template.prompt_end or not template.takes_system):
        notes.append(
            "the chat template is used in a way of its own (thinking off, or the instruction in the user's turn): the Modelfile "
            "writes prompts so, a server that renders the template itself may not"
        )
    reads, stops = _reads(encoder), (encoder.tokenizer.decode([encoder.end_token_id]),)
    return ConvertedModel([path], answers, answered_by, notes, reads, stops)


def _reads(encoder: ChatEncoder) -> Callable[[Prompt], str]:
    return lambda prompt: without_lead(encoder, encoder.prompt_text(prompt))


def _as_safetensors(learner: TunedLanguageModel, folder: Path) -> ConvertedModel:
    learner.save_merged(folder)
    saved = [path for path in folder.iterdir() if path.is_file()]
    again = learner.answering_with(_tokenizer(folder), files=from_folder(str(folder), folder, "export"))
    weights = [
        path for path in (folder / "model.safetensors", *sorted(folder.glob("model-*.safetensors"))) if path.exists()
    ]
    beside = sorted(path for path in saved if path not in weights)
    dtype = str(learner.compute.dtype).removeprefix("torch.")
    return ConvertedModel(
        [*weights, *beside], _answers_of(again), f"transformers, {dtype}", reads=learner.encoder.prompt_text
    )


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def _llama_cpp_answers(engine: LlamaCpp, notes: list[str]) -> Answers:
    def answers(prompts: Sequence[Prompt]) -> list[Completion]:
        found = engine.answers(prompts)
        if engine.n_other_tokens:
            notes.append(
                f"llama.cpp cuts {engine.n_other_tokens} of {len(prompts)} prompts into another number of tokens than the "
                "tokenizer that the model was tuned with"
            )
        return found

    return answers


def _read_back_answers(learner: TunedLanguageModel, path: Path) -> tuple[Answers, str]:
    model, tokenizer = read_gguf(path)
    compute = replace(learner.compute, device=torch.device("cpu"), dtype=torch.float32)
    again = learner.answering_with(tokenizer, model=model.eval().requires_grad_(False), compute=compute)
    return _answers_of(again), "transformers, from the GGUF file"


def _answers_of(learner: Learner) -> Answers:
    return lambda prompts: predict(learner, prompts)
