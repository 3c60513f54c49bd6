"""Two or more studies side by side, as `tunecurve compare --json` prints them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tunecurve.results.records.points import Difference, Score
from tunecurve.storage.records import Record


@dataclass(frozen=True)
class ComparedRun(Record):
    """One of the studies."""

    name: str
    folder: str
    n_test: int
    test_sha256: str
    is_complete: bool
    best: str | None
    """Its best tuned point."""
    score: Score | None
    """Of that point, on all its test rows."""
    decision: str
    changes: list[str]
    """What its study file says otherwise than that of the first run."""


@dataclass(frozen=True)
class PairedDifference(Record):
    """A point of a later run minus a point of the first one, on the test rows that both have."""

    run: str
    of: str
    """The later run's point."""
    against: str
    """The first run's."""
    is_best: bool
    """Whether both are the best tuned points of their runs; else they have learner and size in common."""
    first_score: float | None
    second_score: float | None
    """Both on the shared rows."""
    difference: Difference | None
    """None where it cannot be tested."""
    why: str
    """Why it is not tested, or why its interval is wide."""


@dataclass(frozen=True)
class SharedRows(Record):
    """How many test rows a later run has in common with the first, by the hash of input and target."""

    run: str
    n_shared: int
    n_first: int
    n_second: int
    n_groups: int | None
    """Of the shared rows; None where groups count and are not known."""
    sentence: str


@dataclass(frozen=True)
class ComparedStudies(Record):
    """All of it; the first run is what the others are compared with."""

    schema_version: Literal[1]
    metric: str
    title: str
    direction: str
    level: float
    runs: list[ComparedRun]
    shared: list[SharedRows]
    differences: list[PairedDifference]
