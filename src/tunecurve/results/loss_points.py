"""The losses of a study's points: means over the same test rows, with intervals over their groups.

Rows that a trial had to leave out are left out of all points of its learner: losses of different sizes are compared, and rows
that differ would look like a curve. What a single trial could measure stands in its own entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.intervals import Jackknife, jackknife, mean_of_seeds, positive_interval, sums_by_group
from tunecurve.results.points import defined
from tunecurve.results.records.trials import MeanLoss, MeanTrainingLoss, PointLoss
from tunecurve.study.losses import TrialLoss, loss_statistics
from tunecurve.study.plan import PlannedTrial, PointKey, Trial
from tunecurve.study.trial_folder import LOSSES, TrialFolder

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class _Measured:
    """What a finished trial's losses are: what was said of them, and (nats, units) of every test row."""

    trial: Trial
    described: TrialLoss
    test: FloatArray
    is_measured: NDArray[np.bool_]


class LossPoints:
    """Makes the losses of points from those of trials; remembers the files that it has read.

    Parameters
    ----------
    groups : ndarray
        Number of each test row's group, shape (rows,).
    level : float
        Nominal coverage of the intervals.
    unit : {"groups", "rows"}
        What is left out in turn, in words.
    """

    def __init__(self, groups: NDArray[np.int_], level: float, unit: str) -> None:
        self.groups, self.level, self.unit = groups, level, unit
        self._read: dict[TrialFolder, _Measured | None] = {}

    def of_points(self, finished: Sequence[tuple[PlannedTrial, TrialLoss | None]]) -> dict[PointKey, PointLoss]:
        """Return the losses of the points all of whose trials have one."""
        by_learner: dict[str, list[_Measured]] = {}
        sizes = Counter(item.trial.key for item, _ in finished)
        for item, said in finished:
            measured = self._measured(item, said)
            if measured is not None:
                by_learner.setdefault(item.trial.learner, []).append(measured)
        found = {}
        for own in by_learner.values():
            for key in dict.fromkeys(item.trial.key for item in own):
                members = [item for item in own if item.trial.key == key]
                loss = self._describe(members, own) if len(members) == sizes[key] else None
                if loss is not None:
                    found[key] = loss
        return found

    def _measured(self, item: PlannedTrial, said: TrialLoss | None) -> _Measured | None:
        if item.folder not in self._read:
            if said is None or said.failure or not item.folder.has(LOSSES):
                self._read[item.folder] = None
            else:
                lines = item.folder.losses("test")
                is_measured = np.array([not line["left_out"] for line in lines], dtype=bool)
                self._read[item.folder] = _Measured(item.trial, said, loss_statistics(lines), is_measured)
        return self._read[item.folder]

    def _describe(self, members: Sequence[_Measured], own: Sequence[_Measured]) -> PointLoss | None:
        in_all = np.logical_and.reduce([item.is_measured for item in own])
        items = [self._jackknife(member, in_all) for member in members]
        mean = mean_of_seeds(items)
        if not np.isfinite(mean.estimate):
            return None
        low, high = positive_interval(mean, self.level)
        left_out = Counter[str]()
        for item in own:
            left_out |= Counter(item.described.test.left_out if item.described.test else {})
        nats = np.mean([member.test[in_all, 0].sum() for member in members])
        test = MeanLoss(
            mean=mean.estimate,
            low=defined(low),
            high=defined(high),
            level=self.level,
            method=f"delete-one jackknife over test {self.unit}" + (" and seeds" if len(items) > 1 else ""),
            by_seed=[item.estimate for item in items],
            per_row=float(nats / in_all.sum()),
            n_rows=int(in_all.sum()),
            left_out=dict(sorted(left_out.items())),
        )
        first = members[0].described
        return PointLoss(first.unit, first.note, test, _describe_training(members))

    def _jackknife(self, member: _Measured, rows: NDArray[np.bool_]) -> Jackknife:
        summed = sums_by_group(np.where(rows[:, None], member.test, 0.0), self.groups)
        return jackknife(summed, _nats_a_unit, summed[:, 1])


def _nats_a_unit(summed: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(summed[..., 1] > 0, summed[..., 0] / summed[..., 1], np.nan)


def _describe_training(members: Sequence[_Measured]) -> MeanTrainingLoss | None:
    sides = [member.described.train for member in members]
    known = [side for side in sides if side is not None and side.mean is not None]
    if len(known) < len(sides):
        return None
    means = [side.mean for side in known if side.mean is not None]
    return MeanTrainingLoss(
        mean=float(np.mean(means)),
        by_seed=means,
        per_row=float(np.mean([side.per_row for side in known if side.per_row is not None])),
        n_rows=known[0].n_rows,
        left_out=dict(sorted(sum((Counter(side.left_out) for side in known), Counter[str]()).items())),
    )
