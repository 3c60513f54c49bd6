"""The track record: what was forecast from small sizes of the farm's curves, and what the larger size then measured.

`python docs/generate.py` writes docs/track-record.md from it: from the stored points and today's engine alone, no data needed.
Tasks: all sizes but the last, and the first three and four sizes, asked for the largest within 8 times, as in the exam; and the first
two, the first one and none, from which the engine borrows.
Nothing of the exam half was used to learn priors or calibration.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from points import PointRow, read_points
from sets import CurveSet, read_sets

from tunecurve.atlas.measured import LESS_IS_BETTER
from tunecurve.curve.forecast import CurvePoints, forecast_curve
from tunecurve.curve.kinds import kind_of_learner
from tunecurve.curve.priors import LANGUAGE_MODEL
from tunecurve.curve.scoring import crps

MEASURED = Path(__file__).parents[2] / "src" / "tunecurve" / "atlas" / "measured.csv"
FARTHEST = 8.0
FEWEST = 3
LAST = "all sizes but the last"
FIRST = {"the first four": 4, "the first three": 3, "the first two": 2, "the first": 1, "no size": 0}
# Largest size asked for where none is seen.
FIRST_TARGET = 200.0
# To take TF-IDF for a mixture of kinds was chosen after a look at these curves of exam sets: they are no exam any more.
LOOKED_AT = frozenset({("banking77", "tfidf"), ("xsid", "tfidf"), ("mts_sections", "tfidf")})
# Measured after the two rules for fewer than three sizes were chosen, so a fresh exam of these.
AFTERWARDS = frozenset(
    {
        *(
            (name, "classifier")
            for name in (
                "banking77",
                "goemotions_sets",
                "hate_forum",
                "hwu64",
                "medical_abstracts",
                "mts_sections",
                "xsid",
            )
        ),
        *((name, "tagger") for name in ("bc5cdr", "uner_ewt", "europeana_de", "europeana_fr")),
    }
)
Runs = dict[float, list[float]]


@dataclass(frozen=True)
class MeasuredCurve:
    """One learner and metric on one set: runs by size, and what it scores untuned."""

    one: CurveSet
    learner: str
    metric: str
    n_test: int
    runs: Runs
    rivals: dict[str, float]
    device: str
    floor: float | None = None

    @property
    def is_exam(self) -> bool:
        """Whether nothing was chosen by it."""
        return self.one.exam and (self.one.name, self.learner) not in LOOKED_AT

    @property
    def is_learned(self) -> bool:
        """Whether priors are learned from it: language models of the tuning half, of four sizes or more."""
        return not self.one.exam and kind_of_learner(self.learner) == LANGUAGE_MODEL and len(self.runs) > FEWEST

    @property
    def is_fresh(self) -> bool:
        """Whether it was measured after the rules for fewer than three sizes were chosen, and nothing was learned from it."""
        return (self.one.name, self.learner) in AFTERWARDS and not self.is_learned

    @property
    def mark(self) -> str:
        """How the tables show whether it belongs to the exam."""
        return " *" if self.is_exam else " (*)" if self.one.exam else ""

    @property
    def family(self) -> str:
        """What is pooled."""
        kind = {"tfidf": "TF-IDF", "tagger": "tagger", "classifier": "classifier"}.get(self.learner, "SmolLM2-135M")
        constrained = ", constrained" if self.learner.startswith("constrained:") else ""
        return f"{self.one.task}, {kind}{constrained}"


@dataclass(frozen=True)
class Outcome:
    """One forecast and what came."""

    curve: MeasuredCurve
    task: str
    seen: tuple[float, ...]
    target: float
    measured: float
    median: float
    interval_80: tuple[float, float]
    interval_90: tuple[float, float]
    crps: float
    crps_last: float

    def held(self, interval: tuple[float, float]) -> bool:
        """Whether what came lies inside."""
        return interval[0] <= self.measured <= interval[1]


def read_curves(rows: Iterable[PointRow], sets: Sequence[CurveSet]) -> list[MeasuredCurve]:
    """Return the curves with two sizes or more, in the order of the sets."""
    by_name = {one.name: one for one in sets}
    curves: dict[tuple[str, str, str], MeasuredCurve] = {}
    for row in rows:
        key = (row["set"], row["learner"], row["metric"])
        if key not in curves:
            one = by_name[row["set"]]
            floor = float(row["floor"]) if row["floor"] else None
            curves[key] = MeasuredCurve(
                one, row["learner"], row["metric"], int(row["n_test"]), {}, {}, row["device"], floor
            )
        if row["strategy"] == "fine-tune":
            curves[key].runs.setdefault(float(row["n"]), []).append(float(row["score"]))
        else:
            name = "zero-shot" if row["strategy"] == "zero-shot" else f"{row['n']}-shot"
            curves[key].rivals[name] = float(row["score"])
    return [curve for curve in curves.values() if len(curve.runs) > 1]


def tasks_of(curve: MeasuredCurve) -> list[tuple[str, list[float], float]]:
    """Return (name, sizes seen, size asked for); what is the same as another task is left out."""
    sizes = sorted(curve.runs)
    tasks = [(LAST, sizes[:-1], sizes[-1])] if len(sizes) > FEWEST else []
    for name, count in FIRST.items():
        within = [size for size in sizes[count:] if size <= (FARTHEST * sizes[count - 1] if count else FIRST_TARGET)]
        if within and (name, sizes[:count], within[-1])[1:] not in [task[1:] for task in tasks]:
            tasks.append((name, sizes[:count], within[-1]))
    return tasks


def forecast_task(curve: MeasuredCurve, task: str, seen: Sequence[float], target: float) -> Outcome:
    """Forecast one task with today's engine."""
    size = [n for n in seen for _ in curve.runs[n]]
    score = [value for n in seen for value in curve.runs[n]]
    points = CurvePoints(np.array(size), np.array(score), n_test=curve.n_test)
    answer = forecast_curve(
        points,
        (0.0, 100.0),
        "min" if curve.metric in LESS_IS_BETTER else "max",
        at=[target],
        rivals={name: (value, None) for name, value in curve.rivals.items()},
        backtest=False,
        kind=kind_of_learner(curve.learner),
        floor=curve.floor,
    )
    entry = answer.forecasts[0]
    measured = float(np.mean(curve.runs[target]))
    return Outcome(
        curve,
        task,
        tuple(seen),
        target,
        measured,
        entry.median,
        tuple(entry.intervals["0.80"]),
        tuple(entry.intervals["0.90"]),
        crps(entry.quantiles, measured),
        abs(measured - (float(np.mean(curve.runs[seen[-1]])) if seen else _without_tuning(curve))),
    )


def _without_tuning(curve: MeasuredCurve) -> float:
    """Return the best of what doing nothing and the prompts score: the last value where nothing is tuned yet."""
    scores = [*curve.rivals.values(), *([] if curve.floor is None else [curve.floor])]
    return (min if curve.metric in LESS_IS_BETTER else max)(scores) if scores else float("nan")


def outcomes(path: Path = MEASURED) -> list[Outcome]:
    """Return all forecasts of the stored points, and what came."""
    return [
        forecast_task(curve, *task) for curve in read_curves(read_points(path), read_sets()) for task in tasks_of(curve)
    ]


def by_source(items: Sequence[Outcome], value: Callable[[Outcome], float]) -> float:
    """Return the mean in which every source counts the same."""
    sources: dict[str, list[float]] = {}
    for item in items:
        sources.setdefault(item.curve.one.source, []).append(value(item))
    return float(np.mean([np.mean(values) for values in sources.values()]))


def pooled_row(name: str, items: Sequence[Outcome]) -> str:
    """Return a row of a pooled table."""
    n_sources = len({item.curve.one.source for item in items})
    above = sum(item.measured > item.interval_80[1] for item in items)
    below = sum(item.measured < item.interval_80[0] for item in items)
    shares = [
        by_source(items, lambda item: item.held(item.interval_80)),
        by_source(items, lambda item: item.held(item.interval_90)),
    ]
    scores = [by_source(items, lambda item: item.crps), by_source(items, lambda item: item.crps_last)]
    cells = [name, str(len(items)), str(n_sources), *(f"{share:.2f}" for share in shares)]
    cells += [f"{below} / {above}", *(f"{score:.2f}" for score in scores)]
    return f"| {' | '.join(cells)} |"


POOLED = (
    "| | forecasts | sources | in 80 % | in 90 % | under / over the 80 % interval | CRPS | of the last value |\n"
    "|---|---|---|---|---|---|---|---|"
)


def pooled_table(groups: Iterable[tuple[str, Sequence[Outcome]]]) -> str:
    """Return a table with a row for every group that has forecasts."""
    return "\n".join([POOLED, *(pooled_row(name, items) for name, items in groups if items)])


def curve_row(item: Outcome) -> str:
    """Return a row of the table of curves."""
    curve = item.curve
    low, high = item.interval_80
    runs = len(curve.runs[item.target])
    ends = [f"{size:,.0f}" for size in item.seen]
    sizes = f"{ends[0]} to {ends[-1]}" if len(ends) > 1 else "".join(ends) or "none"
    cells = [
        f"{curve.one.name}{curve.mark}",
        curve.learner,
        curve.metric,
        sizes,
        f"{item.target:,.0f}",
        f"{item.median:.1f} ({low:.1f} to {high:.1f})",
        f"{item.measured:.1f}" + (f" ({runs} runs)" if runs > 1 else ""),
        "yes" if item.held(item.interval_80) else "within 90 %" if item.held(item.interval_90) else "no",
    ]
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """Return docs/track-record.md."""
    found = outcomes()
    rows = read_points(MEASURED)
    sets = {one.name: one for one in read_sets()}
    exam = sorted({one.source for one in sets.values() if one.exam})
    return "\n".join([*_introduction(found, rows, exam, len({one.source for one in sets.values()})), *_tables(found)])


def paragraph(text: str) -> str:
    """Return a text on lines of the width of the other pages."""
    return textwrap.fill(" ".join(text.split()), 130, break_long_words=False, break_on_hyphens=False)


def _introduction(found: Sequence[Outcome], rows: Sequence[PointRow], exam: Sequence[str], n_sources: int) -> list[str]:
    names, dates, devices, versions = (
        sorted({row[key] for row in rows}) for key in ("set", "date", "device", "version")
    )
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    curves = {(item.curve.one.name, item.curve.learner, item.curve.metric) for item in found}
    measured = f"""
        This program measured {len(_curve_keys(rows))} learning curves on {len(names)} public data sets ({when}, version
        {", ".join(versions)}, on {", ".join(devices)}): training sizes double from 25 rows on, test rows are the original ones,
        groups stay on one side of the split. Each of the {len(curves)} is forecast here: from all sizes but the last, and from
        the first four and three, asked for the largest size within 8 times; and from the first two, the first one and none
        (asked for {FIRST_TARGET:g} rows at most), where the engine borrows from other curves and gives no verdict. It sees the
        runs of those sizes, the number of test rows, the scores without tuning, and that a learner is a language model or TF-IDF; the
        truth is the mean of all runs at the size asked for. Scores are in points from 0 to 100."""
    chosen = f"""
        **The exam.** {len(exam)} of the {n_sources} sources are left out of all tuning, of priors and calibration alike (marked *
        below): {", ".join(exam)}. They were chosen before anything was measured, by the order of a hash of their names
        (`exam` in `benchmarks/curves/sets.toml`). {_unmeasured(found, exam, n_sources)}
        From the others the prior of language models was learned, beside published curves:
        {_names(item.curve for item in found if item.curve.is_learned)}. Their forecasts
        below are of curves that the prior has seen; docs/forecasting.md leaves each of their sources out.
        One choice was made after a look at TF-IDF curves of seven sets, three of the exam
        among them (banking77, mts_sections, xsid): that TF-IDF is forecast as a mixture of kinds. How wide its intervals are was
        chosen by its curves on the other sources. Marked (*), the three
        are counted with the rest, not with the exam. Two rules for fewer than three sizes (where a curve starts by its floor and its
        prompts; smaller falls after a single size) were learned from published curves and chosen with most of these curves in
        view; chosen without the exam's sources they would have been the same (docs/forecasting.md). What was measured after that,
        and not learned from, is pooled by itself: {_names(item.curve for item in found if item.curve.is_fresh)}."""
    reading = """
        **How to read it.** An 80 % interval should hold 80 % of the time. Every source counts the same in the shares and in
        CRPS. Sizes and metrics of one curve, and curves of one source, rise and fall together: a share of few sources can be far
        from 80 % by chance. CRPS is in points, less is better; for the last measured value, taken for the forecast, it is the
        absolute error (where no size is seen, the best score without tuning is taken for it)."""
    return [
        "# Track record: what was forecast, and what came",
        "",
        "Generated by `docs/generate.py` from the stored points of the curve farm, with today's engine; do not edit.",
        "",
        paragraph(measured),
        "",
        "    python benchmarks/curves/farm.py --data FOLDER --out FOLDER     # measures; continues where it was stopped",
        "    python benchmarks/curves/to_atlas.py FOLDER/points.csv          # stores the points in the atlas",
        "    python docs/generate.py                                         # forecasts, and writes this page",
        "",
        paragraph(chosen),
        "",
        paragraph(reading),
        "",
    ]


def _unmeasured(found: Sequence[Outcome], exam: Sequence[str], n_sources: int) -> str:
    """Return how many sources the tables count, and which of the exam they do not hold, as a sentence; empty where all are there."""
    there = {item.curve.one.source for item in found}
    missing = [name for name in exam if name not in there]
    if len(there) == n_sources:
        return ""
    names = f": of the exam they lack {', '.join(missing)}" if missing else ""
    return f"The tables hold the {len(there)} sources of which two sizes or more are measured{names}. "


def _names(curves: Iterable[MeasuredCurve]) -> str:
    """Return the learners of these curves, and their sets."""
    chosen = {(curve.learner, curve.one.name) for curve in curves}
    learners = sorted({learner for learner, _ in chosen})
    return "; ".join(f"{one} on {', '.join(sorted(name for own, name in chosen if own == one))}" for one in learners)


def _curve_keys(rows: Iterable[PointRow]) -> set[tuple[str, str, str]]:
    return {(row["set"], row["learner"], row["metric"]) for row in rows}


def _too_short(found: Sequence[Outcome], learners: Sequence[str]) -> str:
    """Return how many sizes the learners have that no such forecast can be made of."""
    most = {name: max(len(item.curve.runs) for item in found if item.curve.learner == name) for name in learners}
    short = [f"{name} {most[name]}" for name in learners if most[name] <= FEWEST + 1]
    return (
        f"No such forecast can be made of learners with fewer than five sizes. Most sizes so far: {', '.join(short)}."
        if short
        else ""
    )


def _tables(found: Sequence[Outcome]) -> list[str]:
    fit = [item for item in found if len(item.seen) >= FEWEST]
    halves = [
        ("from three sizes or more", fit),
        ("the exam: left out of all tuning", [item for item in fit if item.curve.is_exam]),
        ("the rest", [item for item in fit if not item.curve.is_exam]),
        *((f"from {name}", [item for item in found if item.task == name]) for name in (LAST, *FIRST)),
        ("fewer than three, exam", [item for item in found if len(item.seen) < FEWEST and item.curve.is_exam]),
        ("fewer than three, the rest", [x for x in found if len(x.seen) < FEWEST and not x.curve.is_exam]),
        *(
            (
                f"from {name}, measured after its rule was chosen",
                [x for x in found if x.task == name and x.curve.is_fresh],
            )
            for name, sizes in FIRST.items()
            if sizes < 2
        ),
    ]
    four = [item for item in found if len(item.seen) > FEWEST]
    learners = sorted({item.curve.learner for item in found})
    families = sorted({item.curve.family for item in found})
    metrics = sorted({item.curve.metric for item in found})
    titles = "| set | learner | score | sizes seen | asked for | forecast (80 % interval) | measured | held |"
    header = titles + "\n|---|---|---|---|---|---|---|---|"
    lists: list[str] = []
    for name in (LAST, *FIRST):
        own = [item for item in found if item.task == name]
        if own:
            borrowed = ": borrowed from other curves" if FIRST.get(name, FEWEST) < FEWEST else ""
            lists += [f"## Every curve, from {name}{borrowed}", "", header, *map(curve_row, own), ""]
    return [
        "## Pooled",
        "",
        pooled_table(halves),
        "",
        "## From four sizes or more, by learner",
        "",
        "Those marked (*) are of sources that are left out of all tuning, but were looked at once, as told above.",
        "",
        pooled_table(
            (f"{learner}{words}", [item for item in four if item.curve.learner == learner and item.curve.mark in marks])
            for learner in learners
            for words, marks in (
                ("", ("", " *", " (*)")),
                (", the exam *", (" *",)),
                (", marked (*)", (" (*)",)),
                (", the rest", ("",)),
            )
        ),
        "",
        paragraph(_too_short(found, learners)),
        "",
        "## By task and learner",
        "",
        pooled_table(
            (
                f"{name}{words}",
                [item for item in found if item.curve.family == name and (len(item.seen) < FEWEST) == few],
            )
            for name in families
            for words, few in (("", False), (", fewer than three sizes", True))
        ),
        "",
        "## By score",
        "",
        pooled_table(
            (
                f"{name}{words}",
                [item for item in found if item.curve.metric == name and (len(item.seen) < FEWEST) == few],
            )
            for name in metrics
            for words, few in (("", False), (", fewer than three sizes", True))
        ),
        "",
        *lists,
        "## Your own studies",
        "",
        paragraph(
            """A study keeps the forecasts that it shows (`forecasts.jsonl` in its run folder: date, version, the trials behind
            each). When a larger size is measured later, terminal, report and `results.json` (`forecast_history`) show the latest
            forecast made from smaller sizes alone beside what came. Forecasts of trials that are not the study's any more
            (another recipe, other rows, another metric) are left out. Over studies:"""
        ),
        "",
        "    tunecurve forecast --history runs/*",
        "",
    ]
