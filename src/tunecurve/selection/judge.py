"""From the scores of replays to what they prove. A way of choosing is called better only where its interval leaves out 0."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tunecurve.curve.intervals import Jackknife, difference_interval, difference_of, mean_of_seeds
from tunecurve.metrics.base import Metric
from tunecurve.selection.records import Change, Outcome, Step, WayResult
from tunecurve.selection.ways import RANDOM, WAYS

# At which the intervals of all mean differences hold together.
LEVEL = 0.95
# The scores of one replay, a size each.
Curve = Sequence[Jackknife]


@dataclass(frozen=True)
class Judge:
    """Compares ways of choosing with random rows."""

    metric: Metric
    """What was scored."""
    sizes: Sequence[int]
    """The seed set, and how many rows there are after each choice."""
    level: float
    """Of each interval."""
    floor: Jackknife
    """The score of what answers without looking at a row."""

    def results(self, learner: str, curves: Mapping[str, Sequence[Curve]]) -> list[WayResult]:
        """Return the result of every way; `curves` holds those of all seeds by way, in the order of the seeds."""
        results = [self._result(learner, way, curves[way], curves[RANDOM]) for way in WAYS]
        if any(self._is_above_floor([curve[-1] for curve in curves[way]]) for way in WAYS):
            return results
        return [
            replace(one, outcome="nothing learnt", rows_for_the_same=None) if one.change else one for one in results
        ]

    def _is_above_floor(self, scores: Sequence[Jackknife]) -> bool:
        gain = self._change(scores, [self.floor] * len(scores))
        return self._outcome(gain) == "better"

    def _result(self, learner: str, way: str, own: Sequence[Curve], chance: Sequence[Curve]) -> WayResult:
        scores = [float(np.mean([curve[place].estimate for curve in own])) for place in range(len(self.sizes))]
        is_chance = way == RANDOM
        changes = [
            None
            if is_chance or place == 0
            else self._change([curve[place] for curve in own], [c[place] for c in chance])
            for place in range(len(self.sizes))
        ]
        whole = None if is_chance else self._change([mean_of(curve) for curve in own], [mean_of(c) for c in chance])
        outcome = None if whole is None else self._outcome(whole)
        rows, last = None, changes[-1]
        if outcome == "better" and last is not None and self._outcome(last) == "better":
            rows = rows_for(self.sizes, scores, float(np.mean([c[-1].estimate for c in chance])), self.metric.sign)
        steps = [Step(*values) for values in zip(self.sizes, scores, changes, strict=True)]
        return WayResult(learner, way, steps, float(np.mean(scores[1:])), whole, outcome, rows)

    def _change(self, own: Sequence[Jackknife], chance: Sequence[Jackknife]) -> Change:
        """Return the mean difference of seeds that share their seed sets and test rows."""
        paired = mean_of_seeds([difference_of(*pair) for pair in zip(own, chance, strict=True)])
        low, high = self.metric.score_range
        ends = difference_interval(paired, high - low, self.level)
        return Change(paired.estimate, *(end if math.isfinite(end) else None for end in ends))

    def _outcome(self, change: Change) -> Outcome:
        if change.low is None or change.high is None or change.low <= 0 <= change.high:
            return "not told apart"
        return "better" if change.difference * self.metric.sign > 0 else "worse"


def level_of_each(n_learners: int) -> float:
    """Return the level at which each mean difference has its interval, so that all hold together (Bonferroni)."""
    return 1.0 - (1.0 - LEVEL) / (n_learners * (len(WAYS) - 1))


def mean_of(curve: Curve) -> Jackknife:
    """Return the mean score after the seed set, with and without each group of test rows."""
    after = curve[1:]
    estimate = float(np.mean([item.estimate for item in after]))
    left_out, weights = (np.mean([getattr(item, name) for item in after], axis=0) for name in ("left_out", "weights"))
    return Jackknife(estimate, left_out, weights, is_smooth=all(item.is_smooth for item in after))


def rows_for(sizes: Sequence[int], scores: Sequence[float], wanted: float, sign: float) -> int | None:
    """Return about how many rows first score what is wanted, on straight lines in log n.

    None where none of the sizes do, or the seed set does already.

    >>> rows_for([50, 100, 200], [60.0, 70.0, 80.0], 75.0, 1.0)
    141
    """
    for place, score in enumerate(scores):
        if sign * (score - wanted) < 0:
            continue
        if place == 0:
            return None
        before = scores[place - 1]
        share = (wanted - before) / (score - before)
        return round(sizes[place - 1] * (sizes[place] / sizes[place - 1]) ** share)
    return None
