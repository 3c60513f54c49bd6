"""Which of several implementations is used: the fastest that gives the reference's numbers on this model and these rows.

The last candidate is the reference itself. Why each faster one was passed over is part of the choice, and of what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from subprocess import CalledProcessError
from typing import Generic, TypeVar

import torch

from tunecurve.learners.torch.device import is_out_of_memory

T = TypeVar("T")

REFERENCE = "reference"
# All backends add up the same numbers in another order; bfloat16 has 8 significant bits.
LOSS_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 3e-2}
GRADIENT_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 1e-1}
# What a model raises that cannot be computed a certain way; the last where kernels cannot be compiled.
_NOT_ALLOWED = (
    RuntimeError,
    TypeError,
    AttributeError,
    ValueError,
    KeyError,
    IndexError,
    ImportError,
    CalledProcessError,
)


class NotUsable(Exception):
    """A candidate gives other numbers than the reference, or does not apply; the message says what was found."""


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """An implementation."""

    name: str
    """Its name, such as ``packed``."""
    description: str
    """What it does."""
    verified: Callable[[], T]
    """Returns it once it has been compared with the reference; raises `NotUsable`, or whatever the model raises."""


@dataclass(frozen=True)
class Choice(Generic[T]):
    """What was chosen."""

    name: str
    """Name of the candidate."""
    chosen: T
    """What its `verified` returned."""
    said: str
    """What it does, what its comparison showed, and why each faster one was passed over."""
    is_fastest: bool
    """Whether nothing faster was passed over."""


def choose(candidates: Sequence[Candidate[T]], compared: str) -> Choice[T]:
    """Return the first candidate, the fastest first, that can be used.

    Raises
    ------
    NotUsable
        When none can be used; says why.
    """
    passed_over: list[str] = []
    for candidate in candidates:
        try:
            chosen = candidate.verified()
        except NotUsable as found:
            passed_over.append(f"not {candidate.name}: {found}")
        except _NOT_ALLOWED as error:
            if is_out_of_memory(error):
                raise
            passed_over.append(f"not {candidate.name}: this model does not allow it ({type(error).__name__})")
        else:
            is_reference = candidate.name == REFERENCE
            showed = [] if is_reference else [f"{compared} equal the {REFERENCE}'s"]
            said = "; ".join([f"{candidate.name}: {candidate.description}", *showed, *passed_over])
            return Choice(candidate.name, chosen, said, is_fastest=not passed_over)
    raise NotUsable("; ".join(passed_over))


def raise_difference(
    found: tuple[float, dict[str, torch.Tensor]], expected: tuple[float, dict[str, torch.Tensor]], dtype: torch.dtype
) -> None:
    """Raise `NotUsable` where loss and gradients differ from the expected ones by more than the precision."""
    loss, gradients = found
    in_loss = abs(loss - expected[0]) / max(abs(expected[0]), 1e-12)
    if not in_loss <= LOSS_TOLERANCE[dtype]:
        raise NotUsable(f"another loss (relative difference {in_loss:.1e})")
    size = sum(float(gradient.square().sum()) for gradient in expected[1].values()) ** 0.5
    apart = sum(float((gradients[name] - gradient).square().sum()) for name, gradient in expected[1].items()) ** 0.5
    if not apart <= GRADIENT_TOLERANCE[dtype] * max(size, 1e-12):
        raise NotUsable(f"other gradients (relative difference {apart / max(size, 1e-12):.1e})")
