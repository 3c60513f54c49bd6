"""What `tunecurve forecast` asks of every curve of a file, as its options say it, and what it says of how a curve was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tunecurve.curve.curve_table import CurveTable
    from tunecurve.curve.forecast import CurvePoints, Forecast, Prices

# The options that are prices, and what they set of `Prices`.
PRICES = {
    "label_price": "label",
    "value_per_point": "value_per_point",
    "training_price": "training_per_example",
    "run_price": "training_fixed",
    "serving_price": "serving_difference",
    "miss_penalty": "miss_penalty",
}
# What of an n_test that differs within a curve is taken for what.
DIFFERENT_ROWS = (
    "each size's own rows give its noise, in a mean over its runs; the {last} of the largest size are those that more test rows "
    "would be added to. Sizes are compared as if on the same rows; --test-rows N counts one number for all."
)


# How scores within 0 to 1 of a metric that is in per cent are read.
SMALL_PER_CENTS = "All scores lie within 0 to 1 and are read as per cent; if they are fractions of 1, give --range 0,1."
COUNTS_IN_FRACTIONS = (
    "Scores are read as fractions of 1: so they are counts of the test rows, and in per cent they are not; else give "
    "--range 0,100."
)


@dataclass(frozen=True)
class Question:
    """What is asked of every curve, as the options say it; `ends` of the metric's range."""

    at: tuple[float, ...]
    target: float | None
    direction: str | None
    test_rows: int | None
    delta: float | None
    learner: str | None
    metric: str | None
    chances: bool
    prices: Prices
    ends: tuple[float | None, float | None] | None

    def range_of(self, table: CurveTable) -> tuple[float | None, float | None]:
        """Return the range that was given, else that of a score in per cent, of a fraction, or of a loss."""
        from tunecurve.curve.ranges import usual_range

        told = self.told_range(table)
        return told or usual_range(table.all_scores, self.direction_of(table), self.points_of(table))[0]

    def told_range(self, table: CurveTable) -> tuple[float | None, float | None] | None:
        """Return the range that was given, that of the metric, or what the other curves tell; None where the scores alone say it."""
        if self._has_range_of_metric:
            return (0.0, 1.0) if self._are_fractions(table) else (0.0, 100.0)
        return self.ends or (None if self.direction == "min" else table.score_range)

    @property
    def _has_range_of_metric(self) -> bool:
        """Whether the metric that was named says the range: those of the atlas of which less is better are in per cent, none is a loss."""
        return self.ends is None and self.metric_direction == "min"

    def _are_fractions(self, table: CurveTable) -> bool:
        """Whether scores of such a metric are fractions of 1 all the same: counts of the test rows so, and in per cent not."""
        from tunecurve.curve.ranges import fit_counts

        points = self.points_of(table)
        is_small = 0.0 < max(table.all_scores, default=0.0) <= 1.0
        return is_small and fit_counts(points, 1.0) and not fit_counts(points, 100.0)

    @cached_property
    def floor_share(self) -> float:
        """Which share of the floor's error curves start at: the atlas's where the metric is named."""
        from tunecurve.atlas.load import load_atlas
        from tunecurve.atlas.starts import share_of_the_floor
        from tunecurve.curve.borrowed import SHARE_OF_THE_FLOOR

        return share_of_the_floor(load_atlas(), self.metric, SHARE_OF_THE_FLOOR) if self.metric else SHARE_OF_THE_FLOOR

    def points_of(self, table: CurveTable) -> CurvePoints:
        """Return the curve's runs, with the test rows that were given, else the file's."""
        points = table.points()
        return points if self.test_rows is None else replace(points, n_test=self.test_rows)

    @cached_property
    def metric_direction(self) -> str | None:
        """The direction of the metric that was named, as the atlas has it; None where none was."""
        from tunecurve.atlas.load import load_atlas

        return next((curve.direction for curve in load_atlas().curves if curve.metric == self.metric), None)

    def direction_of(self, table: CurveTable) -> str:
        """Return the direction that was given, else the file's, else that of the metric."""
        return self.direction or table.direction or self.metric_direction or "max"

    def check_direction(self, table: CurveTable) -> None:
        """Raise UsageError where the metric that was named has another direction than what was given."""
        from tunecurve.direction import better_in_words
        from tunecurve.errors import UsageError

        if self.metric_direction not in (None, self.direction_of(table)):
            who = f"--direction {self.direction}" if self.direction else f"direction {table.direction} in the file"
            raise UsageError(
                f"curve {table.curve_id!r}: {who}, but of --metric {self.metric} {better_in_words(str(self.metric_direction))}; leave "
                "out what is wrong."
            )

    def check(self, table: CurveTable) -> None:
        """Raise UsageError for a target or a gain that the curve's metric cannot have."""
        from tunecurve.curve.units import outside_range
        from tunecurve.errors import UsageError

        wrong = outside_range(self.range_of(table), self.target, self.delta)
        if wrong:
            raise UsageError(f"curve {table.curve_id!r}: {wrong}.")

    def ask(self, table: CurveTable) -> Forecast:
        """Forecast one curve of a table, with its name in front of anything that is wrong with it."""
        from tunecurve.curve.forecast import forecast_curve
        from tunecurve.curve.plateau import NOT_CHECKED
        from tunecurve.errors import TunecurveError

        try:
            answer = forecast_curve(
                self.points_of(table),
                score_range=self.told_range(table),
                direction=self.direction_of(table),
                at=sorted({*self.at, *table.asked_sizes}),
                target=self.target,
                delta=self.delta,
                rivals=table.rivals(),
                prices=self.prices,
                kind=self.learner,
                floor=table.floor,
                floor_share=self.floor_share,
                judged_steps=self.chances,
            )
        except TunecurveError as problem:
            raise type(problem)(f"curve {table.curve_id!r}: {problem}") from None
        answer.notes[:0] = [*self._reading_notes(table), *table.file_notes, *table.notes]
        answer.notes.extend(_sizes_within(answer, table))
        answer.notes.extend(self._unused_prices(answer))
        if answer.verdict is not None and NOT_CHECKED in answer.verdict.sentence:
            answer.notes.append("Test rows are told by --test-rows N, or by a column n_test.")
        if self.metric_direction == "max" and (answer.points or table.floor is None):
            answer.notes.append(
                f"--metric {self.metric} is not used: it says where a curve starts by a row of kind floor, and before any size."
            )
        answer.notes.extend(self._unused_target(answer))
        self._doubt_direction(answer, table)
        return answer

    def _doubt_direction(self, answer: Forecast, table: CurveTable) -> None:
        """Note that nothing says which direction is better: first of all where no size scores above the one before, as losses do."""
        from tunecurve.curve.ranges import DOUBTFUL

        if self.direction or table.direction or self.metric_direction:
            return
        scores = [point.mean_score for point in answer.points]
        if len(scores) < 3:
            answer.notes.append(
                "Nothing says which direction is better: max is taken. If lower is better, add --direction min."
            )
        elif scores[-1] < scores[0] and all(later <= earlier for earlier, later in pairwise(scores)):
            low, high = self.range_of(table)
            ends = "" if low is None or high is None else f" in a range from {low:g} to {high:g}"
            answer.notes.insert(
                0,
                f"{DOUBTFUL}no size scores above the one before, and higher is taken as better{ends}. If lower is better, add "
                "--direction min.",
            )

    def _reading_notes(self, table: CurveTable) -> list[str]:
        """Return what was taken for granted of direction, range and unit, and from where."""
        from tunecurve.curve.table import TINY_PER_CENTS
        from tunecurve.curve.table_notes import said_of_test_rows
        from tunecurve.curve.units import untrained_in_another_unit

        notes = []
        if self.metric_direction == "min":
            low, high = self.range_of(table)
            ends = " to ".join("any" if end is None else f"{end:g}" for end in (low, high))
            notes.append(f"Less is better, as --metric {self.metric} has it: direction min, range {ends}.")
            if self._has_range_of_metric and 0.0 < max(table.all_scores, default=0.0) <= 1.0:
                notes.append(COUNTS_IN_FRACTIONS if high == 1.0 else SMALL_PER_CENTS)
        elif self.ends is None and self.told_range(table) is not None:
            notes.append(TINY_PER_CENTS)
        if self.direction and table.direction and self.direction != table.direction:
            notes.append(f"--direction {self.direction} is taken; the file says {table.direction}.")
        if None not in self.range_of(table):  # else no test rows are used, which is said
            notes += said_of_test_rows(table, self.test_rows, DIFFERENT_ROWS)
        untrained = [(one.kind, one.score) for one in table.untrained]
        return [*notes, *untrained_in_another_unit(self.range_of(table), table.score, untrained)]

    def _unused_target(self, answer: Forecast) -> list[str]:
        """Say of a target and of a gain that matters that fewer than three sizes give no answer to them."""
        from tunecurve.curve.kinds import FEWEST_SIZES

        given = {"--target": self.target, "--delta": self.delta}
        named = [f"{option} {value:g}" for option, value in given.items() if value is not None]
        if not answer.refusal or not named:
            return []
        verb = "is" if len(named) == 1 else "are"
        return [f"{' and '.join(named)} {verb} not used: an answer needs {FEWEST_SIZES} sizes."]

    def _unused_prices(self, answer: Forecast) -> list[str]:
        """Return what prices say where they give no decision: what labels cost, and that more is not said."""
        given = [option for option, price in PRICES.items() if getattr(self.prices, price) is not None]
        if not given or answer.decision is not None:
            return []
        lacking = "a forecast" if answer.refusal else "--value-per-point"
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        notes = [
            f"No decision by prices: it needs {lacking}, so {named} {'is' if len(given) == 1 else 'are'} not weighed."
        ]
        if self.prices.label is not None and answer.points:
            last = answer.points[-1].n
            wanted = answer.target.required_size.median if answer.target else None
            n = wanted if wanted is not None and wanted > last else 2 * last
            what = "reach the target" if n == wanted else "are twice as many"
            notes.append(
                f"Labels alone: {n - last:,.0f} more, to {n:,.0f}, which {what}, cost {(n - last) * self.prices.label:,.4g}."
            )
        return notes


def _sizes_within(answer: Forecast, table: CurveTable) -> Iterator[str]:
    """Say which sizes the file asks for are not larger than what was measured."""
    last = answer.points[-1].n if answer.points else 0.0
    within = sorted(size for size in table.asked_sizes if size <= last)
    if within:
        named = ", ".join(f"{size:g}" for size in within)
        yield f"Asked for n={named}, with n={last:g} measured: what one more run there would score, no look ahead."
