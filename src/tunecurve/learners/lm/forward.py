"""The forward pass of a model over packed tokens: transformers' own, or in few operations where the model's parts are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch

from tunecurve.learners.lm.attention import PackedView, packed_attention
from tunecurve.learners.lm.kv_cache import PrefixCache
from tunecurve.learners.lm.lean import LeanForward, has_known_parts

PACKED = "packed"


class Forward(Protocol):
    """Computes tokens that lie one after the other, a view saying which attend to which.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
        Of hidden states, keys and values.
    checked : dict
        The last prefix behind which the logits were checked, with its keys and values: for the next call.
    """

    device: torch.device
    dtype: torch.dtype
    checked: dict[tuple[int, ...], PrefixCache | None]

    def __call__(
        self, token_ids: Sequence[int], positions: Sequence[int], wanted: Sequence[int], view: PackedView
    ) -> torch.Tensor:
        """Return the logits at the wanted positions, shape (wanted, vocabulary)."""
        ...


class PackedForward:
    """transformers' forward.

    Parameters
    ----------
    model : transformers causal language model
        In evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self._model, self.device, self.dtype = model, model.device, model.dtype
        self.checked: dict[tuple[int, ...], PrefixCache | None] = {}

    def __call__(
        self, token_ids: Sequence[int], positions: Sequence[int], wanted: Sequence[int], view: PackedView
    ) -> torch.Tensor:
        """Return the logits at the wanted positions, shape (wanted, vocabulary)."""
        with torch.inference_mode(), packed_attention(self._model):
            output = self._model(
                input_ids=torch.tensor([token_ids], device=self.device),
                position_ids=torch.tensor([positions], device=self.device),
                use_cache=False,
                logits_to_keep=torch.tensor(wanted, device=self.device),
                packed=view,
            )
        return output.logits[0]


def forwards(model: Any) -> list[tuple[str, str, Callable[[], Forward]]]:
    """Return name, description and maker of every forward that a model may have, the fastest first."""
    lean = (f"{PACKED} in few operations", "weights laid out beforehand", lambda: LeanForward.of(model))
    packed = (PACKED, "", lambda: PackedForward(model))
    return [lean, packed] if has_known_parts(model) else [packed]
