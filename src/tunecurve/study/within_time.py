"""A study within a time, while it runs: slower trials leave out what tells least of the rest, quicker ones bring back what was left out.

The plan is looked at after every trial, at the speed that trials of their kind have had. Where the trials that are left do not fit the
time any more, reserve included, they are planned anew by the same rules. Where time is left, the reserve kept, trials that were left
out are planned in addition, and nothing else changes. No trial is stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from tunecurve.spec.durations import seconds_of
from tunecurve.spec.study import StudySpec
from tunecurve.storage.files import write_text
from tunecurve.study.freezing import freeze
from tunecurve.study.plan import PlannedTrial, Trial, is_paid
from tunecurve.study.progress import Progress
from tunecurve.study.study import Study
from tunecurve.study.study_file import STUDY_FILE, resolved_yaml
from tunecurve.study.time_budget import DECISION, asked_of, has_plan, narrowed, seconds_by_trial, share_told
from tunecurve.study.time_plan import Planner, TooShort
from tunecurve.study.time_words import (
    ADDED,
    DROPPED,
    FINDINGS,
    LONGER,
    RESERVE,
    changed_line,
    time_findings,
    wanted_of,
)

# A speed counts once so many seconds were measured, or this share of the time.
FEWEST_SECONDS, FEWEST_SHARE = 20.0, 0.1
WORTH_SAYING = 1.05
# A plan grows by this share of what is left of it, or once nothing is left: not trial by trial.
WORTH_PLANNING = 0.5


class Change(NamedTuple):
    """How a plan changes."""

    dropped: Collection[Trial] = ()
    """No longer planned."""
    added: Sequence[PlannedTrial] = ()
    """Planned in addition, what adds most first."""


class TimeKeeper:
    """Keeps a study's plan within its time: trials, findings and decisions become those of the changed plan.

    `seconds` is about how long each trial takes, to which those of trials that are planned in addition are added; `on_change` is told
    the study as it is from then on.
    """

    def __init__(
        self, study: Study, seconds: dict[Trial, float], progress: Progress, on_change: Callable[[StudySpec], None]
    ) -> None:
        self._study, self._progress, self._on_change = study, progress, on_change
        self._everything = study.spec if study.choice is None else study.choice.spec
        self._budget = seconds_of(study.spec.time_budget or "")
        self._estimated = seconds
        self._measured: dict[Trial, float] = {}
        self._ended: set[Trial] = set()
        self._told: Counter[str] = Counter()
        self._untold: dict[str, list[Trial]] = {ADDED: [], DROPPED: []}
        self._before = self._decided.get("seconds_before", 0.0)
        self._spent = max(self._before + self._taken_by_earlier_starts(), self._decided.get("spent", 0.0))

    @classmethod
    def of(
        cls, study: Study, seconds: dict[Trial, float], progress: Progress, on_change: Callable[[StudySpec], None]
    ) -> TimeKeeper | None:
        """Return one for a study that is planned for a time, else None."""
        return cls(study, seconds, progress, on_change) if has_plan(study.spec, study.data) else None

    def _taken_by_earlier_starts(self) -> float:
        """Return how long finished trials of this plan took, which says how fast the rest is; as estimated where that was not kept."""
        given = {Trial(**trial) for trial in self._decided.get("given", [])}
        taken = 0.0
        for item in self._study.planned:
            if item.folder.is_finished and not is_paid(item.config):
                seconds = item.folder.seconds()
                if seconds is not None:
                    self._measured[item.trial] = seconds
                if item.trial not in given:
                    taken += self._estimated.get(item.trial, 0.0) if seconds is None else seconds
        return taken

    @property
    def _decided(self) -> dict[str, Any]:
        decided: dict[str, Any] = self._study.data.decisions.once(DECISION, dict)
        return decided

    def _unfinished(self) -> list[PlannedTrial]:
        return [item for item in self._study.planned if not item.folder.is_finished]

    def after(self, item: PlannedTrial, seconds: float, *, is_finished: bool) -> Change:
        """Note how long a trial took, and return how the plan changes."""
        if is_paid(item.config):  # hours of jobs at providers are not planned for
            return Change()
        self._spent += seconds
        self._ended.add(item.trial)
        if is_finished:
            self._measured[item.trial] = seconds
            item.folder.keep_seconds(seconds)
        left = [one for one in self._unfinished() if one.trial not in self._ended and not is_paid(one.config)]
        takes = {one.trial: self._expected(one.trial) for one in left}
        if self._spent + sum(takes.values()) <= self._budget:
            added = self._plan_more(takes)
            if not takes and not added:
                self._tell_rest()
            return Change(added=added)
        dropped = self._leave_out(takes)
        if dropped:
            self._shorten(dropped, takes)
        return Change(dropped)

    def _plan_more(self, takes: Mapping[Trial, float]) -> list[PlannedTrial]:
        """Return what was left out and fits by now, and plan it; of trainings that were computed as one the time says nothing."""
        others = self._left_out
        if not others or self._study.spec.train_together or self._measured_speed(list(self._measured)) is None:
            return []
        added = {item.trial: self._expected(item.trial) for item in others}
        room = (1.0 - RESERVE) * self._budget - self._spent
        if sum(takes.values()) + min(added.values()) > room:
            return []
        planned = [*self._study.planned, *others]
        seconds = {item.trial: takes.get(item.trial, added.get(item.trial, 0.0)) for item in planned}
        begun = {item.trial.learner for item in self._study.planned}
        once = {name: own.preparation_seconds() for name, own in self._study.learners.items() if name not in begun}
        done = [trial for trial in seconds if trial not in takes and trial not in added]
        planner = Planner(seconds, once, share_told(planned), done)
        chosen = planner.more([item.trial for item in self._study.planned], room).planned
        new = [item for item in others if item.trial in chosen]
        if not new or sum(added[item.trial] for item in new) < WORTH_PLANNING * sum(takes.values()):
            return []  # later, with what else fits by then
        self._lengthen(new, planner.cost([*takes, *(item.trial for item in new)]))
        return new

    @property
    def _left_out(self) -> list[PlannedTrial]:
        """What of the study is not planned, and costs no money."""
        if self._study.choice is None:
            return []
        planned = {item.trial for item in self._study.planned}
        others = [one for one in self._study.choice.planned if one.trial not in planned and not is_paid(one.config)]
        unknown = [one for one in others if one.trial not in self._estimated]
        if unknown:
            models = self._study.learners, self._study.proposer
            self._estimated |= seconds_by_trial(self._everything, self._study.data, models, unknown)
        return others

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
            speed = self._measured_speed([other for other in self._measured if is_alike(other)])
            if speed is not None:
                return speed
        return 1.0

    def _measured_speed(self, trials: Sequence[Trial]) -> float | None:
        """Return how many times as long as estimated trials took; None: they were too short to tell."""
        told = [trial for trial in trials if self._estimated.get(trial)]
        measured = sum(self._measured[trial] for trial in told)
        estimated = sum(self._estimated[trial] for trial in told)
        is_enough = max(measured, estimated) >= min(FEWEST_SECONDS, FEWEST_SHARE * self._budget)
        return measured / estimated if is_enough else None

    def _speeds(self) -> dict[str, float]:
        """Return how many times as long as estimated the trials of each learner took that is slower, or quicker."""
        found: dict[str, float] = {}
        for name in sorted({trial.learner for trial in self._measured}):
            times = self._measured_speed([trial for trial in self._measured if trial.learner == name]) or 1.0
            if not 1.0 / WORTH_SAYING <= times <= WORTH_SAYING:
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

    def _shorten(self, dropped: Sequence[Trial], takes: Mapping[Trial, float]) -> None:
        study, decided = self._study, self._decided
        study.planned[:] = [item for item in study.planned if item.trial not in dropped]
        left_out = [*(Trial(**trial) for trial, _ in decided["left_out"]), *dropped]
        added = [trial for trial in decided.get("added", []) if Trial(**trial) not in dropped]
        no_longer = [*decided.get("no_longer_planned", []), *map(asdict, dropped)]
        seconds = sum(takes[trial] for trial in takes if trial not in dropped)
        self._decide(seconds, left_out, {"added": added, "no_longer_planned": no_longer})
        self._progress.trials_dropped(dropped)
        self._tell(DROPPED, dropped)

    def _lengthen(self, added: Sequence[PlannedTrial], seconds: float) -> None:
        """Plan trials in addition; all that is left takes so many seconds then."""
        study, decided = self._study, self._decided
        assert study.choice is not None
        new = {item.trial for item in added}
        planned = {item.trial for item in study.planned} | new
        study.planned[:] = [item for item in study.choice.planned if item.trial in planned]
        left_out = [trial for one, _ in decided["left_out"] if (trial := Trial(**one)) not in new]
        no_longer = [one for one in decided.get("no_longer_planned", []) if Trial(**one) not in new]
        more = [*decided.get("added", []), *(asdict(item.trial) for item in added)]
        self._decide(seconds, left_out, {"added": more, "no_longer_planned": no_longer})
        self._progress.trials_added({item.trial: self._expected(item.trial) for item in added})
        self._tell(ADDED, [item.trial for item in added])

    def _decide(self, seconds: float, left_out: Sequence[Trial], changes: Mapping[str, Any]) -> None:
        """Keep a changed plan, of which so many seconds are left: with the frozen rows, in the study file, and in what is said.

        All times are by the speed so far then, those of what is left out, too.
        """
        study, decided = self._study, self._decided
        spec = narrowed(self._everything, [item.trial for item in study.planned])
        earlier = {Trial(**trial): takes for trial, takes in decided["left_out"]}
        takes = {one: self._expected(one) or earlier.get(one, 0.0) for one in left_out}
        seconds += self._spent - self._before
        begun = {item.trial.learner for item in study.planned}
        wanted = wanted_of(takes, decided["asked"])
        new = {one.learner for one in wanted} - begun
        once = sum(study.learners[name].preparation_seconds() for name in sorted(new))
        decided = {
            **decided,
            **changes,
            "seconds": seconds,
            "seconds_of_everything": seconds + once + sum(takes[one] for one in wanted),
            "spent": self._spent,
            "trials": [asdict(item.trial) for item in study.planned],
            "left_out": [[asdict(one), takes[one]] for one in left_out],
            "times_as_long": self._speeds(),
            "was": decided["became"],  # what the study file says if this run ends before it is written
            "became": asked_of(spec),
        }
        study.data.decisions.anew(DECISION, decided)
        others = [finding for finding in study.data.findings if finding.code not in FINDINGS]
        study.data.findings[:] = [*others, *time_findings(study.spec.time_budget or "", decided, study.learners)]
        freeze(study.data, spec, study.folder)
        write_text(study.folder / STUDY_FILE, resolved_yaml(spec))
        self._on_change(spec)

    def _tell(self, code: str, trials: Sequence[Trial]) -> None:
        """Say what is new, at most once for every doubling of what was said; what is between is said with the next line."""
        for other in self._untold.values():
            other[:] = [trial for trial in other if trial not in trials]
        self._untold[code] += trials
        if len(self._untold[code]) >= self._told[code]:
            self._say(code)

    def _tell_rest(self) -> None:
        """Say what was not said yet: nothing more is left to do."""
        for code in self._untold:
            self._say(code)

    def _say(self, code: str) -> None:
        new, self._untold[code] = self._untold[code], []
        if new:
            self._told[code] += len(new)
            line = changed_line(self._study.spec.time_budget or "", self._decided, new, code)
            self._progress.message(line if code == ADDED else f"{line}; {LONGER}")
