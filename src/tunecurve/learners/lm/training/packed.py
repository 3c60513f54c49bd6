"""The fast way of one training step: prefix and rows in one packed sequence, each token computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tunecurve.learners.lm.attention import TrainingView
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.training.fused import answer_loss, plain_head


@dataclass(frozen=True)
class PackedBatch:
    """One step's rows behind their prefix.

    Attributes
    ----------
    token_ids, position_ids : Tensor of shape (1, tokens)
        Positions are those of each row standing alone behind the prefix.
    loss_places : Tensor of shape (answer tokens,)
        Where the next token is an answer's.
    labels : Tensor of shape (answer tokens,)
        Those next tokens.
    view : TrainingView
        Who sees whom.
    """

    token_ids: torch.Tensor
    position_ids: torch.Tensor
    loss_places: torch.Tensor
    labels: torch.Tensor
    view: TrainingView


def pack(examples: Sequence[EncodedExample], n_prefix: int) -> PackedBatch:
    """Return the examples, which share their first `n_prefix` tokens, as one sequence."""
    token_ids = list(examples[0].token_ids[:n_prefix])
    position_ids = list(range(n_prefix))
    loss_places: list[int] = []
    labels: list[int] = []
    for example in examples:
        token_ids += example.token_ids[n_prefix:]
        position_ids += range(n_prefix, len(example.token_ids))
        loss_places += range(len(token_ids) - example.n_answer - 1, len(token_ids) - 1)
        labels += example.token_ids[-example.n_answer :]
    view = TrainingView(n_prefix, [len(example.token_ids) - n_prefix for example in examples])
    return PackedBatch(
        torch.tensor([token_ids]), torch.tensor([position_ids]), torch.tensor(loss_places), torch.tensor(labels), view
    )


def loss_packed(model: Any, examples: Sequence[EncodedExample], n_prefix: int) -> torch.Tensor:
    """Return the mean loss of the answers; inside `packed_attention(model)` only."""
    batch = pack(examples, n_prefix)
    inputs = {"input_ids": batch.token_ids, "position_ids": batch.position_ids, "use_cache": False}
    head = plain_head(model)
    if head is not None:
        hidden = model.get_decoder()(**inputs, packed=batch.view).last_hidden_state
        return answer_loss(hidden[0, batch.loss_places], head, batch.labels)
    logits = model(**inputs, logits_to_keep=batch.loss_places, packed=batch.view).logits
    return torch.nn.functional.cross_entropy(logits[0].float(), batch.labels)
