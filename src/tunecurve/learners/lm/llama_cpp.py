"""A GGUF file, asked by llama.cpp where it is installed (extra `gguf`)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tunecurve.learners.completion import Completion, StopReason
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.learners.lm.decoding.generate import AnswerLimits
from tunecurve.prompts import Prompt

PACKAGE = "xllamacpp"
AT_A_TIME = 4


def has_llama_cpp() -> bool:
    """Return whether llama.cpp is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def version() -> str:
    """Return llama.cpp's name with the version of its package."""
    return f"llama.cpp ({PACKAGE} {importlib.metadata.version(PACKAGE)})"


class LlamaCpp:
    """A GGUF file in llama.cpp, on the processor; greedy, prompts as texts that llama.cpp itself cuts into tokens.

    Attributes
    ----------
    n_other_tokens : int
        Prompts, of those asked, that llama.cpp cut into another number of tokens than the tuned model's tokenizer.
    """

    def __init__(self, path: Path, encoder: ChatEncoder, limits: AnswerLimits, threads: int | None = None) -> None:
        self.path, self.encoder, self.limits, self.threads = path, encoder, limits, threads
        self.n_other_tokens = 0

    def answers(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Return the answers in the order of the prompts."""
        if not prompts:
            return []
        caps = [self.limits.cap(self.encoder.count_tokens(prompt.source)) for prompt in prompts]
        lengths = [len(self.encoder.prompt_ids(prompt)) for prompt in prompts]
        server = self._server(max(length + cap for length, cap in zip(lengths, caps, strict=True)))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            replies = list(pool.map(lambda pair: self._ask(server, *pair), zip(prompts, caps, strict=True)))
        counted = [reply["usage"]["prompt_tokens"] for reply in replies]
        self.n_other_tokens = sum(there != here for there, here in zip(counted, lengths, strict=True))
        return [self._completion(reply) for reply in replies]

    def _server(self, longest: int) -> Any:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.n_parallel = AT_A_TIME
        params.n_ctx = AT_A_TIME * 256 * math.ceil((longest + 8) / 256)
        params.n_gpu_layers = 0
        params.warmup = False
        params.verbosity = -1
        if self.threads is not None:
            params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.threads
        return xllamacpp.Server(params)

    def _ask(self, server: Any, prompt: Prompt, cap: int) -> Mapping[str, Any]:
        text = without_lead(self.encoder, self.encoder.prompt_text(prompt))
        return server.handle_completions(
            {"prompt": text, "max_tokens": cap, "temperature": 0.0, "repeat_penalty": 1.0, "cache_prompt": True}
        )

    def _completion(self, reply: Mapping[str, Any]) -> Completion:
        choice, usage = reply["choices"][0], reply["usage"]
        reason: StopReason = "length" if choice["finish_reason"] == "length" else "end"
        text = choice["text"].removeprefix(self.encoder.answer_lead)
        return Completion(text, reason, usage["prompt_tokens"], usage["completion_tokens"])


def without_lead(encoder: ChatEncoder, text: str) -> str:
    """Return a prompt's text without the token for the beginning, which llama.cpp sets itself."""
    return text.removeprefix(encoder.tokenizer.decode(encoder.lead_ids)) if encoder.lead_ids else text
