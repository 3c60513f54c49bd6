"""The shared prefix: what all rows start with is computed once a step, with gradients, and expanded over the rows.

Exact, not an approximation: causal attention gives the prefix the same keys and values whatever follows, and the
gradients of all rows flow back through the one computation. Rows are padded on the left of their own part, so that
all answers end together and the model's own forward gives logits only there.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from tunecurve.learners.lm.chat_format import EncodedExample


@dataclass(frozen=True)
class RowBatch:
    """Rows without their shared prefix, padded on the left.

    Attributes
    ----------
    token_ids, is_token : Tensor of shape (rows, length)
        Ids and whether they are text (not padding).
    n_prefix : int
        Length of the prefix they follow.
    """

    token_ids: torch.Tensor
    is_token: torch.Tensor
    n_prefix: int

    @property
    def attention_mask(self) -> torch.Tensor:
        """Mask over prefix and rows, shape (rows, n_prefix + length)."""
        prefix = self.is_token.new_ones(len(self.is_token), self.n_prefix)
        return torch.cat([prefix, self.is_token], dim=1).long()

    @property
    def position_ids(self) -> torch.Tensor:
        """Positions as if each row stood alone behind the prefix, shape (rows, length)."""
        return self.n_prefix + (self.is_token.long().cumsum(dim=1) - 1).clamp(min=0)


def pad_rows(
    rows: Sequence[Sequence[int]], n_prefix: int, pad_id: int, device: torch.device, at_least: int = 0
) -> RowBatch:
    """Return the rows' ids behind the first `n_prefix`, padded on the left to one length, `at_least` or longer."""
    tails = [list(row[n_prefix:]) for row in rows]
    length = max(at_least, *map(len, tails))
    token_ids = torch.full((len(tails), length), pad_id, dtype=torch.long)
    is_token = torch.zeros((len(tails), length), dtype=torch.bool)
    for number, tail in enumerate(tails):
        token_ids[number, length - len(tail) :] = torch.tensor(tail)
        is_token[number, length - len(tail) :] = True
    return RowBatch(token_ids.to(device), is_token.to(device), n_prefix)


def prefix_cache(model: Any, prefix_ids: Sequence[int]) -> DynamicCache:
    """Run the prefix once and return its keys and values (batch of 1), with gradients if they are on."""
    device = next(model.parameters()).device
    cache = DynamicCache(config=model.config)
    ids = torch.tensor([list(prefix_ids)], device=device)
    model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def expand_cache(cache: DynamicCache, n_rows: int) -> DynamicCache:
    """Return the cache with each of its entries for `n_rows` rows; of a single entry views, not copies."""
    expanded = copy.copy(cache)
    expanded.layers = []
    for layer in cache.layers:
        view = copy.copy(layer)
        view.keys = _for_rows(layer.keys, n_rows)  # type: ignore[union-attr,arg-type]
        view.values = _for_rows(layer.values, n_rows)  # type: ignore[union-attr,arg-type]
        expanded.layers.append(view)
    return expanded


def _for_rows(heads: torch.Tensor, n_rows: int) -> torch.Tensor:
    return heads.expand(n_rows, -1, -1, -1) if len(heads) == 1 else heads.repeat_interleave(n_rows, dim=0)


def answer_labels(examples: Sequence[EncodedExample], n_kept: int, device: torch.device) -> torch.Tensor:
    """Return labels for the last `n_kept` positions, shape (rows, n_kept); -100 where no loss is taken.

    Decided by position: the last `n_answer` ids of each row, whatever their values.
    """
    labels = torch.full((len(examples), n_kept), -100, dtype=torch.long)
    for number, example in enumerate(examples):
        labels[number, n_kept - example.n_answer :] = torch.tensor(example.token_ids[-example.n_answer :])
    return labels.to(device)


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the answer tokens; logits are those one position before the labels."""
    return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=-100)


def answer_logits(
    model: Any, examples: Sequence[EncodedExample], n_prefix: int, pad_id: int, past: DynamicCache | None
) -> torch.Tensor:
    """Return the logits one position before the answers' tokens, shape (rows, longest answer, vocabulary).

    Parameters
    ----------
    n_prefix : int
        Leading tokens whose keys and values are in `past`, already expanded over the rows; 0 without `past`.
    """
    batch = pad_rows([example.token_ids for example in examples], n_prefix, pad_id, next(model.parameters()).device)
    output = model(
        input_ids=batch.token_ids,
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        past_key_values=past,
        use_cache=past is not None,
        logits_to_keep=max(example.n_answer for example in examples) + 1,
    )
    return output.logits[:, :-1]


def loss_plain(model: Any, examples: Sequence[EncodedExample], pad_id: int) -> torch.Tensor:
    """Return the loss the plain way: every row whole, the prefix computed for each."""
    logits = answer_logits(model, examples, 0, pad_id, None)
    return _loss(logits, answer_labels(examples, logits.shape[1], logits.device))


def loss_shared(model: Any, examples: Sequence[EncodedExample], n_prefix: int, pad_id: int) -> torch.Tensor:
    """Return the same loss with the first `n_prefix` tokens, equal in all rows, computed once."""
    if n_prefix == 0:
        return loss_plain(model, examples, pad_id)
    cache = prefix_cache(model, examples[0].token_ids[:n_prefix])
    logits = answer_logits(model, examples, n_prefix, pad_id, expand_cache(cache, len(examples)))
    return _loss(logits, answer_labels(examples, logits.shape[1], logits.device))
