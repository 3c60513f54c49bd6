"""What the test rows can show, as results.json keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tunecurve.curve.power import PairedNoise
from tunecurve.findings import Finding
from tunecurve.storage.records import Record

Better = Literal["test rows", "training rows", "training run", "neither"]


@dataclass(frozen=True)
class Basis(Record):
    """What a statement on differences rests on."""

    basis: Literal["answers", "borrowed"]
    """Answers: of the learner's two largest sizes; borrowed: from other studies."""
    metric: str | None
    learner: str | None
    sizes: list[int] | None
    source: str
    title: str
    """The metric's."""


@dataclass(frozen=True)
class TestDifference(Basis):
    """Which differences of one score the test rows can tell."""

    __test__ = False
    noises: list[PairedNoise]
    """One that was measured, or the lowest and the highest that were borrowed: of the difference of two scores on the same rows."""
    smallest: list[float | None]
    """Smallest difference that is told with that power, for each noise; null: none is."""
    wanted: float
    rows_needed: list[int | None]
    """Test rows, of the same kind and in as many groups a row, that tell the wanted difference; null: seeds are in its way."""
    power: float
    sentence: str = ""


@dataclass(frozen=True)
class LeakBound(Record):
    """What leak rate is excluded if no leak is found."""

    n_judged: int
    n_groups: int
    effective_groups: float
    level: float
    bound: float
    """Per cent of documents that may leak if none of these does, groups counted."""
    bound_if_independent: float
    bound_of_groups: float
    """Per cent of groups that may hold a leak if none of these does."""
    wanted: float
    rows_needed: int | None
    documents_needed_if_independent: int
    sentence: str = ""


@dataclass(frozen=True)
class NextRows(Record):
    """What would let the test rows show what training would gain; whether to train on more rows at all says the decision."""

    learner: str
    gain: float
    """Expected of twice the training rows."""
    wanted: float
    smallest: float | None
    more_test_rows: int | None
    more_training_rows: int | None
    cost_of_test_rows: float | None
    cost_of_training_rows: float | None
    better: Better
    """What shows it for the least money, or labels: neither stands for more seeds, or for nothing within reach."""
    sentence: str = ""
    seeds: int | None = None
    """Runs a size with which today's test rows tell the wanted gain; null: seeds are not in its way, or too many are needed."""
    test_rows_to_label: int | None = None
    """Those of the test rows that cannot be taken from labelled rows which no training size uses."""
    training_rows_to_label: int | None = None


@dataclass(frozen=True)
class TestSet(Record):
    """What the test rows can show, and which rows to label next where they cannot show what training would gain."""

    __test__ = False
    n_rows: int
    n_groups: int
    level: float
    differences: list[TestDifference]
    leaks: LeakBound | None
    """None where the task has no leaks."""
    next_rows: list[NextRows]


@dataclass(frozen=True)
class TestSetAnswer:
    """What can be said of a test set, of a study or of bare points."""

    __test__ = False
    test_set: TestSet
    """What it can show."""
    findings: Sequence[Finding] = ()
    """What forbids to say it."""
    metric: str | None = None
    """The headline metric; None for bare curves, each of which speaks for itself."""
    best_learner: str | None = None
    """Where several are measured, it speaks for the test set."""
    leaks: float | None = None
    """Per cent of documents that its best point leaks; None where that is not measured."""
