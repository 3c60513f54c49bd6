"""The one risk that matters most before a decision is followed: of what is known, the first that holds."""

from __future__ import annotations

from tunecurve.curve.units import in_digits
from tunecurve.metrics.leak_names import LEAKS
from tunecurve.results.best_so_far import leak_sentence
from tunecurve.results.model import Results
from tunecurve.results.points import best_point
from tunecurve.results.records.decision import Risk
from tunecurve.results.records.points import Point, best_of


def greatest_risk(results: Results, learner: str | None) -> Risk | None:
    """Return the risk of a decision that rests on a learner's curve, if on any; None where nothing speaks against it."""
    tuned = [point for point in results.points if point.strategy == "fine-tune" and point.learner == learner]
    best = best_of(tuned, lambda point: point.scores[results.primary_metric].estimate, results.metric())
    leaks = _leaks(results, best)
    if leaks is not None and (best is None or best.scores[LEAKS].estimate != 0):
        return leaks
    return (
        _untuned(results, best) or _drop(results, learner) or _test_rows(results, learner) or leaks or _finding(results)
    )


def _leaks(results: Results, best: Point | None) -> Risk | None:
    if best is None or LEAKS not in best.scores:
        return None
    unanswered = best.scores["unanswered"].estimate if "unanswered" in best.scores else None
    known = results.test_set.leaks
    n_judged = known.n_judged if known is not None and not unanswered else None
    return Risk("leaks", leak_sentence(best, results.test_set, results.findings, n_judged) + ".")


def _untuned(results: Results, best: Point | None) -> Risk | None:
    """Return whether something that needs no training rows scores better than the best tuned point."""
    metric, first = results.metric(), best_point(results.points, results.metric())
    if best is None or first is None or first.strategy == "fine-tune":
        return None
    theirs, ours = first.scores[metric.name].estimate, best.scores[metric.name].estimate
    if theirs is None or ours is None or theirs == ours:
        return None
    text = f"{first.name}, which is not tuned, scores {theirs:.1f} {metric.title}, and the best tuned point {ours:.1f}."
    return Risk("better untuned", text)


def _drop(results: Results, learner: str | None) -> Risk | None:
    forecast = results.forecast.get(learner or "")
    found = next((drop for drop in (forecast.drops if forecast else []) if drop.real), None)
    if found is None:
        return None
    text = (
        f"From {found.from_n:,.0f} to {found.to_n:,.0f} rows the score fell by {found.drop:.1f}, more than chance explains: "
        "a run may have collapsed."
    )
    return Risk("drop", text)


def _test_rows(results: Results, learner: str | None) -> Risk | None:
    """Return whether the test set is too small to show what is expected, or what would be told if it were larger."""
    found = next((item for item in results.test_set.next_rows if item.learner == learner), None)
    if found is None:
        return None
    told = "no gain at all" if found.smallest is None else f"gains from {found.smallest:.2g} on"
    gain = in_digits(found.gain, found.wanted)
    if found.more_test_rows is None and _seeds_hide(results, learner):
        text = (
            f"Too few seeds: twice the rows are expected to gain {gain}, and runs with other seeds differ by so much that no number of "
            f"test rows tells a gain of {found.wanted:.2g}; these {results.test_set.n_rows:,} show {told}."
        )
        return Risk("seeds", text)
    text = (
        f"Too few test rows: twice the rows are expected to gain {gain}, and these {results.test_set.n_rows:,} test rows show "
        f"{told}."
    )
    return Risk("test rows", text)


def _seeds_hide(results: Results, learner: str | None) -> bool:
    """Whether the seeds, not the test rows, hide the gain of the headline metric: so say the words on test rows."""
    return any(
        entry.noises[-1].seed_variance > 0
        for entry in results.test_set.differences
        if (entry.learner, entry.metric) == (learner, results.primary_metric)
    )


def _finding(results: Results) -> Risk | None:
    failed = [trial for trial in results.trials if trial.failure]
    if failed:
        return Risk("failed trials", f"{len(failed)} of {len(results.trials)} trials failed: {failed[0].failure}")
    warning = next((finding for finding in results.findings if finding.kind == "warning"), None)
    return None if warning is None else Risk("finding", warning.line)
