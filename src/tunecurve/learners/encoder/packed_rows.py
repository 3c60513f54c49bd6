"""Rows of a step without padding, one behind the other, and what dropout leaves out of it.

Padding is left only where a row's tokens look at each other: attention is a small part of a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

NEVER = torch.finfo(torch.float32).min


@dataclass(frozen=True)
class PackedRows:
    """Where the tokens of padded rows stand when the rows are packed."""

    n_rows: int
    longest: int
    places: torch.Tensor
    """For every token, its place among the padded ones, shape (tokens,)."""
    tokens: torch.Tensor
    """For every padded place its token; for padding the first one, shape (rows * longest,)."""
    positions: torch.Tensor
    """For every token, how many are before it in its row."""
    bias: torch.Tensor
    """Added to what tokens score padding: never looked at; shape (rows, 1, 1, longest), float32."""

    @classmethod
    def of(cls, mask: torch.Tensor) -> PackedRows:
        """Return them from a mask of padded rows, shape (rows, longest): 1 is a token, of which every row begins with its own."""
        n_rows, longest = mask.shape
        is_token = mask.bool()
        places = is_token.flatten().nonzero().flatten()
        tokens = torch.zeros(n_rows * longest, dtype=torch.long)
        tokens[places] = torch.arange(len(places))
        bias = torch.zeros(n_rows, 1, 1, longest).masked_fill_(~is_token[:, None, None, :], NEVER)
        return cls(n_rows, longest, places, tokens, places % longest, bias)

    def padded(self, packed: torch.Tensor) -> torch.Tensor:
        """Return packed vectors at their padded places, 0 elsewhere."""
        return packed.new_zeros(self.n_rows * self.longest, packed.shape[1]).index_copy_(0, self.places, packed)


class Dropout:
    """What is left out of one step, drawn in a tenth of the time that torch takes: 16 bits decide on a value.

    Parameters
    ----------
    seed : int
        The same seed leaves out the same.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.SFC64(seed)

    def factors(self, shape: tuple[int, ...], share: float) -> torch.Tensor | None:
        """Return 0 for about a share of the values and 1 / (1 - share) for the others, float32; None: nothing is left out."""
        if not share:
            return None
        n_values = int(np.prod(shape))
        drawn = self._bits.random_raw((n_values + 3) // 4).view(np.int16)[:n_values]
        n_left_out = round(share * 2**16)
        kept = torch.from_numpy((drawn >= np.int16(n_left_out - 2**15)).view(np.uint8))
        return kept.view(shape).float().mul_(2**16 / (2**16 - n_left_out))
