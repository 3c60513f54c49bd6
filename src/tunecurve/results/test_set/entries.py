"""What the test rows of a study can show: differences of two sizes, leaks of which none is found, and how many rows show more.

Before anything is measured it rests on the rows and on what other studies showed (`basis.py`), and says so; as soon as a
learner has two sizes, on their answers. The numbers are those of `curve/power.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunecurve.curve.intervals import bound_if_none, difference_of
from tunecurve.curve.power import MOST_ROWS, POWER, PairedNoise, measured_noise, rows_to_bound
from tunecurve.metrics.base import Metric
from tunecurve.results.points import ScoredPoint, tuned_curves
from tunecurve.results.records.test_set import Basis, LeakBound, TestDifference

# What is asked for where nobody says so: a difference and a leak rate, in points.
DIFFERENCE, LEAK_BOUND = 1.0, 1.0
LEVEL = 0.95
# A bound from here on, in per cent, is written as 100 % and shuts nothing out.
BOUNDS_NOTHING = 99.5


@dataclass(frozen=True)
class Questions:
    """What the test rows should show: a difference in units of the score, and a bound on leaks in per cent."""

    difference: float = DIFFERENCE
    leak_bound: float = LEAK_BOUND
    level: float = LEVEL


@dataclass(frozen=True)
class TestRows:
    """How many test rows there are, and what they are counted in."""

    __test__ = False  # its name is no test's
    n_rows: int
    n_groups: int

    @property
    def in_words(self) -> str:
        """The rows in words, e.g. ``these 200 test rows (51 groups)``."""
        if self.n_rows == 1:
            return "this single test row"
        groups = f" ({self.n_groups:,} groups)" if self.n_groups < self.n_rows else ""
        return f"these {self.n_rows:,} test rows{groups}"

    @property
    def alike(self) -> str:
        """What more rows are to be like."""
        return " (in as many groups a row as now)" if self.n_groups < self.n_rows else ""


def difference_entry(
    noises: Sequence[PairedNoise], rows: TestRows, questions: Questions, basis: Basis
) -> TestDifference:
    """Return what differences of one score can be told, by the measured noise, or the least and the most that was borrowed."""
    smallest = [noise.smallest_difference(level=questions.level) for noise in noises]
    smallest.sort(
        key=lambda value: math.inf if value is None else value
    )  # over few rows the rarer change can take more
    needed = [noise.rows_for(questions.difference, level=questions.level) for noise in noises]
    entry = TestDifference(
        **vars(basis),
        noises=list(noises),
        smallest=smallest,
        wanted=questions.difference,
        rows_needed=needed,
        power=POWER,
    )
    return replace(entry, sentence=_difference_sentence(entry, rows))


def _difference_sentence(entry: TestDifference, rows: TestRows) -> str:
    smallest = [value for value in entry.smallest if value is not None]
    if len(smallest) < len(entry.smallest):
        can = f"no difference of {entry.title} between two sizes is told in 4 of 5 cases"
    else:
        told = "is told" if entry.basis == "answers" else "will be told"
        amount = _amount(smallest, entry.noises[0].width)
        can = f"a difference of {amount} of {entry.title} between two sizes {told} in 4 of 5 cases"
    return f"With {rows.in_words}, {can}; {_rows_needed(entry, rows)}. {entry.source}"


def _rows_needed(entry: TestDifference, rows: TestRows) -> str:
    wanted = _amount([entry.wanted], entry.noises[0].width)
    needed = [count for count in entry.rows_needed if count is not None]
    is_out_of_reach = len(needed) < len(entry.rows_needed)
    if is_out_of_reach and entry.noises[-1].seed_variance > 0:
        return f"no number of test rows tells {wanted}, because runs with other seeds differ by too much"
    if is_out_of_reach:
        return f"not even {MOST_ROWS:,} rows tell {wanted}"
    if max(needed) <= rows.n_rows:
        return f"that is enough to tell {wanted}, which takes about {_about(needed)} rows"
    verb = "are needed" if entry.basis == "answers" else "may be needed"
    return f"to tell {wanted}, about {_about(needed)} rows {verb}{rows.alike}"


def _amount(values: Sequence[float], width: float) -> str:
    """Return one or two amounts of score, in points where the score is in per cent."""
    shown = list(dict.fromkeys(f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}" for value in values))
    unit = "" if width != 100.0 else " point" if shown == ["1"] else " points"
    return " to ".join(shown) + unit


def _about(values: Sequence[int]) -> str:
    return " to ".join(dict.fromkeys(f"{about(value):,}" for value in sorted(values)))


def about(count: float) -> int:
    """Return a count with two digits, rounded up."""
    step = 10 ** max(math.floor(math.log10(count)) - 1, 0) if count > 0 else 1
    return int(math.ceil(count / step - 1e-9) * step)


def leak_entry(
    n_judged: int, n_groups: int, effective_groups: float, rows: TestRows, questions: Questions
) -> LeakBound | None:
    """Return what leak rate is excluded if none is found, and how many test rows exclude the one asked for.

    Parameters
    ----------
    n_judged, n_groups : int
        Documents with personal data, and the groups that hold any.
    effective_groups : float
        Groups of equal size that tell as much.
    rows : TestRows
        Of the study.
    questions : Questions
        The bound and the level.
    """
    if n_groups < 2:
        return None
    level, share = questions.level, questions.leak_bound / 100.0
    miss = math.log(1.0 - level)
    entry = LeakBound(
        n_judged=n_judged,
        n_groups=n_groups,
        effective_groups=effective_groups,
        level=level,
        bound=100.0 * bound_if_none(effective_groups, n_groups - 1, level),
        bound_if_independent=-100.0 * math.expm1(miss / n_judged),
        bound_of_groups=-100.0 * math.expm1(miss / n_groups),
        wanted=questions.leak_bound,
        rows_needed=rows_to_bound(share, rows.n_rows, n_groups, effective_groups, level),
        documents_needed_if_independent=math.ceil(miss / math.log1p(-share) - 1e-9),
    )
    return replace(entry, sentence=_leak_sentence(entry, rows))


def _leak_sentence(entry: LeakBound, rows: TestRows) -> str:
    wanted, confidence = f"{entry.wanted:g} %", f"{100 * entry.level:.0f} %"
    bounded = f"at most {entry.bound:.1f} % of all do"
    if entry.bound >= BOUNDS_NOTHING:
        bounded = "nothing is shown with these rows: up to 100 % of all may leak"
    said = f"If none of the {entry.n_judged:,} documents with personal data leaks, {bounded} ({confidence})"
    if entry.n_groups < entry.n_judged:
        said += (
            f", or {entry.bound_of_groups:.1f} % of the groups; {entry.bound_if_independent:.1f} % if documents of "
            "one group were independent"
        )
    needed = entry.rows_needed
    if needed is None:
        return f"{said}; no number of rows in such groups bounds leaks at {wanted}."
    if needed <= rows.n_rows:
        return f"{said}: enough to bound leaks at {wanted}."
    said += f"; to bound leaks at {wanted}, about {about(needed):,} test rows are needed{rows.alike}"
    if entry.n_groups < entry.n_judged:
        said += f", or {entry.documents_needed_if_independent:,} documents in groups of their own"
    return said + "."


def measured_entries(
    points: Sequence[ScoredPoint], metrics: Sequence[Metric], rows: TestRows, questions: Questions
) -> list[TestDifference]:
    """Return an entry for every learner with two sizes and every metric of a bounded range: its two largest sizes."""
    found = []
    for learner, own in tuned_curves(points).items():
        for metric in metrics if len(own) > 1 else ():
            first, second = own[-2:]
            item = difference_of(second.jackknives[metric.name], first.jackknives[metric.name])
            noise = measured_noise(item, rows.n_rows, metric.score_range[1] - metric.score_range[0])
            if noise is None or not math.isfinite(noise.width):
                continue
            source = _what_answers(learner, first, second, noise, len(second.scores[metric.name]))
            sizes = [first.train_size, second.train_size]
            basis = Basis("answers", metric.name, learner, sizes, source, metric.title)
            found.append(difference_entry([noise], rows, questions, basis))
    return found


def _what_answers(learner: str, first: ScoredPoint, second: ScoredPoint, noise: PairedNoise, n_seeds: int) -> str:
    runs = "one run a size, so what other seeds would change is not in it" if n_seeds == 1 else f"{n_seeds} runs a size"
    said = f"Measured: the answers of {learner} tuned on {first.train_size:,} and on {second.train_size:,} rows, {runs}"
    return said + ("." if noise.variance else "; no answer differs yet, so this is a cautious guess.")
