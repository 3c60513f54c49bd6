"""The sentence below the decision: the best point so far, what stands beside it, the last step, leaks."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.findings import Finding, blocked
from tunecurve.metrics.leak_names import LEAKING_PARTS, LEAKS
from tunecurve.results.points import best_point
from tunecurve.results.records.points import Comparison, MetricResult, Point
from tunecurve.results.records.test_set import TestSet
from tunecurve.results.test_set.entries import BOUNDS_NOTHING

# In per cent: what is nearer to 0 or 100 than this differs from it by float arithmetic alone.
DUST = 1e-9


def headline(points: Sequence[Point], found: Sequence[Comparison], metric: MetricResult, leaks: str) -> str:
    """Return what was found, in two or three sentences that say what the numbers say; `leaks` is the last one."""
    best = best_point(points, metric)
    if best is None:
        return "Nothing is measured yet but the floor."
    score = best.scores[metric.name]
    within = ""
    if score.low is not None and score.high is not None:
        within = f" ({round(100 * score.level)} % interval {score.low:.1f} to {score.high:.1f})"
    first = f"Best so far: {best.learner}, {best.label}: {score.estimate:.1f} {metric.title}{within}"
    rivals = [point for point in points if point is not best and point.strategy != "fine-tune"]
    if rivals:
        first += "; beside it: " + ", ".join(_name_and_score(rival, best, metric) for rival in rivals[:5])
    return ". ".join(said for said in (first, _last_step(best, found, metric), leaks) if said) + "."


def leak_sentence(best: Point | None, test_set: TestSet, findings: Sequence[Finding], n_judged: int | None) -> str:
    """Return how many documents the best point leaks, or why that cannot be said; empty where the task has no leaks.

    Parameters
    ----------
    best : Point or None
        The best point.
    test_set : TestSet
        Its bound on groups is told where documents share groups and none leaks.
    findings : sequence of Finding
        Those that forbid the claim take its place.
    n_judged : int or None
        Documents that the metric has judged: where none leaks, this says how many may.
    """
    if best is None or LEAKS not in best.scores:
        return ""
    reasons = blocked(findings, "leaks", best.learner)
    if reasons:
        return f"How many documents leak cannot be said: {reasons[0].text}"
    score = best.scores[LEAKS]
    if score.estimate is None:
        return "How many documents leak cannot be said: none of the answers could be judged"
    missing = best.scores["unanswered"].estimate if "unanswered" in best.scores else None
    aside = (
        f"; {percent(missing)} of the rows have no answer, which is no safety, and are not counted" if missing else ""
    )
    sure = f"with {100 * score.level:.0f} % confidence"
    bound = f"{sure} at most {percent(score.bound)}"
    if score.bound is not None and score.bound >= BOUNDS_NOTHING:
        bound = (
            f"but nothing is shown by these rows: {sure} up to all"
            if score.estimate == 0
            else "these rows set it no upper bound"
        )
    if score.estimate == 0 and n_judged:
        of_groups = test_set.leaks.bound_of_groups if test_set.leaks and test_set.n_groups < test_set.n_rows else None
        groups = "" if of_groups is None else f", and at most {percent(of_groups)} of their groups"
        return f"No leak was found in the {n_judged:,} documents with personal data ({bound} leak{groups}){_parts(best, n_judged)}{aside}"
    parts = _parts(best, None) if score.estimate == 0 else ""
    return (
        f"{percent(score.estimate)} of the documents with personal data still leak some of it ({bound}){parts}{aside}"
    )


def _parts(best: Point, n_judged: int | None) -> str:
    """Return in how many documents parts of values stay, of seeds on average; empty where none does or nobody has looked."""
    share = best.scores[LEAKING_PARTS].estimate if LEAKING_PARTS in best.scores else None
    if not share:
        return ""
    if not n_judged:
        return f", but parts of values stay in {percent(share)} of them"
    count = share * n_judged / 100.0
    is_whole = abs(count - round(count)) < DUST * n_judged
    of_them = f"{round(count):,}" if is_whole else f"about {count:,.1f}"
    return f", but parts of values stay in {of_them} of them ({percent(share)})"


def without_dust(value: float) -> float:
    """Return a percentage, and 0 or 100 where only the rounding of a sum or a quotient keeps it from them."""
    return next((end for end in (0.0, 100.0) if abs(value - end) < DUST), value)


def percent(value: float | None) -> str:
    """Return a percentage in whole per cent, small and nearly full ones finer: nothing rounds to 0 % or 100 %."""
    if value is None:
        return "–"
    value = without_dust(value)
    if value in (0, 100) or 9.5 <= value < 99.0 or value <= -9.5 or value > 100:
        return f"{value:.0f} %"
    if 0 < value < 0.05:
        return "less than 0.1 %"
    if 99.95 <= value < 100:
        return "nearly 100 %"
    return f"{value:.1f} %"


def _name_and_score(rival: Point, best: Point, metric: MetricResult) -> str:
    estimate = rival.scores[metric.name].estimate
    score = "not defined" if estimate is None else f"{estimate:.1f}"
    if rival.strategy == "baseline":
        return f"{rival.learner} {score}"
    of_whom = "" if rival.learner in ("floor", best.learner) else f" of {rival.learner}"
    return f"{rival.label}{of_whom} {score}"


def _last_step(best: Point, found: Sequence[Comparison], metric: MetricResult) -> str:
    steps = [
        item
        for item in found
        if item.learner == best.learner == item.other_learner
        and item.from_.startswith("tuned")
        and item.to.startswith("tuned")
    ]
    change = steps[-1].differences[metric.name] if steps else None
    if change is None or change.low is None or change.high is None:
        return ""
    sure = "a real difference on this test set" if change.is_real else "within noise"
    first, second = (label.removeprefix("tuned on ") for label in (steps[-1].from_, steps[-1].to))
    return (
        f"From {first} to {second} rows the score changes by {change.difference:+.1f} "
        f"({change.low:+.1f} to {change.high:+.1f}: {sure})"
    )
