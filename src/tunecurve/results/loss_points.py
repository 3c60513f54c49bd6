"""The losses of a study's points: means over the same test rows, with intervals over their groups.

Rows that a trial had to leave out are left out of all points of its learner: losses of different sizes are compared, and rows
that differ would look like a curve. What a single trial could measure stands in its own entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunecurve.curve.intervals import Jackknife, jackknife, mean_of_seeds, positive_interval, sums_by_group
from tunecurve.storage.files import read_sealed_json
from tunecurve.study.losses import LOSSES, loss_statistics, stored_losses
from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.trial import RESULT

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class _Measured:
    """What a finished trial's losses are: what was said of them, and (nats, units) of every test row."""

    trial: Trial
    described: Mapping[str, Any]
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
        self._read: dict[Path, _Measured | None] = {}

    def add_to(self, described: Sequence[dict[str, Any]], finished: Sequence[PlannedTrial]) -> None:
        """Give every described point its ``loss``; None where not all of its trials have one."""
        by_learner: dict[str, list[_Measured]] = {}
        for measured in map(self._measured, finished):
            if measured is not None:
                by_learner.setdefault(measured.trial.learner, []).append(measured)
        for point in described:
            own = by_learner.get(point["learner"], [])
            members = [item for item in own if _belongs(item.trial, point)]
            is_whole = members and len(members) == point["n_seeds"]
            point["loss"] = self._describe(members, own) if is_whole else None

    def _measured(self, item: PlannedTrial) -> _Measured | None:
        if item.folder not in self._read:
            said = read_sealed_json(item.folder / RESULT).get("loss")
            if said is None or said["failure"] or not (item.folder / LOSSES).exists():
                self._read[item.folder] = None
            else:
                lines = stored_losses(item.folder, "test")
                is_measured = np.array([not line["left_out"] for line in lines], dtype=bool)
                self._read[item.folder] = _Measured(item.trial, said, loss_statistics(lines), is_measured)
        return self._read[item.folder]

    def _describe(self, members: Sequence[_Measured], own: Sequence[_Measured]) -> dict[str, Any] | None:
        in_all = np.logical_and.reduce([item.is_measured for item in own])
        items = [self._jackknife(member, in_all) for member in members]
        mean = mean_of_seeds(items)
        if not np.isfinite(mean.estimate):
            return None
        low, high = positive_interval(mean, self.level)
        left_out = Counter[str]()
        for item in own:
            left_out |= Counter(item.described["test"]["left_out"])
        nats = np.mean([member.test[in_all, 0].sum() for member in members])
        return {
            "unit": members[0].described["unit"],
            "note": members[0].described["note"],
            "test": {
                "mean": mean.estimate,
                "low": low,
                "high": high,
                "level": self.level,
                "method": f"delete-one jackknife over test {self.unit}" + (" and seeds" if len(items) > 1 else ""),
                "by_seed": [item.estimate for item in items],
                "per_row": float(nats / in_all.sum()),
                "n_rows": int(in_all.sum()),
                "left_out": dict(sorted(left_out.items())),
            },
            "train": _describe_training(members),
        }

    def _jackknife(self, member: _Measured, rows: NDArray[np.bool_]) -> Jackknife:
        summed = sums_by_group(np.where(rows[:, None], member.test, 0.0), self.groups)
        return jackknife(summed, _nats_a_unit, summed[:, 1])


def _nats_a_unit(summed: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(summed[..., 1] > 0, summed[..., 0] / summed[..., 1], np.nan)


def _describe_training(members: Sequence[_Measured]) -> dict[str, Any] | None:
    sides = [member.described["train"] for member in members]
    if any(side is None or side["mean"] is None for side in sides):
        return None
    return {
        "mean": float(np.mean([side["mean"] for side in sides])),
        "by_seed": [side["mean"] for side in sides],
        "per_row": float(np.mean([side["per_row"] for side in sides])),
        "n_rows": sides[0]["n_rows"],
        "left_out": dict(sorted(sum((Counter(side["left_out"]) for side in sides), Counter[str]()).items())),
    }


def _belongs(trial: Trial, point: Mapping[str, Any]) -> bool:
    return all(getattr(trial, key) == point[key] for key in ("learner", "strategy", "shots", "train_size"))
