"""A study within a time, while it runs: where trials take longer than estimated, what tells least of the rest is no longer planned.

The plan is looked at after every trial. It is changed only where the trials that are left do not fit the time any more, reserve
included, at the speed that trials of their kind have had; what they leave is planned anew by the same rules. No trial is stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tunecurve.spec.durations import seconds_of
from tunecurve.spec.study import StudySpec
from tunecurve.storage.files import write_text
from tunecurve.study.freezing import freeze
from tunecurve.study.plan import PlannedTrial, Trial, is_paid
from tunecurve.study.progress import Progress
from tunecurve.study.study import Study
from tunecurve.study.study_file import STUDY_FILE, resolved_yaml
from tunecurve.study.time_budget import DECISION, RESERVE, asked_of, narrowed, share_told, time_findings
from tunecurve.study.time_plan import Planner, TooShort

# A speed counts once so many seconds were measured, or this share of the time.
FEWEST_SECONDS, FEWEST_SHARE = 20.0, 0.1
WORTH_SAYING = 1.05
FINDINGS = ("time-budget", "time-budget-left-out", "time-budget-slower")


class TimeKeeper:
    """Keeps a study's plan within its time: trials, findings and decisions become those of the shorter plan.

    `on_shorter` is told the study as it is from then on.
    """

    def __init__(self, study: Study, progress: Progress, on_shorter: Callable[[StudySpec], None]) -> None:
        self._study, self._progress, self._on_shorter = study, progress, on_shorter
        self._budget = seconds_of(study.spec.time_budget or "")
        self._estimated = study.estimated_seconds()
        self._measured: dict[Trial, float] = {}
        self._ended: set[Trial] = set()
        left = sum(self._estimated.get(item.trial, 0.0) for item in self._unfinished())
        earlier = max(0.0, self._decided["seconds"] - left)  # by earlier starts, as was planned for
        self._spent = self._decided.get("seconds_before", 0.0) + earlier

    @classmethod
    def of(cls, study: Study, progress: Progress, on_shorter: Callable[[StudySpec], None]) -> TimeKeeper | None:
        """Return one for a study that is planned for a time, else None."""
        has_plan = study.spec.time_budget is not None and study.data.decisions.has(DECISION)
        return cls(study, progress, on_shorter) if has_plan else None

    @property
    def _decided(self) -> dict[str, Any]:
        decided: dict[str, Any] = self._study.data.decisions.once(DECISION, dict)
        return decided

    def _unfinished(self) -> list[PlannedTrial]:
        return [item for item in self._study.planned if not item.folder.is_finished]

    def after(self, item: PlannedTrial, seconds: float, *, is_finished: bool) -> Collection[Trial]:
        """Note how long a trial took, and return those that are no longer planned."""
        if is_paid(item.config):  # hours of jobs at providers are not planned for
            return ()
        self._spent += seconds
        self._ended.add(item.trial)
        if is_finished:
            self._measured[item.trial] = seconds
        left = [one for one in self._unfinished() if one.trial not in self._ended and not is_paid(one.config)]
        slower = {one.trial: self._expected(one.trial) for one in left}
        if self._spent + sum(slower.values()) <= self._budget:
            return ()
        dropped = self._leave_out(slower)
        if dropped:
            self._shorten(dropped, slower)
        return dropped

    def _expected(self, trial: Trial) -> float:
        """Return about how long a trial takes by what is known now; of a learner that tells no time, by its largest trial so far."""
        estimated = self._estimated.get(trial, 0.0)
        if estimated:
            return estimated * self._factor(trial)
        alike = [one for one in self._measured if (one.learner, one.strategy) == (trial.learner, trial.strategy)]
        if not alike:
            return 0.0
        largest = max(alike, key=lambda one: (one.train_size, self._measured[one]))
        return self._measured[largest] * max(1.0, trial.train_size / max(1, largest.train_size))

    def _factor(self, trial: Trial) -> float:
        """Return how many times as long as estimated trials like this one took; more alike ones first."""
        for is_alike in (
            lambda other: other.learner == trial.learner and other.strategy == trial.strategy,
            lambda other: other.learner == trial.learner,
            lambda other: True,
        ):
            alike = [other for other in self._measured if is_alike(other) and self._estimated.get(other)]
            measured = sum(self._measured[other] for other in alike)
            if measured >= min(FEWEST_SECONDS, FEWEST_SHARE * self._budget):
                return measured / sum(self._estimated[other] for other in alike)
        return 1.0

    def _slow_learners(self) -> dict[str, float]:
        """Return how many times as long as estimated the trials of each learner took that is slower."""
        found: dict[str, float] = {}
        for name in sorted({trial.learner for trial in self._measured}):
            own = [trial for trial in self._measured if trial.learner == name and self._estimated.get(trial)]
            estimated = sum(self._estimated[trial] for trial in own)
            if own and (times := sum(self._measured[trial] for trial in own) / estimated) > WORTH_SAYING:
                found[name] = times
        return found

    def _leave_out(self, slower: Mapping[Trial, float]) -> list[Trial]:
        """Return what is left out of the rest, so that it fits; the smallest whole study stays, whether it fits or not."""
        planned = self._study.planned
        seconds = {item.trial: slower.get(item.trial, 0.0) for item in planned}
        planner = Planner(seconds, {}, share_told(planned), [trial for trial in seconds if trial not in slower])
        try:
            kept: Collection[Trial] = planner.plan((1.0 - RESERVE) * (self._budget - self._spent)).planned
        except TooShort as short:
            kept = short.trials
        return [trial for trial in slower if trial not in kept]

    def _shorten(self, dropped: Sequence[Trial], slower: Mapping[Trial, float]) -> None:
        study, decided = self._study, self._decided
        study.planned[:] = [item for item in study.planned if item.trial not in dropped]
        trials = [item.trial for item in study.planned]
        estimated = sum(self._estimated.get(trial, 0.0) for trial in dropped)
        spec = narrowed(study.spec, trials)
        decided = {
            **decided,
            "seconds": max(0.0, decided["seconds"] - estimated),
            "trials": [trial for trial in decided["trials"] if Trial(**trial) not in dropped],
            "left_out": [*decided["left_out"], *([asdict(trial), slower[trial]] for trial in dropped)],
            "no_longer_planned": [*decided.get("no_longer_planned", []), *map(asdict, dropped)],
            "times_as_long": decided.get("times_as_long", {}) | self._slow_learners(),
            "was": decided["became"],  # what the study file says if this run ends before it is written
            "became": asked_of(spec),
        }
        study.data.decisions.anew(DECISION, decided)
        others = [finding for finding in study.data.findings if finding.code not in FINDINGS]
        study.data.findings[:] = [*others, *time_findings(study.spec.time_budget or "", decided, study.learners)]
        freeze(study.data, spec, study.folder)
        write_text(study.folder / STUDY_FILE, resolved_yaml(spec))
        self._on_shorter(spec)
        self._progress.trials_dropped(dropped)
        for finding in study.data.findings:
            if finding.code == FINDINGS[-1]:
                self._progress.message(finding.line)
