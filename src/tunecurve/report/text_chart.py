"""A learning curve in characters, for a terminal: score over training rows, one mark a learner. Computes nothing new."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from tunecurve.direction import better_end, better_in_words
from tunecurve.results.model import Results
from tunecurve.results.records.points import Point
from tunecurve.study.plan import SIMILAR, Trial

MARKS, PLAIN_MARKS = "●▲■◆★✚", "o^#*+x"
FLOOR, PLAIN_FLOOR = "╌", "."
BETWEEN, PLAIN_BETWEEN = "·", ":"
SMALLEST_WIDTH, SMALLEST_HEIGHT = 24, 4
_SHORTEST_NAME, _LONGEST_NAME = 8, 28


@dataclass(frozen=True)
class TextCurve:
    """What one learner scored."""

    name: str
    """The learner's."""
    scores: Mapping[int, float]
    """By training rows; 0 for a score without training."""


@dataclass(frozen=True)
class TextChart:
    """A chart that can be drawn at any size."""

    title: str
    """What is measured."""
    direction: str
    """``"max"`` or ``"min"``: whether more or less of it is better."""
    curves: Sequence[TextCurve]
    """In the order of their marks; beyond six marks come again."""
    sizes: Sequence[int]
    """Training sizes of the study, measured or not: the axis stays where it is while points come."""
    floor: float | None = None
    """What doing nothing scores."""

    @classmethod
    def of_scores(
        cls, title: str, direction: str, scores: Iterable[tuple[Trial | Point, float]], sizes: Iterable[int] = ()
    ) -> TextChart:
        """Return the chart of scores by trial or point: means over seeds, and of what is not trained the best."""
        floor, by_point = None, defaultdict[tuple[str, int, int], list[float]](list)
        for of, score in scores:
            if of.strategy == "floor":
                floor = score
            else:
                by_point[of.learner + _way(of), of.train_size, of.shots].append(score)
        curves: dict[str, dict[int, float]] = {}
        for (learner, size, _), known in by_point.items():
            points, mean = curves.setdefault(learner, {}), fmean(known)
            other = points.get(size, mean)
            points[size] = better_end((min(other, mean), max(other, mean)), direction)
        measured = {size for points in curves.values() for size in points}
        named = [TextCurve(learner, points) for learner, points in sorted(curves.items())]
        return cls(title, direction, named, sorted({*sizes, *measured} - {0}), floor)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return self.floor is None and not any(curve.scores for curve in self.curves)

    def marks(self, *, plain: bool = False) -> list[str]:
        """Return the mark of every curve."""
        marks = PLAIN_MARKS if plain else MARKS
        return [marks[number % len(marks)] for number in range(len(self.curves))]

    def lines(self, width: int, height: int, *, plain: bool = False) -> list[str]:
        """Return the chart's lines; none where there is nothing to draw or too little room.

        Parameters
        ----------
        width, height : int
            Columns, and lines of the drawing itself; title, axis and legend come on top.
        plain : bool, default False
            Whether only ASCII can be shown.
        """
        if self.is_empty or width < SMALLEST_WIDTH or height < SMALLEST_HEIGHT:
            return []
        title = f"{self.title} ({better_in_words(self.direction)})"
        axis = " by training rows, log axis"
        return [
            f"{title}{axis}" if len(title + axis) <= width else title[:width],
            *self._drawing(width, height, plain),
            *self._legend(width, plain),
        ]

    def _drawing(self, width: int, height: int, plain: bool) -> list[str]:
        low, high = self._range()
        labels = _row_labels(low, high, height)
        margin = max(map(len, labels))
        columns = self._columns(width - margin - 2)
        grid = [[" "] * (width - margin - 2) for _ in range(height)]

        def row(score: float) -> int:
            return round((high - score) / (high - low) * (height - 1))

        if self.floor is not None:
            grid[row(self.floor)] = [PLAIN_FLOOR if plain else FLOOR] * len(grid[0])
        measured = [sorted(curve.scores.items()) for curve in self.curves]
        for points in measured:
            trained = [(columns[size], row(score)) for size, score in points if size]
            for one, other in pairwise(trained):
                _join(grid, one, other, PLAIN_BETWEEN if plain else BETWEEN)
        marks = self.marks(plain=plain)
        for points, mark in zip(measured, marks, strict=True):
            for size, score in points:
                _put(grid[row(score)], columns[size], mark, marks)
        side = "|" if plain else "│"
        drawn = [f"{label:>{margin}} {side}{''.join(line)}" for label, line in zip(labels, grid, strict=True)]
        return [line.rstrip() for line in [*drawn, *_axis(columns, margin, len(grid[0]), plain)]]

    def _range(self) -> tuple[float, float]:
        scores = [score for curve in self.curves for score in curve.scores.values()]
        scores += [] if self.floor is None else [self.floor]
        low, high = min(scores), max(scores)
        return (low, high) if high > low else (low - 1.0, high + 1.0)

    def _columns(self, width: int) -> dict[int, int]:
        """Return the column of every size, on a logarithmic axis; what is not trained stands left of it, at 0."""
        sizes = sorted({*self.sizes, *(size for curve in self.curves for size in curve.scores)} - {0})
        has_untrained = any(0 in curve.scores for curve in self.curves)
        first, last = (max(6, width // 8) if has_untrained else 3), width - 4
        columns = {0: 2} if has_untrained else {}
        for size in sizes:
            share = math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else 0.5
            columns[size] = round(first + share * (last - first))
        return columns

    def _legend(self, width: int, plain: bool) -> list[str]:
        said = [
            _entry(mark, curve, width)
            for mark, curve in zip(self.marks(plain=plain), self.curves, strict=True)
            if curve.scores
        ]
        if self.floor is not None:
            said.append(f"{PLAIN_FLOOR if plain else FLOOR} doing nothing {self.floor:.1f}")
        lines = [""]
        for words in said:
            joined = f"{lines[-1]}   {words}" if lines[-1] else words
            if len(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(words[:width])
        return [line for line in lines if line]


def chart_of_results(results: Results) -> TextChart:
    """Return the chart of a study's headline metric; without scores that a finding forbids to tell."""
    metric = results.metric()
    scores = (
        (point, point.scores[metric.name].estimate)
        for point in results.points
        if results.may_say(metric.name, point.learner)
    )
    known = [(point, score) for point, score in scores if score is not None]
    return TextChart.of_scores(metric.title, metric.direction, known)


def _way(of: Trial | Point) -> str:
    """Return what tells a curve of prompts from the learner's own."""
    if of.strategy in SIMILAR:
        return f" {of.strategy} k{of.shots}"
    return " optimized" if of.strategy == "optimized" else ""


def _entry(mark: str, curve: TextCurve, width: int) -> str:
    """Return mark, name and the score at the largest size; where there is little room without the size."""
    size = max(curve.scores)
    score = f"{curve.scores[size]:.1f}"
    whole = f"{score} on {size:,} rows" if size else f"{score} untrained"
    said = whole if len(whole) + _SHORTEST_NAME + 3 <= width else score
    room = min(_LONGEST_NAME, width - len(said) - 3)
    name = curve.name if len(curve.name) <= room else f"{curve.name[: room - 3]}..."
    return f"{mark} {name} {said}"


def _row_labels(low: float, high: float, height: int) -> list[str]:
    """Return what stands left of the rows: the scores of the first, the middle and the last one."""
    labels = [""] * height
    digits = 0 if high - low >= 20 else 1 if high - low >= 2 else 2
    for row in (0, (height - 1) // 2, height - 1):
        labels[row] = f"{high - row * (high - low) / (height - 1):.{digits}f}"
    return labels


def _join(grid: list[list[str]], one: tuple[int, int], other: tuple[int, int], dot: str) -> None:
    """Dot the way between two points."""
    (left, above), (right, below) = one, other
    for column in range(left + 2, right - 1, 2):
        row = round(above + (below - above) * (column - left) / (right - left))
        grid[row][column] = dot


def _put(line: list[str], column: int, mark: str, marks: Sequence[str]) -> None:
    """Put a mark where it belongs, or beside those that stand there already."""
    beside = (column + step for step in (0, 1, -1, 2, -2) if 0 <= column + step < len(line))
    line[next((place for place in beside if line[place] not in marks), column)] = mark


def _axis(columns: Mapping[int, int], margin: int, width: int, plain: bool) -> list[str]:
    """Return the axis with a tick a size, and the sizes below it as far as there is room."""
    corner, stroke, tick = ("+", "-", "+") if plain else ("└", "─", "┬")
    line = [tick if column in columns.values() else stroke for column in range(width)]
    below = [" "] * width
    sizes = sorted(columns)
    for size in [*sizes[:1], *sizes[-1:], *sizes[1:-1]]:  # the ends first: what is between them gives way
        text = f"{size:,}" if size else "0"
        start = min(max(0, columns[size] - len(text) // 2), width - len(text))
        if all(cell == " " for cell in below[max(0, start - 1) : start + len(text) + 1]):
            below[start : start + len(text)] = text
    return [" " * (margin + 1) + corner + "".join(line), " " * (margin + 2) + "".join(below)]
