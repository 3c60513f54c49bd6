"""What is said about one curve, part by part; the same records are printed, kept in results.json and drawn.

A part can be read by attribute (``answer.verdict.word``) and by key, like the JSON that it becomes (``answer["verdict"]["word"]``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tunecurve.storage.records import Record

Interval = tuple[float, float]
Word = Literal["rising", "flat", "cannot tell", "no gain that this test set can show"]


@dataclass(frozen=True)
class MeasuredSize(Record):
    """One measured size: the mean of its runs."""

    n: float
    mean_score: float
    runs: int


@dataclass(frozen=True)
class Spread(Record):
    """A distribution of scores at one size."""

    median: float
    intervals: dict[str, Interval]
    """By nominal coverage: ``0.50``, ``0.80``, ``0.90``."""


@dataclass(frozen=True)
class Gain(Spread):
    """What a size is expected to gain over the largest measured one on this test set; positive is better."""

    mean: float


@dataclass(frozen=True)
class SizeForecast(Record):
    """What one run at a size would measure."""

    n: float
    mean: float
    median: float
    quantiles: dict[str, float]
    """19 of them, ``0.05`` to ``0.95``."""
    intervals: dict[str, Interval]
    """By nominal coverage: ``0.50``, ``0.80``, ``0.90``."""
    this_test_set: Spread
    """The expected score on this test set, without the noise of a run."""
    population: Spread
    """The expected score on all rows of this kind."""
    borrowed: bool
    """Made from fewer than three sizes."""
    speculative: bool
    """More than 8 times the data."""
    gain: Gain | None = None
    """Both sizes on the same drawn curves; None where the forecast is borrowed."""

    @property
    def interval_80(self) -> Interval:
        """The 80 % interval of one run."""
        return self.intervals["0.80"]

    @property
    def mark(self) -> str:
        """How far it may be trusted, where that is less than usual: borrowed, speculative, or nothing."""
        return "borrowed" if self.borrowed else "speculative" if self.speculative else ""


@dataclass(frozen=True)
class SizeInterval(Record):
    """A size at which something happens; None stands for never."""

    median: float | None
    low: float | None
    high: float | None
    level: float
    never_probability: float


@dataclass(frozen=True)
class Reached(Record):
    """The probability that a target is reached by a size."""

    n: float
    probability: float


@dataclass(frozen=True)
class Target(Record):
    """How a target is reached: the required size, and the probability by each size."""

    target: float
    required_size: SizeInterval
    speculative: bool
    by_size: list[Reached]


@dataclass(frozen=True)
class Plateau(Record):
    """The size from which no doubling, up to eight times the data, gains `delta`; None is beyond that."""

    size: float | None
    """Best estimate: the median over drawn curves."""
    low: float | None
    high: float | None
    """Ends of the 80 % interval."""
    sure_size: float | None
    """First size from which every later gain is small with P >= 0.8."""
    observed: bool
    """Whether it has begun by the largest measured size with P >= 0.8."""
    probability: float
    """That it has begun by then."""
    delta: float


@dataclass(frozen=True)
class SettlingStep(Record):
    """A measurement that could turn a `cannot tell` into a clear word."""

    kind: Literal["seeds", "size", "test set"]
    what: str
    n: float
    chance: float
    more_labels: float
    more_runs: int
    cost: float | None
    """As far as there are prices; None where nothing has one."""


@dataclass(frozen=True)
class Verdict(Record):
    """The word on the next doubling, why, and what would settle a `cannot tell`."""

    word: Word
    sentence: str
    probability_rising: float
    expected_gain: float
    """Of the next doubling, in units of the score; positive is better."""
    settle: list[SettlingStep]
    reason: str | None = None
    """What is in the way of a clear word; None where there is one."""
    answer: SettlingStep | None = None
    """Step against that reason, the cheapest of several; where it would settle nothing, of all; None where no measurement answers it.
    Of `flat` beside a lone last run that fell by more than its test rows explain, the rerun."""


@dataclass(frozen=True)
class Crossover(Record):
    """From which size fine-tuning is better than the best prompt."""

    rival: str
    rival_score: float
    size: SizeInterval
    probability_ahead_at_largest_size: float
    probability_ever: float


@dataclass(frozen=True)
class BackTest(Record):
    """The forecast of the largest measured size from the smaller ones, beside what was measured."""

    n: float
    actual: float
    median: float
    interval_80: Interval
    miss: float
    inside_80: bool


@dataclass(frozen=True)
class Stop(Record):
    """The option of no further round."""

    n: float
    more_labels: float = 0.0
    cost: float = 0.0
    net_gain: float = 0.0


@dataclass(frozen=True)
class NextRound(Record):
    """One size to label and train up to, with what it is expected to cost and to bring."""

    n: float
    more_labels: float
    """Those that are missing: rows that are labelled already are not in it, nor in the cost."""
    cost: float
    expected_score: float
    expected_gain: float
    net_gain: float
    gain_per_money: float | None
    """None where it costs nothing."""
    chance_it_pays: float


@dataclass(frozen=True)
class Decision(Record):
    """Stop, or label and train up to the size with the best expected gain."""

    best: NextRound | Stop
    sentence: str
    options: list[NextRound]
    unknown: list[str]
    """Prices that were left out."""


@dataclass(frozen=True)
class Drop(Record):
    """A step on which more data scored less."""

    from_n: float
    to_n: float
    drop: float
    """In units of the score, positive."""
    probability_of_luck: float | None
    """Of a drop this large or larger between equally good sizes; None where nothing is known of the noise. In a study no less than
    the printed comparison of the two sizes leaves it."""
    real: bool
    """Whether that is below 0.05 over the number of steps, and the printed interval of the two sizes' difference leaves out 0."""
    counts: list[str]
    """Which noise the test knows: seeds, test rows."""


@dataclass(frozen=True)
class StudySize(Record):
    """A next study, and how wide it would leave the interval far beyond."""

    rows: float
    seeds: int
    width: float


@dataclass(frozen=True)
class FirstStudy(Record):
    """How many rows to train on to find out: the smallest study that brings most of what the best would.

    In a study of labelled rows that is one within them, where they hold the sizes that are missing for a verdict.
    """

    rows: float
    seeds: int
    wanted_n: float
    width_now: float
    """Of the 80 % interval at `wanted_n`, in units of the score."""
    width_then: float
    options: list[StudySize]
    """What was weighed, however many rows are labelled."""
    sentence: str
    sizes: list[float] = field(default_factory=list)
    """To train on, smallest first; empty in older results."""


@dataclass(frozen=True)
class CurveAnswer(Record):
    """Everything said about one curve; `refusal` is set where its points alone say nothing."""

    refusal: str | None
    """Why there is no verdict; forecasts are borrowed from other curves then, or empty."""
    points: list[MeasuredSize]
    forecasts: list[SizeForecast] = field(default_factory=list)
    target: Target | None = None
    plateau: Plateau | None = None
    verdict: Verdict | None = None
    crossover: Crossover | None = None
    backtest: BackTest | None = None
    decision: Decision | None = None
    drops: list[Drop] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader must know: broken runs suspected, sizes that are speculative, replicates missing."""
    first_study: FirstStudy | None = None
    """With a refusal: how many rows to train on to find out."""

    @property
    def trusted(self) -> list[SizeForecast]:
        """The forecasts that are not speculative."""
        return [entry for entry in self.forecasts if not entry.speculative]
