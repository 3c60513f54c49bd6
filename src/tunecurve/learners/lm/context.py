"""Whether prompts and their longest answers fit into a language model."""

from __future__ import annotations

from collections.abc import Iterable

from tunecurve.errors import ModelError


def check_context(name: str, context_length: int, lengths: Iterable[tuple[int, int]]) -> None:
    """Refuse prompts that with their longest answer do not fit into the model; `lengths` has both, in tokens, of every prompt."""
    for number, (n_prompt, n_answer) in enumerate(lengths, start=1):
        needed = n_prompt + n_answer
        if needed > context_length:
            raise ModelError(
                f"a prompt of {n_prompt} tokens and its answer need {needed} tokens, but {name} takes "
                f"{context_length} (test row {number}); use fewer --shots, a shorter prompt, or "
                "a smaller data.max_tokens"
            )
