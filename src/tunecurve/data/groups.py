"""Rows by group, in arrays."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tunecurve.data.rows import Row

_BYTES_COMPARED = 32
_ROWS_AT_ONCE = 100_000
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Groups:
    """Rows by group, in arrays: of two million rows most are groups of their own."""

    members: IntArray
    """Row indices, those of a group side by side."""
    begins: IntArray
    sizes: IntArray
    """Where each group begins, and how many rows it has."""

    @classmethod
    def of(cls, rows: Sequence[Row], order: IntArray) -> Groups:
        """Return the groups in the order of their names, the rows of each in an order.

        Names are compared by their first bytes, and as a whole only where these are alike: UTF-8 keeps the order of characters.
        """
        starts = np.empty(len(rows), dtype=f"S{_BYTES_COMPARED}")
        for position, index in enumerate(order):
            starts[position] = rows[index].group.encode("utf-8", "surrogatepass")[:_BYTES_COMPARED]
        by_name = np.argsort(starts, kind="stable").astype(np.int32)
        is_first = np.ones(len(rows), dtype=bool)
        for begin in range(1, len(rows), _ROWS_AT_ONCE):
            some = starts[by_name[begin - 1 : begin + _ROWS_AT_ONCE]]
            is_first[begin : begin + _ROWS_AT_ONCE] = some[1:] != some[:-1]
        del starts
        runs = np.append(np.flatnonzero(is_first), len(rows))
        for number in np.flatnonzero(np.diff(runs) > 1):
            begin, end = runs[number], runs[number + 1]
            named = sorted((rows[order[position]].group, place) for place, position in enumerate(by_name[begin:end]))
            by_name[begin:end] = by_name[begin:end][[place for _, place in named]]
            is_first[begin + 1 : end] = [name != before for (before, _), (name, _) in itertools.pairwise(named)]
        begins = np.flatnonzero(is_first).astype(np.int32)
        return cls(order[by_name], begins, np.diff(begins, append=np.int32(len(rows))))

    def shuffled(self, generator: np.random.Generator) -> Groups:
        """Return the groups in a random order."""
        order = shuffled(len(self.begins), generator)
        return Groups(self.members, self.begins[order], self.sizes[order])

    def largest_last(self, n_largest: int) -> Groups:
        """Return the groups in their order, but with the largest ones behind, the largest last."""
        by_size = np.argsort(self.sizes, kind="stable")
        last = by_size[len(by_size) - n_largest :]
        order = np.append(np.setdiff1d(np.arange(len(self)), last), last)
        return self if n_largest == 0 else Groups(self.members, self.begins[order], self.sizes[order])

    def __len__(self) -> int:
        return len(self.begins)

    def first(self, number: int, n_most: int) -> list[int]:
        """Return the first rows of a group."""
        begin = self.begins[number]
        return self.members[begin : begin + min(n_most, self.sizes[number])].tolist()

    def members_from(self, number: int) -> IntArray:
        """Return the rows of a group and all behind it."""
        begins, sizes = self.begins[number:], self.sizes[number:]
        before = np.cumsum(sizes, dtype=np.int32) - sizes
        return self.members[np.repeat(begins - before, sizes) + np.arange(int(sizes.sum()), dtype=np.int32)]


def shuffled(n: int, generator: np.random.Generator) -> IntArray:
    """Return 0 to n - 1 in a random order, in half the memory."""
    return generator.permutation(n).astype(np.int32)
