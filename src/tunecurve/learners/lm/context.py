"""Whether prompts and their longest answers fit into a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunecurve.errors import ModelError
from tunecurve.prompts import Prompt

if TYPE_CHECKING:
    from tunecurve.learners.lm.learner import LocalLearner


def check_context(learner: LocalLearner, prompts: Sequence[Prompt]) -> None:
    """Refuse prompts that with their longest answer do not fit into the model."""
    for number, prompt in enumerate(prompts, start=1):
        n_prompt = len(learner.encoder.prompt_ids(prompt))
        needed = n_prompt + learner.cap_of(prompt)
        if needed > learner.context_length():
            raise ModelError(
                f"a prompt of {n_prompt} tokens and its answer need {needed} tokens, but {learner.name} takes "
                f"{learner.context_length()} (test row {number}); use fewer --shots, a shorter prompt, or "
                "a smaller data.max_tokens"
            )
