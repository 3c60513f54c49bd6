"""What a test of ways to choose rows found, as select-test.json keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunecurve.direction import Direction
from tunecurve.storage.records import Record

Outcome = Literal["better", "worse", "not told apart", "nothing learnt"]


@dataclass(frozen=True)
class Change(Record):
    """A score minus that of random rows, on the same seeds and test rows."""

    difference: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Step(Record):
    """What was scored after so many rows."""

    n: int
    score: float
    """Mean over the seeds."""
    change: Change | None
    """None for random rows, and where nothing was chosen yet."""


@dataclass(frozen=True)
class WayResult(Record):
    """One way of choosing rows, as one cheap learner learnt from them."""

    learner: str
    way: str
    steps: list[Step]
    mean_score: float
    """Over all sizes after the seed set."""
    change: Change | None
    """Of that mean; None for random rows."""
    outcome: Outcome | None
    """Better and worse only where the interval leaves out 0; nothing learnt where no way gets its learner above the floor at the
    largest size, so that none can be compared; None for random rows."""
    rows_for_the_same: int | None
    """About how many rows score what random rows score at the largest size; only of a way that is better, there too."""


@dataclass(frozen=True)
class SelectionTest(Record):
    """Which way of choosing the next rows would have learnt fastest, replayed on rows that are labelled."""

    name: str
    task: str
    metric: str
    metric_title: str
    metric_signature: str
    direction: Direction
    n_test: int
    groups_in_test: int
    n_pool: int
    n_replayed: int
    """Rows of the pool that were chosen from."""
    pool_sha256: str
    test_sha256: str
    floor: float
    """The score of what answers without looking at a row."""
    floor_title: str
    sizes: list[int]
    seeds: int
    level: float
    """At which all intervals of mean differences hold together."""
    level_of_each: float
    results: list[WayResult]
    sentence: str
    notes: list[str]

    def of_learner(self, learner: str) -> list[WayResult]:
        """Return the results of one cheap learner."""
        return [result for result in self.results if result.learner == learner]

    @property
    def learners(self) -> list[str]:
        """The cheap learners, in their order."""
        return list(dict.fromkeys(result.learner for result in self.results))
