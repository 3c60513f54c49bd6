"""A study for trackers that know groups of runs, none within others: a run for its curves, and one for every trial."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from tunecurve.spec.study import stable_hash
from tunecurve.track.content import LOSS, TrackedStudy, TrackedTrial

# Step and values: of a trial its scores at 0, then the losses of training; of a study a size and the curves at it.
Row = tuple[int, dict[str, float]]


@dataclass(frozen=True)
class GroupedRun:
    """A run of the group of a study."""

    study: TrackedStudy
    """Whose group it is in."""
    name: str
    """For people."""
    key: str
    """The trial's; empty: the study itself."""
    facts: dict[str, str]
    """What was run, or found."""
    rows: list[Row]
    """What was measured."""

    @property
    def is_study(self) -> bool:
        """Whether it stands for the study."""
        return not self.key

    @cached_property
    def digest(self) -> str:
        """Hash of what is logged of it; intervals come and go with other seeds, and are not a trial's own."""
        rows = [
            (step, {n: v for n, v in row.items() if self.is_study or not n.endswith((".low", ".high"))})
            for step, row in self.rows
        ]
        return stable_hash([self.facts, rows])

    @property
    def config(self) -> dict[str, str]:
        """All texts that it has."""
        study = {"study": self.study.name, "study_id": self.study.id, "trial": self.key, "logged": self.digest}
        return {**self.study.tags, **self.facts, **study}


def run_of_trial(study: TrackedStudy, trial: TrackedTrial) -> GroupedRun:
    """Return the run of a trial."""
    losses: list[Row] = [(step, {LOSS: loss}) for step, loss in enumerate(trial.losses, 1)]
    return GroupedRun(study, trial.name, trial.key, trial.params, [(0, {**trial.metrics, **trial.bounds}), *losses])


def run_of_study(study: TrackedStudy) -> GroupedRun:
    """Return the run of a study, with its curves."""
    by_size: dict[int, dict[str, float]] = defaultdict(dict)
    for one in study.curve:
        by_size[one.size][one.series] = one.value
    facts = {**study.params, **study.state, "headline": study.headline}
    return GroupedRun(study, study.name, "", facts, sorted(by_size.items()))
