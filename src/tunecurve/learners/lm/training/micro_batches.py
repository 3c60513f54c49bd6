"""Batches that do not fit into memory, computed in parts: the gradients of all parts together are those of the whole batch.

A batch's loss is the mean over its answer tokens. So a part counts for its share of them, and the parts' gradients add up. Where one
row does not fit either, layers are computed again on the way back (`recomputed.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Batch = Mapping[int, Sequence[int]]


@dataclass
class MicroBatches:
    """How many rows are computed at once, and what of them is kept; shared by all that computes with one model."""

    rows_at_once: int | None = None
    """Most rows of a training that are computed at once; None: whole batches."""
    planned_for: str = ""
    """Why so many, where they were planned."""
    ran_out_at: list[int] = field(default_factory=list)
    """The numbers of rows for which memory did not suffice."""
    recomputes: bool = False
    """Whether layers are computed again on the way back instead of kept."""
    may_recompute: bool = True
    """Whether the model has layers of which that is known to be the same."""

    @property
    def said(self) -> str:
        """What was done, in words; empty where batches were computed whole and all of them was kept."""
        done = []
        if self.rows_at_once is not None:
            rows = "1 row" if self.rows_at_once == 1 else f"at most {self.rows_at_once} rows"
            done.append(f"batches in parts of {rows} of a training, their gradients added")
        if self.recomputes:
            done.append("layers computed again on the way back (activation checkpointing)")
        why = f"memory did not suffice for {self.ran_out_at[-1]}" if self.ran_out_at else self.planned_for
        return f"{', '.join(done)}: {why}" if done else ""

    @property
    def of_a_look(self) -> MicroBatches:
        """How a few rows are computed before the first step: with little memory where there is little."""
        return MicroBatches(1 if self.recomputes else None, self.planned_for, [], self.recomputes, self.may_recompute)

    def parts(self, batches: Batch) -> list[dict[int, Sequence[int]]]:
        """Return the rows of every part, evenly many; a training whose rows are all in other parts has none in a part."""
        most = max(map(len, batches.values()))
        if self.rows_at_once is None or most <= self.rows_at_once:
            return [dict(batches)]
        n_rows = math.ceil(most / math.ceil(most / self.rows_at_once))
        starts = range(0, most, n_rows)
        return [{number: rows[start : start + n_rows] for number, rows in batches.items()} for start in starts]

    def use_fewer(self, batches: Batch) -> bool:
        """Compute half as many rows at once from now on, because memory ran out; returns whether that is possible.

        Where it was one row, layers are computed again from now on, whole batches first.
        """
        most = max(len(rows) for rows in self.parts(batches)[0].values())
        self.ran_out_at.append(most)
        if most > 1:
            self.rows_at_once = most // 2
            return True
        if self.recomputes or not self.may_recompute:
            return False
        self.recomputes, self.rows_at_once = True, None
        return True


def shares(parts: Sequence[Batch], n_answer: Mapping[int, Sequence[int]]) -> Iterator[list[float]]:
    """Yield what each part counts for in every training's mean loss: its share of the batch's answer tokens.

    Parameters
    ----------
    parts : sequence of mapping of int to sequence of int
        The rows of each part by training.
    n_answer : mapping of int to sequence of int
        Answer tokens of every row of the trainings.
    """
    totals = {number: sum(n_answer[number][row] for part in parts for row in part[number]) for number in parts[0]}
    for part in parts:
        yield [sum(n_answer[number][row] for row in rows) / totals[number] for number, rows in part.items()]
