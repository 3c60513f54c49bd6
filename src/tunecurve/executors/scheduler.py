"""Which trial starts next: one after the other the cheapest first; where several run at once a cheap one, then the longest first.

Cheapest first, there is soon something to see: a point of the curve after seconds, not behind a slow model's answers.

Longest first keeps the end short: what is still running when the queue is empty is small (Graham's list scheduling, R. L.
Graham, 1969: within 4/3 of the best for trials of any lengths). A trial whose worker is lost goes back to its position.
This module knows nothing of processes, machines and files.
"""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Mapping, Sequence

from tunecurve.study.plan import PlannedTrial, Trial

MOST_LOSSES = 5


def longest_first(planned: Sequence[PlannedTrial], seconds: Mapping[Trial, float]) -> list[PlannedTrial]:
    """Return the trials by estimated length, longest first; trials of one length stay in the plan's order."""
    return sorted(planned, key=lambda item: -seconds.get(item.trial, 0.0))


def cheapest_first(
    planned: Sequence[PlannedTrial], seconds: Mapping[Trial, float], same_training: Sequence[Hashable] = ()
) -> list[PlannedTrial]:
    """Return the trials by estimated length, shortest first; those of one learner stay in the plan's order.

    Parameters
    ----------
    planned, seconds
        The trials, and about how long each takes.
    same_training : sequence of hashable, optional
        For every trial what is equal where the training is the same, else None: the first of them trains, and stays first.
    """
    longest: dict[Hashable, float] = {}
    ordered = []
    for item, training in zip(planned, same_training or [None] * len(planned), strict=True):
        groups = [("learner", item.trial.learner), *([("training", training)] if training is not None else [])]
        cost = max([seconds.get(item.trial, 0.0), *(longest.get(group, 0.0) for group in groups)])
        longest |= dict.fromkeys(groups, cost)
        ordered.append((cost, item))
    return [item for _, item in sorted(ordered, key=lambda pair: pair[0])]


class Schedule:
    """The trials that are left, and what is known about whether they work at all.

    Until one trial has ended well, one runs at a time, cheapest first: a wrong setting shows after minutes on one
    worker, not after hours on all of them.

    Parameters
    ----------
    planned : sequence of PlannedTrial
        What is to run.
    seconds : mapping of Trial to float
        About how long each takes.
    is_proven : bool, default False
        Whether a trial of this study has ended well before.
    most_losses : int, default 5
        How often the worker of one trial may be lost before the trial is given up.
    """

    def __init__(
        self,
        planned: Sequence[PlannedTrial],
        seconds: Mapping[Trial, float],
        *,
        is_proven: bool = False,
        most_losses: int = MOST_LOSSES,
    ) -> None:
        self._items = longest_first(planned, seconds)[::-1]
        self._position = {item.trial: position for position, item in enumerate(self._items)}
        self._waiting = list(range(len(self._items)))  # positions, cheapest first; always sorted
        self._running: set[int] = set()
        self._losses: dict[int, int] = {}
        self._is_proven = is_proven
        self.most_losses = most_losses

    @property
    def n_left(self) -> int:
        """Trials that have not ended: waiting and running."""
        return len(self._waiting) + len(self._running)

    @property
    def n_running(self) -> int:
        """Trials that were taken and have not come back."""
        return len(self._running)

    def take(self) -> PlannedTrial | None:
        """Return the trial to start now; None when nothing may start."""
        if not self._waiting or (not self._is_proven and self._running):
            return None
        position = self._waiting.pop() if self._is_proven else self._waiting.pop(0)
        self._running.add(position)
        return self._items[position]

    def ended(self, item: PlannedTrial, *, well: bool) -> None:
        """Note that a trial has ended."""
        self._running.discard(self._position[item.trial])
        self._is_proven = self._is_proven or well

    def lost(self, item: PlannedTrial) -> bool:
        """Note that a trial's worker is gone; return whether the trial will be started again."""
        position = self._position[item.trial]
        self._running.discard(position)
        self._losses[position] = self._losses.get(position, 0) + 1
        if self._losses[position] > self.most_losses:
            return False
        bisect.insort(self._waiting, position)
        return True
