"""Which way a training step is computed: the fastest that gives the plain way's loss and gradients on this model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tunecurve.learners.lm.attention import packed_attention
from tunecurve.learners.lm.chat_format import EncodedExample, common_prefix_length
from tunecurve.learners.lm.prefix import loss_plain, loss_shared
from tunecurve.learners.lm.training.fused import fused_modules
from tunecurve.learners.lm.training.packed import loss_packed
from tunecurve.learners.torch.checkpoint import trainable_parameters

MIN_SHARED_PREFIX = 8
# All ways add up the same numbers in another order; bfloat16 has 8 significant bits.
LOSS_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 3e-2}
GRADIENT_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 1e-1}
# What a model raises that cannot be computed a certain way.
NOT_ALLOWED = (RuntimeError, TypeError, AttributeError, ValueError, KeyError, IndexError)


@dataclass(frozen=True)
class Way:
    """One way to compute the loss of a step.

    Attributes
    ----------
    description : str
        What it is, and what its check showed.
    n_prefix : int
        Tokens that are computed once a step; 0 on the plain way.
    loss : callable
        (model, rows) to the mean loss of the answer tokens; inside `prepared` only.
    prepared : callable
        Model to the context in which `loss` works.
    """

    description: str
    n_prefix: int
    loss: Callable[[Any, Sequence[EncodedExample]], torch.Tensor]
    prepared: Callable[[Any], Any]


def shared_prefix_length(examples: Sequence[EncodedExample]) -> int:
    """Return how many leading prompt tokens all examples share; 0 when too few to pay."""
    shared = common_prefix_length([example.token_ids[: -example.n_answer] for example in examples])
    return shared if shared >= MIN_SHARED_PREFIX else 0


@contextmanager
def _as_it_is(model: Any) -> Iterator[None]:
    yield


@contextmanager
def _packed_and_fused(model: Any) -> Iterator[None]:
    with packed_attention(model), fused_modules(model):
        yield


def plain_way(pad_id: int, reason: str) -> Way:
    """Return the reference: every row whole, stock transformers and PEFT."""
    return Way(f"plain: {reason}", 0, lambda model, rows: loss_plain(model, rows, pad_id), _as_it_is)


def fast_ways(n_prefix: int, pad_id: int, device: torch.device) -> list[Way]:
    """Return the ways that compute the shared prefix once, the fastest first."""
    packed = Way(
        f"packed rows behind a shared prefix of {n_prefix} tokens",
        n_prefix,
        lambda model, rows: loss_packed(model, rows, n_prefix),
        _packed_and_fused,
    )
    cached = Way(
        f"cached shared prefix of {n_prefix} tokens",
        n_prefix,
        lambda model, rows: loss_shared(model, rows, n_prefix, pad_id),
        _as_it_is,
    )
    return [packed, cached] if device.type == "cpu" else [cached]


def choose_way(model: Any, examples: Sequence[EncodedExample], pad_id: int) -> Way:
    """Return the fastest way whose loss and gradients on two rows equal the plain way's.

    Parameters
    ----------
    model : peft.PeftModel
        With its untrained adapters; left as it is.
    examples : sequence of EncodedExample
        All training rows; two of them are computed.
    pad_id : int
        Token for padding.
    """
    n_prefix = shared_prefix_length(examples)
    if n_prefix == 0:
        return plain_way(pad_id, "the rows share no prefix worth sharing")
    few = examples[:2]
    was_training = model.training
    model.eval()  # dropout would make two ways of one loss differ
    failures: list[str] = []
    try:
        expected = loss_and_gradients(model, plain_way(pad_id, "reference"), few)
        base = model.get_base_model()
        for way in fast_ways(n_prefix, pad_id, base.device):
            failure = _difference(model, way, few, expected, base.dtype)
            if failure is None:
                described = f"{way.description}; loss and gradients equal the plain way's"
                return Way("; ".join([described, *failures]), n_prefix, way.loss, way.prepared)
            failures.append(f"not {way.description}: {failure}")
        return plain_way(pad_id, "; ".join(failures))
    finally:
        model.train(was_training)


def loss_and_gradients(
    model: Any, way: Way, examples: Sequence[EncodedExample]
) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the loss of the examples and its gradients, by the adapters' names."""
    parameters = trainable_parameters(model)
    base = model.get_base_model()
    with way.prepared(base):
        loss = way.loss(base, examples)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    found = zip(parameters.items(), gradients, strict=True)
    return float(loss.detach()), {
        name: torch.zeros_like(parameter) if gradient is None else gradient for (name, parameter), gradient in found
    }


def _difference(
    model: Any,
    way: Way,
    examples: Sequence[EncodedExample],
    expected: tuple[float, dict[str, torch.Tensor]],
    dtype: torch.dtype,
) -> str | None:
    """Return why the way cannot be used, or None when it gives what is expected."""
    try:
        loss, gradients = loss_and_gradients(model, way, examples)
    except NOT_ALLOWED as error:
        return f"this model does not allow it ({type(error).__name__})"
    return difference_between((loss, gradients), expected, dtype)


def difference_between(
    found: tuple[float, dict[str, torch.Tensor]], expected: tuple[float, dict[str, torch.Tensor]], dtype: torch.dtype
) -> str | None:
    """Return how loss and gradients differ from the expected ones; None where they are equal within the precision."""
    loss, gradients = found
    in_loss = abs(loss - expected[0]) / max(abs(expected[0]), 1e-12)
    if not in_loss <= LOSS_TOLERANCE[dtype]:
        return f"another loss (relative difference {in_loss:.1e})"
    size = sum(float(gradient.square().sum()) for gradient in expected[1].values()) ** 0.5
    apart = sum(float((gradients[name] - gradient).square().sum()) for name, gradient in expected[1].items()) ** 0.5
    if not apart <= GRADIENT_TOLERANCE[dtype] * max(size, 1e-12):
        return f"other gradients (relative difference {apart / max(size, 1e-12):.1e})"
    return None
