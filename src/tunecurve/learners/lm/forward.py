"""The forward pass of a model over packed tokens: transformers' own, or in few operations where the model's parts are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import torch

from tunecurve.learners.lm.attention import PackedView, packed_attention
from tunecurve.learners.lm.kv_cache import PrefixCache
from tunecurve.learners.lm.lean import LeanForward, has_known_parts
from tunecurve.learners.torch.backend_choice import Candidate, Choice, choose

PACKED = "packed"
T = TypeVar("T")


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
    """transformers' forward of a causal language model in evaluation mode."""

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


def choose_forward(
    model: Any,
    what: str,
    verified: Callable[[Forward], T],
    reference: Candidate[T],
    *,
    compared: str,
    only: str | None = None,
) -> Choice[T]:
    """Return what is made with the fastest forward that gives the numbers of the reference, else the reference.

    Parameters
    ----------
    model : transformers causal language model
        In evaluation mode.
    what : str
        What is made with a forward, in words.
    verified : callable
        Makes it and compares it with the reference; see `Candidate`.
    reference : Candidate
        What needs no comparison.
    compared : str
        What is compared, e.g. ``"logits"``.
    only : str, optional
        Name of the one candidate to use; ``packed``: of any forward, but not the reference.
    """

    def candidate(name: str, more: str, make: Callable[[], Forward]) -> Candidate[T]:
        return Candidate(name, f"{what}, {more}" if more else what, lambda: verified(make()))

    packed = [candidate(*one) for one in forwards(model)]
    wanted = packed if only == PACKED else [one for one in [*packed, reference] if only in (None, one.name)]
    return choose(wanted, compared)
