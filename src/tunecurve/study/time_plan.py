"""Which trials of a study tell most about its verdict within a time; knows trials and seconds, no files and no models.

1. A model is planned with three sizes at least, or as many as there are, because with fewer there is no verdict on it, and with its
   answers before tuning. The cheapest model comes first, then the next one, for as long as they fit.
2. The time that is left goes to whatever adds most, by seconds or as a whole, whichever way ends with more: sizes and seeds by
   what they would tell about the gain of the next doubling (`tunecurve.curve.unmeasured`), prompts with examples by a small fixed worth.
3. Then another trial takes the place of planned ones, for as long as that tells more, and what still fits is added.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from tunecurve.study.plan import Trial

ENOUGH_SIZES = 3
# Prompts say nothing about more rows, but whether tuning beats them: worth what tells this share of the verdict; again, less.
WORTH_OF_A_PROMPT, WORTH_OF_ITS_REPEAT = 0.02, 0.002
_MOST_EXCHANGES = 40

# By the learner's name and runs by size: the share of the open question that they would answer.
ShareTold = Callable[[str, Mapping[int, int]], float]


class TooShort(Exception):
    """No whole study fits: what the smallest one is, and how long it takes."""

    def __init__(self, seconds: float, trials: Sequence[Trial]) -> None:
        super().__init__()
        self.seconds, self.trials = seconds, trials


@dataclass(frozen=True)
class TimePlan:
    """What is planned and what is left out."""

    planned: tuple[Trial, ...]
    left_out: tuple[Trial, ...]
    """In the order of the study's tables."""
    seconds: float
    """About how long the planned trials take that are not finished."""


class Planner:
    """Chooses among the trials of a study; those that are finished are planned, and take no more time."""

    def __init__(
        self,
        seconds: Mapping[Trial, float],
        preparation: Mapping[str, float],
        share_told: ShareTold,
        finished: Iterable[Trial] = (),
    ) -> None:
        self._all, self._preparation, self._share_told = list(seconds), preparation, share_told
        self._given = set(finished) | {trial for trial in seconds if trial.strategy == "floor"}
        self._seconds = {trial: 0.0 if trial in self._given else takes for trial, takes in seconds.items()}
        self._order = {trial: number for number, trial in enumerate(self._all)}

    def plan(self, budget: float) -> TimePlan:
        """Return the trials that tell most within so many seconds.

        Raises
        ------
        TooShort
            Where not even the smallest whole study fits.
        """
        base, kept = self._models_that_fit(budget)
        ways = [self._filled(base, budget, by_second=by_second) for by_second in (True, False)]
        return self._as_plan(self._exchanged(max(ways, key=self.worth), kept, budget))

    def more(self, planned: Iterable[Trial], budget: float) -> TimePlan:
        """Return planned trials with what else fits into so many seconds: models that were left out, then what adds most."""
        chosen = frozenset(self._given) | frozenset(planned)
        there = {trial.learner for trial in chosen}
        others = dict.fromkeys(trial.learner for trial in self._all if trial.learner not in there)
        for curve in sorted(map(self.smallest_curve, others), key=self.cost):
            if self.cost(chosen | curve) <= budget:
                chosen |= curve
        chosen = max((self._filled(chosen, budget, by_second=by) for by in (True, False)), key=self.worth)
        return self._as_plan(chosen)

    def _as_plan(self, chosen: frozenset[Trial]) -> TimePlan:
        planned = tuple(sorted(chosen, key=self._order.__getitem__))
        left_out = tuple(trial for trial in self._all if trial not in chosen)
        return TimePlan(planned, left_out, self.cost(chosen))

    def cost(self, trials: Iterable[Trial]) -> float:
        """Return about how long trials take, with what their learners need once."""
        new = [trial for trial in trials if trial not in self._given]
        once = {trial.learner for trial in new}
        parts = [self._seconds[trial] for trial in new] + [self._preparation.get(name, 0.0) for name in once]
        return math.fsum(parts)  # the same in whatever order they come

    def worth(self, trials: Iterable[Trial]) -> float:
        """Return what trials tell, summed over the learners."""
        trials = list(trials)
        runs: dict[str, Counter[int]] = {}
        for trial in trials:
            if trial.strategy == "fine-tune":
                runs.setdefault(trial.learner, Counter())[trial.train_size] += 1
        prompts = [trial for trial in trials if trial.strategy != "fine-tune" and trial.seed == 0]
        repeats = [trial for trial in trials if trial.strategy != "fine-tune" and trial.seed > 0]
        curves = sum(self._share_told(name, runs[name]) for name in sorted(runs))  # always added in the same order
        return curves + WORTH_OF_A_PROMPT * len(prompts) + WORTH_OF_ITS_REPEAT * len(repeats)

    def smallest_curve(self, learner: str) -> frozenset[Trial]:
        """Return the cheapest trials of a learner that say something whole: its answers untrained, and a curve of enough sizes."""
        own = [trial for trial in self._all if trial.learner == learner]
        untrained = [trial for trial in own if trial.strategy in ("zero-shot", "baseline")]
        first = [trial for trial in own if trial.strategy == "fine-tune" and trial.seed == 0]
        if not first and not untrained:  # asked with examples alone
            untrained = own[:1]
        curves = combinations(first, min(ENOUGH_SIZES, len(first)))
        # Of curves that take the same time the one that tells more.
        curve = min(curves, key=lambda curve: (round(self.cost(curve), 3), -self.worth(curve)))
        return frozenset(untrained) | frozenset(curve)

    def _models_that_fit(self, budget: float) -> tuple[frozenset[Trial], frozenset[Trial]]:
        """Return the smallest curves that fit, and of these the trials that must stay."""
        learners = dict.fromkeys(trial.learner for trial in self._all if trial.strategy != "floor")
        curves = [self.smallest_curve(learner) for learner in learners]
        tunable = [curve for curve in curves if any(trial.strategy == "fine-tune" for trial in curve)] or curves
        smallest = min(tunable, key=self.cost)
        if self.cost(smallest) > budget:
            raise TooShort(self.cost(smallest), sorted(smallest, key=self._order.__getitem__))
        chosen = frozenset(self._given) | smallest
        for curve in sorted(curves, key=self.cost):
            if self.cost(chosen | curve) <= budget:
                chosen |= curve
        return chosen, frozenset(trial for trial in chosen if trial in self._given or trial.strategy != "fine-tune")

    def _addable(self, chosen: frozenset[Trial], budget: float) -> list[Trial]:
        """Return the trials that fit, of learners that are planned; a seed comes after the one before it."""
        learners = {trial.learner for trial in chosen}
        left = budget - self.cost(chosen)
        return [
            trial
            for trial in self._all
            if trial not in chosen
            and trial.learner in learners
            and (trial.seed == 0 or _with_seed(trial, trial.seed - 1) in chosen)
            and self.cost(chosen | {trial}) - self.cost(chosen) <= left
        ]

    def _filled(self, chosen: frozenset[Trial], budget: float, *, by_second: bool) -> frozenset[Trial]:
        """Return the trials and what adds most to them, one after the other, until nothing more fits."""
        while options := self._addable(chosen, budget):
            now = self.worth(chosen)
            gain = {trial: self.worth(chosen | {trial}) - now for trial in options}
            if by_second:
                gain = {trial: gain[trial] / max(self._seconds[trial], 0.1) for trial in options}
            chosen |= {max(options, key=lambda trial: (gain[trial], -self._order[trial]))}
        return chosen

    def _exchanged(self, chosen: frozenset[Trial], kept: frozenset[Trial], budget: float) -> frozenset[Trial]:
        """Return the trials with others in the place of some, one after the other, while that tells more."""
        for _ in range(_MOST_EXCHANGES):
            better = max(self._exchanges(chosen, kept, budget), key=self.worth, default=chosen)
            if self.worth(better) <= self.worth(chosen) + 1e-9:
                break
            chosen = self._filled(better, budget, by_second=True)
        return chosen

    def _exchanges(self, chosen: frozenset[Trial], kept: frozenset[Trial], budget: float) -> Iterable[frozenset[Trial]]:
        """Return the trials with another one of them, for which those leave that add least by the second, or take longest."""
        for new in self._addable(chosen, budget + self.cost(chosen)):
            for by_worth in (True, False):
                changed = self._shortened(chosen | {new}, kept | {new}, budget, by_worth=by_worth)
                if changed is not None:
                    yield changed

    def _shortened(
        self, chosen: frozenset[Trial], kept: frozenset[Trial], budget: float, *, by_worth: bool
    ) -> frozenset[Trial] | None:
        """Return so many of the trials that they fit; None where too many would have to stay."""
        while self.cost(chosen) > budget:
            now, loss = self.worth(chosen), {}
            for trial in chosen - kept:
                if self._may_leave(trial, chosen):
                    told = (now - self.worth(chosen - {trial})) / max(self._seconds[trial], 0.1)
                    loss[trial] = told if by_worth else -self._seconds[trial]
            if not loss:
                return None
            chosen -= {min(loss, key=lambda trial: (loss[trial], self._order[trial]))}
        return chosen

    def _may_leave(self, trial: Trial, chosen: frozenset[Trial]) -> bool:
        is_last_seed = _with_seed(trial, trial.seed + 1) not in chosen
        return is_last_seed and self._has_enough_sizes(chosen - {trial}, trial.learner)

    def _has_enough_sizes(self, chosen: frozenset[Trial], learner: str) -> bool:
        sizes = {trial.train_size for trial in chosen if trial.learner == learner and trial.strategy == "fine-tune"}
        there = {trial.train_size for trial in self._all if trial.learner == learner and trial.strategy == "fine-tune"}
        return len(sizes) >= min(ENOUGH_SIZES, len(there))


def _with_seed(trial: Trial, seed: int) -> Trial:
    return Trial(trial.learner, trial.strategy, trial.shots, trial.train_size, seed)
