"""The range of a metric whose range nobody gave, as its scores tell it, and what must be said of that.

What falls with more data may be a loss, without an upper end, or a rate of errors, with two. The scores alone show which only
where one is 0. With the number of test rows they show it where they are counts of these rows and could have been none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import ArrayLike

from tunecurve.curve.points import CurvePoints, Scale
from tunecurve.curve.runs import MEAN_OF_RUNS

FRACTIONS = "All scores lie within 0 to 1 and are read as fractions of 1, as with --range 0,1; if they are per cent, give --range 0,100."
# What is said where scores below 0 decide the range.
COEFFICIENTS = "Scores below 0: read as a coefficient from {end:g} below to {end:g} above zero, such as a correlation; else give --range."
# What is said where some lie below -1 and none above 1.
DETERMINATION = (
    "Scores below -1 beside fractions: read as a coefficient of determination (R2), at most 1, in a range as wide as needed, from {low:g} "
    "to 1, of which a hundredth is the gain that matters unless --delta says it; else give --range."
)
# What is said where a score of 0 decides that what falls is no loss.
RATES = "A score of 0, and less is better: read as a rate of errors from 0 to {end:g}, since a loss is never 0; else give --range."
# What is said where the test rows decide it.
COUNTED = (
    "Less is better, and the scores are counts of the {rows} test rows: read as a rate of errors from 0 to {end:g}; for a loss give "
    "--range 0,."
)
LOSS = "Less is better: read as a loss without an upper end, for which test rows say nothing."
# What is said first where the scores may as well be errors on the test rows: read as a loss their intervals are far too narrow.
DOUBTFUL = "Doubtful: "
MAY_BE_A_RATE = (
    DOUBTFUL
    + "less is better, and such round scores may be a loss (so they are read, and the luck of the test rows is left out) or errors "
    "on the {rows} test rows. If they are errors, intervals are wider: give --range {ends}. It counts for every curve of a file."
)
# So few decimals does a score have that may be a rounded share of errors, in per cent and in fractions of 1.
ROUND_DECIMALS = {100.0: 1, 1.0: 3}
RATE_RANGE = " For a rate of errors in per cent give --range 0,100{or_fraction}."
# What is said where scores are beyond what per cents, coefficients and losses can be.
ENDLESS = (
    "Scores {beyond} in {n} of {sizes} sizes: read as a score without a best value, whose forecasts stop at one and a half times the "
    "spread of the points beyond the best one; if that is wrong, mend them or give --range LO,HI."
)
# Fewer sizes beyond may be slips of the pen, as 943 for 94.3, and fewer than this share of them, too.
FEWEST_BEYOND, SHARE_BEYOND = 2, 0.5
# Fewer scores show nothing, and so many curves of other scores at most would look like counts by chance.
FEWEST_COUNTS, CHANCE_OF_COUNTS = 3, 0.01
# In per cent with at most one decimal, one of them above all that a loss per token or label is (the logarithm of a vocabulary of 270,000),
# scores may be taken for counts sooner: such scores are hardly ever something else.
LARGEST_LOSS, CHANCE_OF_LARGE_COUNTS = 12.5, 0.13
# Where none is that large, so few of the scores that could be written may be counts: losses of one decimal fall in even steps, too.
SHARE_OF_SMALL_COUNTS = 0.2
# A score that was never rounded is exact to this share of its range.
SMALLEST_STEP = 1e-9


def usual_range(
    scores: ArrayLike, direction: str, points: CurvePoints | None = None
) -> tuple[tuple[float | None, float | None], str | None]:
    """Return the range of a metric whose range nobody gave, and what must be said of it.

    Parameters
    ----------
    scores : array_like
        All scores of the curve, its rivals' too.
    direction : {"max", "min"}
        What falls with more data is a loss, which has no upper end; where one score is 0, or all are counts of the test
        rows, it is a rate of errors.
    points : CurvePoints, optional
        The curve's runs, for the test rows behind them.

    Returns
    -------
    (low, high), note
        Scores within 0 to 1 are fractions of 1, so that a curve gets one verdict in either unit; all others are in per cent.
        Scores below 0 are coefficients, from -1 or -100 on, or of determination, up to 1. Where most sizes score what none of these
        can be, as rewards and Elo ratings do, there are no ends.
    """
    values = np.asarray(scores, float)
    if points is not None and (said := _without_ends(points, direction)):
        return (None, None), said
    if direction == "min":
        return _falling_range(values, points)
    if values.size and bool((values < 0).any()) and bool((np.abs(values) <= 100).all()):
        if float(values.min()) < -1.0 and 0.0 <= float(values.max()) <= 1.0:
            low = float(np.floor(values.min()))
            return (low, 1.0), DETERMINATION.format(low=low)
        end = 1.0 if bool((np.abs(values) <= 1).all()) else 100.0
        return (-end, end), COEFFICIENTS.format(end=end)
    are_fractions = values.size > 0 and _within(values, 1.0) and bool((values > 0).any())
    return ((0.0, 1.0), FRACTIONS) if are_fractions else ((0.0, 100.0), None)


def _without_ends(points: CurvePoints, direction: str) -> str | None:
    """Return what is said of a curve most of whose sizes score above 100 or below -100 or, where less is better, below 0; else None.

    Where more is better all may lie below 0 and some below -1, as mean rewards and log-likelihoods do, and no coefficient.
    Not where scores grow by a larger factor than the sizes, or sizes are no whole numbers: the columns may be exchanged. Nor where
    what should rise has fallen: it may be a loss.
    """
    size, score = np.asarray(points.train_size, float).ravel(), np.asarray(points.score, float).ravel()
    if not (size.size and size.shape == score.shape and np.isfinite(score).all() and (size > 0).all()):
        return None
    all_below = bool((score < 0).all() and score.min() < -1 and score.min() >= -100)
    beyond = score < 0 if direction == "min" or all_below else np.abs(score) > 100
    sizes, n_beyond = np.unique(size).size, np.unique(size[beyond]).size
    if n_beyond < max(FEWEST_BEYOND, SHARE_BEYOND * sizes):
        return None
    if direction == "max" and score[size == size.max()].mean() < score[size == size.min()].mean():
        return None
    if (score > 0).all() and (score.max() / score.min() > size.max() / size.min() or (size % 1.0).any()):
        return None
    limit = (
        "below 0"
        if direction == "min" or all_below
        else "above 100"
        if (score[beyond] > 0).all()
        else "beyond 100 and -100"
    )
    return ENDLESS.format(beyond=limit, n=n_beyond, sizes=sizes)


def _falling_range(
    values: np.ndarray, points: CurvePoints | None
) -> tuple[tuple[float | None, float | None], str | None]:
    """As `usual_range`, of a score of which less is better."""
    end = None if points is None else counted_end(points)
    if points is not None and end is not None and _within(values, end):
        return (0.0, end), COUNTED.format(rows=_rows_shown(points), end=end)
    if (values == 0).any() and _within(values, 100.0):
        end = 1.0 if 0.0 < float(values.max()) <= 1.0 else 100.0
        return (0.0, end), RATES.format(end=end)
    ends = [] if points is None else _ends_of_errors(values, points)
    if points is not None and ends:
        return (0.0, None), MAY_BE_A_RATE.format(rows=_rows_shown(points), ends=" or ".join(ends))
    or_fraction = ", in fractions of 1 --range 0,1" if _within(values, 1.0) else ""
    return (0.0, None), LOSS + (RATE_RANGE.format(or_fraction=or_fraction) if _within(values, 100.0) else "")


def _rows_shown(points: CurvePoints) -> str:
    """Return the number of test rows, or the fewest and the most."""
    rows = np.unique(np.asarray(points.n_test, float))
    return f"{rows[0]:g}" if rows.size == 1 else f"{rows[0]:g} to {rows[-1]:g}"


def _ends_of_errors(values: np.ndarray, points: CurvePoints) -> list[str]:
    """Return the ranges that a rate of errors may have of which scores, with few decimals, are counts of the test rows all the same."""
    if points.n_test is None or not values.size:
        return []
    rows = np.unique(np.asarray(points.n_test, float))
    if not (np.isfinite(rows).all() and (rows >= 1).all()):
        return []
    most = max(_decimals(float(value)) for value in values)
    found = []
    for end, name in ((100.0, "0,100 (per cent)"), (1.0, "0,1 (fractions of 1)")):
        is_round = most <= ROUND_DECIMALS[end] and _within(values, end)
        if is_round and all(_are_near_counts(values, end / count, 10.0**-most) for count in rows):
            found.append(name)
    is_count = most == 0 and rows.size == 1 and rows[0] != 100.0 and _within(values, rows[0])
    return found + ([f"0,{rows[0]:g} (wrong rows)"] if is_count else [])


def fit_counts(points: CurvePoints, end: float) -> bool:
    """Whether each single score is, as it is written, a share of its test rows, `end` being all of them; False without test rows."""
    if points.n_test is None:
        return False
    scores = np.asarray(points.score, float).ravel()
    rows = np.broadcast_to(np.asarray(points.n_test, float), scores.shape)
    if not (scores.size and np.isfinite(rows).all() and (rows >= 1).all()):
        return False
    unit = 10.0 ** -max(_decimals(float(score)) for score in scores)
    return all(_are_near_counts(scores[rows == count], end / count, unit) for count in np.unique(rows))


def _are_near_counts(values: np.ndarray, step: float, unit: float) -> bool:
    """Whether scores written in such units are multiples of a step, rounded."""
    return bool((np.abs(values - np.round(values / step) * step) <= 0.5 * unit * (1.0 + 1e-6)).all())


def _within(values: np.ndarray, end: float) -> bool:
    return bool(((values >= 0) & (values <= end)).all())


def counted_end(points: CurvePoints) -> float | None:
    """Return 100 or 1 where the scores are shares of their test rows in per cent or in fractions; None where that is not clear.

    Each must be a count of its rows within half a unit of the last decimal written, where other scores would seldom be:
    in at most one curve of a hundred, by the share of the scores written so that are counts; in one of eight where scores are in per
    cent, have one decimal at most, and one is larger than losses are. Where none is, at most one score in five may be a count then.
    Means of several runs are passed over.
    """
    if points.n_test is None:
        return None
    scores = np.asarray(points.score, float).ravel()
    rows = np.broadcast_to(np.asarray(points.n_test, float), scores.shape)
    names = points.replicate if points.replicate is not None else [""] * len(scores)
    single = [MEAN_OF_RUNS.fullmatch(str(name)) is None for name in names]
    pairs = sorted({(float(s), float(n)) for s, n, one in zip(scores, rows, single, strict=True) if one})
    if not all(np.isfinite(pair).all() and pair[1] >= 1 for pair in pairs):
        return None
    return next((end for end in (100.0, 1.0) if _are_counts(pairs, end)), None)


def _are_counts(pairs: Sequence[tuple[float, float]], end: float) -> bool:
    """Whether scores are counts of so many rows each, and would hardly be by chance; 0 and the end always are, and show nothing."""
    telling = [(score, rows) for score, rows in pairs if score not in (0.0, end)]
    if len(telling) < FEWEST_COUNTS or not all(0.0 <= score <= end for score, _ in pairs):
        return False
    unit = max(10.0 ** -max(_decimals(score) for score, _ in telling), SMALLEST_STEP * end)
    steps = [end / rows for _, rows in telling]
    shares = [min(1.0, unit / step) for step in steps]
    likely = CHANCE_OF_COUNTS
    if end == 100.0 and unit >= 0.1:
        if max(score for score, _ in telling) > LARGEST_LOSS:
            likely = CHANCE_OF_LARGE_COUNTS
        elif max(shares) > SHARE_OF_SMALL_COUNTS * (1.0 + 1e-6):
            return False
    off = [abs(score - round(score / step) * step) for (score, _), step in zip(telling, steps, strict=True)]
    return bool(np.prod(shares) <= likely) and max(off) <= 0.5 * unit * (1.0 + 1e-6)


def _decimals(score: float) -> int:
    exponent = Decimal(repr(score)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def unused_rows(points: CurvePoints, scale: Scale) -> Iterator[str]:
    """Say where test rows were told and a metric without two ends makes no use of them."""
    if points.n_test is not None and points.bootstrap_draws is None and not scale.has_two_ends:
        yield f"The {_rows_shown(points)} test rows are not used: they say nothing of a score without two ends."
