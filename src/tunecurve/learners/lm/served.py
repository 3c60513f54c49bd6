"""A local model for which the user's own vLLM server answers: tuned on this machine, its adapters handed to the server.

Prompted and tuned, all answers come from the server, so that one curve compares like with like. Before the first answer
the server is asked whether it serves the same model, has the adapter upon it, and makes the same tokens of a prompt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunecurve.errors import ModelError
from tunecurve.findings import Finding
from tunecurve.learners.base import Completion
from tunecurve.learners.hosted.account import Account
from tunecurve.learners.hosted.known_models import findings_on
from tunecurve.learners.hosted.learner import HostedLearner
from tunecurve.learners.hosted.transport.access import check_access
from tunecurve.learners.hosted.transport.gateway import GatewayOptions
from tunecurve.learners.hosted.vllm_server import VLLM, VllmServer
from tunecurve.learners.lm.context import check_context
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.privacy.redact import redact
from tunecurve.prompts import Prompt
from tunecurve.spec.prompt import AnswerSpec
from tunecurve.storage.files import sha256_of


class ServedLearner(LocalLearner):
    """A `LocalLearner`, with its parameters, that is tuned here and answers from a vLLM server."""

    def __init__(self, *arguments: Any, account: Account, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.account = account

    def __getstate__(self) -> dict[str, object]:
        """Travel without the open ledger; a worker opens it itself."""
        account = self.account
        return {**super().__getstate__(), "account": (account.settings, account.study, account.ledger_path)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in a worker."""
        super().__setstate__({**state, "account": Account(*state["account"])})

    def identity(self) -> dict[str, object]:
        """Return what determines the answers: the weights, and that a server decodes them."""
        served_as = self.account.settings.vllm.served_as or self.name
        own = {key: value for key, value in super().identity().items() if key != "batch_size"}
        return {**own, "decoding": "greedy, by vLLM", "adapters": "LoRA modules of the server", "served_as": served_as}

    def check_access(self, *, will_tune: bool = False) -> None:
        """Raise EnvironmentProblem when the server's address is not set; makes no network call."""
        VllmServer(self.account.settings.vllm)
        check_access(VLLM, self.name, self.account.settings, will_tune=False)

    def model_findings(self) -> list[Finding]:
        """Return that a server answers, and whether texts go to it in the clear."""
        address = redact(VLLM.base_url() or "") or "$VLLM_BASE_URL, which is not set"
        note = Finding("served", f"'{self.name}' is tuned here; the server at {address} answers for it", is_note=True)
        return [note, *findings_on(self.name, VLLM, is_priced=True)]

    def predict_stream(self, prompts: Sequence[Prompt], done: Collection[int] = ()) -> Iterator[tuple[int, Completion]]:
        """Yield (index, answer) for every prompt not in `done`, as the server answers."""
        check_context(self.name, self.context_length(), map(self.lengths, prompts))
        server = VllmServer(self.account.settings.vllm, self.account.on_message)
        model, is_loaded_now = self._ready_at(server, prompts)
        try:
            yield from _Answers(self, model).predict_stream(prompts, done)
        finally:
            if is_loaded_now:
                server.take_back(model)

    def _ready_at(self, server: VllmServer, prompts: Sequence[Prompt]) -> tuple[str, bool]:
        """Return the server's name of what answers, and whether it was loaded for this."""
        base = server.base_model(self.name)
        longest = server.longest(base) or self.context_length()
        for number, prompt in enumerate(prompts, start=1):
            if (needed := self.tokens_needed(prompt)) > longest:
                raise ModelError(
                    f"a prompt and its answer need {needed} tokens, and the server takes {longest} (test row {number}); start "
                    "it with a larger --max-model-len, or use fewer --shots"
                )
        model, is_loaded_now = base, False
        if self.adapter_folder is not None:
            model, is_loaded_now = server.give(adapter_name(self.adapter_folder), self._folder_there(), base)
        if prompts:
            messages = [{"role": message.role, "content": message.content} for message in prompts[0].messages]
            server.check_tokens(model, messages, self.encoder.prompt_ids(prompts[0]))
        return model, is_loaded_now

    def _folder_there(self) -> str:
        """Return the adapter's folder as the server sees it."""
        assert self.adapter_folder is not None
        folder = self.adapter_folder.absolute()
        there = self.account.settings.vllm.run_folder
        if there is None:
            return str(folder)
        trial, trials = folder.parent, folder.parent.parent
        return f"{there.rstrip('/')}/{trials.name}/{trial.name}/{folder.name}"

    def answer_cap(self, source: str) -> int:
        """Return the most tokens of an answer, its end token included."""
        return self.limits.cap(self.encoder.count_tokens(source)) + 1


class _Answers(HostedLearner):
    """What a model at the server answers: greedily, cut where local decoding would cut."""

    def __init__(self, served: ServedLearner, model: str) -> None:
        super().__init__(served.name, VLLM.with_model(model), AnswerSpec(), served.account)
        self.served = served

    def identity(self) -> dict[str, object]:
        return {**super().identity(), "weights_sha256": self.served.files.weights_sha256}

    def _options(self) -> GatewayOptions:
        options = super()._options()
        return replace(options, temperature=0.0, top_p=None, top_k=None, seed=None, batch=False, api="chat")

    def _answer_cap(self, source: str) -> int:
        return self.served.answer_cap(source)


def adapter_name(folder: Path) -> str:
    """Return the name under which an adapter is known at a server: it stands for its content, so that none is taken for another."""
    return f"tunecurve-{sha256_of(folder / 'adapter_model.safetensors')[:12]}"
