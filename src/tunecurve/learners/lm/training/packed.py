"""The backend of CPUs: prefix and rows of a training step in one packed sequence, each token computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tunecurve.learners.lm.attention import TrainingView
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.training.fused import answer_loss, plain_head


@dataclass(frozen=True)
class PackedStep:
    """One step's rows behind their prefix."""

    token_ids: torch.Tensor
    position_ids: torch.Tensor
    """Positions are those of each row standing alone behind the prefix, shape (1, tokens)."""
    loss_positions: torch.Tensor
    """Where the next token is an answer's, shape (answer tokens,)."""
    labels: torch.Tensor
    """Those next tokens, shape (answer tokens,)."""
    view: TrainingView
    """Which tokens attend to which."""

    def to(self, device: torch.device) -> PackedStep:
        """Return it as it is: packed rows are computed where they are made, on the CPU."""
        return self


def pack(examples: Sequence[EncodedExample], n_prefix: int) -> PackedStep:
    """Return the examples, which share their first `n_prefix` tokens, as one sequence."""
    token_ids = list(examples[0].token_ids[:n_prefix])
    position_ids = list(range(n_prefix))
    loss_positions: list[int] = []
    labels: list[int] = []
    for example in examples:
        token_ids += example.token_ids[n_prefix:]
        position_ids += range(n_prefix, len(example.token_ids))
        loss_positions += range(len(token_ids) - example.n_answer - 1, len(token_ids) - 1)
        labels += example.token_ids[-example.n_answer :]
    view = TrainingView(n_prefix, [len(example.token_ids) - n_prefix for example in examples])
    return PackedStep(
        torch.tensor([token_ids]),
        torch.tensor([position_ids]),
        torch.tensor(loss_positions),
        torch.tensor(labels),
        view,
    )


def loss_packed(model: Any, step: PackedStep) -> torch.Tensor:
    """Return the mean loss of the answers, shape (1,); inside `packed_attention(model)` only."""
    inputs = {"input_ids": step.token_ids, "position_ids": step.position_ids, "use_cache": False}
    head = plain_head(model)
    if head is not None:
        hidden = model.get_decoder()(**inputs, packed=step.view).last_hidden_state
        return answer_loss(hidden[0, step.loss_positions], head, step.labels)[None]
    logits = model(**inputs, logits_to_keep=step.loss_positions, packed=step.view).logits
    return torch.nn.functional.cross_entropy(logits[0].float(), step.labels)[None]
