"""Runs of one curve as they stand in a curves file, and what becomes points, rivals and floor of them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tunecurve.curve.dotted import DottedNumbers
from tunecurve.curve.points import CurvePoints
from tunecurve.errors import DataError, TunecurveError

FLOOR, FEW_SHOT = "floor", "few-shot"
# Columns that count rows.
NUMBERS_OF_ROWS = ("n", "n_test", "target_n")


class Untrained(NamedTuple):
    """A score without training as it stands in the file."""

    line: int
    kind: str
    """``zero-shot``, ``few-shot`` or ``floor``."""
    n: float
    """Examples in the prompt; 0 where nothing is said."""
    score: float
    replicate: str


@dataclass
class CurveTable:
    """Runs of one curve as they stand in the file."""

    curve_id: str
    size: array[float] = field(default_factory=lambda: array("d"))
    score: array[float] = field(default_factory=lambda: array("d"))
    test_rows: array[float] = field(default_factory=lambda: array("d"))
    line: array[int] = field(default_factory=lambda: array("q"))
    replicate: list[str] = field(default_factory=list)
    untrained: list[Untrained] = field(default_factory=list)
    """Scores of prompts, and of doing nothing."""
    asked_sizes: set[float] = field(default_factory=set)
    direction: str | None = None
    notes: list[str] = field(default_factory=list)
    """What a reader must know of how the rows were read."""
    file_notes: list[str] = field(default_factory=list)
    """What a reader must know of the file, which is said with the first of its curves that can be used."""
    is_named: bool = True
    """Whether the file names its curves; else rows that do not fit together may be those of several."""
    problem: TunecurveError | None = None
    """The first reason why the curve cannot be used."""
    n_bad_rows: int = 0
    """Rows that could not be read."""
    written: dict[str, DottedNumbers] = field(
        default_factory=lambda: {name: DottedNumbers() for name in NUMBERS_OF_ROWS}
    )
    """How numbers of rows are written, by the name of the column."""
    metric: str | None = None
    """The metric that the file names beside the scores, as it is written first."""
    score_range: tuple[float, float] | None = None
    """The range that the other curves of the file tell, where this one's scores alone would tell another."""

    def points(self) -> CurvePoints:
        """Return the fine-tuned runs."""
        rows = np.array(self.test_rows)
        known = rows[~np.isnan(rows)]
        filled = np.where(np.isnan(rows), known.min(), rows) if known.size else None
        return CurvePoints(np.array(self.size), np.array(self.score), self.replicate, filled)

    def refuse(self, problem: TunecurveError) -> None:
        """Keep the first reason why the curve cannot be used."""
        self.problem = self.problem or problem

    @property
    def is_empty(self) -> bool:
        """Whether no score of it could be read."""
        return not (self.size or self.untrained)

    @property
    def all_scores(self) -> list[float]:
        """Every score of the curve, trained or not."""
        return [*self.score, *(one.score for one in self.untrained)]

    def check_range(self, low: float | None, high: float | None, path: str, *, among_others: bool = False) -> None:
        """Raise DataError with the line of the first score outside the metric's range."""
        tuned = zip(self.line, self.score, strict=True)
        for line, score in sorted([*tuned, *((one.line, one.score) for one in self.untrained)]):
            if (low is not None and score < low) or (high is not None and score > high):
                shown = " to ".join("any" if end is None else f"{end:g}" for end in (low, high))
                own_file = "mend it, or, with this curve in a file of its own, " if among_others else ""
                raise DataError(
                    f"{path} line {line}: score {score:g} is outside the metric's range {shown}; {own_file}"
                    "give the range it has with --range LO,HI, and --direction min for a loss."
                )

    def rivals(self) -> dict[str, tuple[float, None]]:
        """Mean score of each rival strategy."""
        kinds = dict.fromkeys(one.kind for one in self.untrained if one.kind != FLOOR)
        return {kind: (self._mean_of(kind), None) for kind in kinds}

    @property
    def floor(self) -> float | None:
        """Mean score of doing nothing; None where the file does not say it."""
        return self._mean_of(FLOOR) if any(one.kind == FLOOR for one in self.untrained) else None

    def _mean_of(self, kind: str) -> float:
        return float(np.mean([one.score for one in self.untrained if one.kind == kind]))
