"""What was found: suspicious rows, the most certain first."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.storage.records import Record


@dataclass(frozen=True)
class SuspiciousSpan(Record):
    """Words of an input whose label is suspicious; character offsets, end exclusive."""

    start: int
    end: int
    label: str
    """As labelled; empty: none."""
    suggested: str
    """What the learners say; empty: none."""


@dataclass(frozen=True)
class SuspiciousRow(Record):
    """One row, and what both learners say."""

    place: str
    side: str
    """``test`` or ``training``."""
    label: str
    """What is suspicious of the label, as it is: the class, the set of labels, or the labels of the words."""
    suggested: str
    """The same as the learners would have it."""
    sureness: float
    """Mean of both learners' probability of what they suggest less that of what is there; 0 to 1."""
    spans: tuple[SuspiciousSpan, ...] = ()
    input: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class SuspiciousLabels(Record):
    """The suspicious rows of a study."""

    rows: tuple[SuspiciousRow, ...] = ()
    """The most certain first."""
    n_looked_at: int = 0
    n_rows: int = 0
    """Rows that were looked at, and all rows of both sides."""
    why_not: str = ""
    """Why nothing was looked at; empty where it was."""
