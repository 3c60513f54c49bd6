"""What a test of ways to choose rows says, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.selection.records import Change, WayResult

WORDS = "words"
LEARNERS = {"tfidf": "TF-IDF", "encoder": "the frozen encoder", WORDS: "words and their neighbours"}


def verdict(results: Sequence[WayResult], title: str, sizes: Sequence[int], floor: str) -> str:
    """Return which way learns fastest, or that none beats random, learner by learner."""
    learners = list(dict.fromkeys(result.learner for result in results))
    span = f"mean from {sizes[1]:,} to {sizes[-1]:,} rows" if len(sizes) > 2 else f"at {sizes[1]:,} rows"
    sentences = []
    for learner in learners:
        own = [result for result in results if result.learner == learner]
        said = _of_learner(own, f"points of {title}, {span}", sizes, floor)
        with_name = f"With {LEARNERS[learner]}: " if len(learners) > 1 else ""
        sentences.append(with_name + (said if with_name else said[0].upper() + said[1:]))
    return " ".join(sentences)


def _of_learner(results: Sequence[WayResult], what: str, sizes: Sequence[int], floor: str) -> str:
    if any(result.outcome == "nothing learnt" for result in results):
        return (
            f"nothing can be said of the ways, because {sizes[-1]:,} rows do not get this learner above the floor ({floor}) by more "
            "than noise; give larger --sizes, more test rows (--test-size), or a metric in which it learns (--metric macro_f1)."
        )
    better = sorted((one for one in results if one.outcome == "better"), key=lambda one: -abs(_difference(one)))
    if not better:
        return f"none of these ways beats random here: choose the next rows at random.{_worse(results, what)}"
    first, *others = better
    said = f"{first.way} rows learn fastest, {in_points(first.change)} {what}, beside random rows"
    if others:
        named = " and ".join(f"{one.way} ({in_points(one.change)})" for one in others)
        said += f"; {named} beat{'s' if len(others) == 1 else ''} random, too"
    if first.rows_for_the_same is not None and first.rows_for_the_same < sizes[-1]:
        said += f". About {first.rows_for_the_same:,} {first.way} rows score what {sizes[-1]:,} random rows score"
    return f"{said}.{_worse(results, what)}"


def _worse(results: Sequence[WayResult], what: str) -> str:
    """Return which ways lose against random, as a sentence of its own; empty where none does for certain."""
    worse = [one for one in results if one.outcome == "worse"]
    if not worse:
        return ""
    named = [f"{one.way} ({in_points(one.change)})" for one in worse]
    return f" Worse than random, in {what}: {', '.join(named)}."


def _difference(result: WayResult) -> float:
    return result.change.difference if result.change else 0.0


def in_points(change: Change | None) -> str:
    """Return ``+2.1 [+1.2, +3.0]``; a dash where there is nothing to compare."""
    if change is None:
        return "–"
    if change.low is None or change.high is None:
        return f"{change.difference:+.1f}, no interval"
    digits = 1 if min(abs(change.low), abs(change.high)) >= 0.05 else 2  # an end near 0 shows its side
    return f"{change.difference:+.{digits}f} [{change.low:+.{digits}f}, {change.high:+.{digits}f}]"


def notes(learners: Sequence[str], n_replayed: int, n_pool: int, level_of_each: float) -> list[str]:
    """Return what a reader must know before acting on it."""
    read = " and ".join(LEARNERS[learner] for learner in learners)
    part = "all" if n_replayed == n_pool else f"the first {n_replayed:,}"
    what = f"the vectors of {read}" if WORDS not in learners else "every word, its form and two words on each side"
    lines = [
        f"Replayed on {part} of the {n_pool:,} labelled training rows; test rows and their groups were never chosen from.",
        f"What learns is a logistic regression on {what}, not the model that you tune: rows that help the one may "
        "help the other less.",
        "No way sees a label before it has chosen the row: stratified counts a row as what the learner takes it for.",
        f"Every interval of a difference is at {100 * level_of_each:.1f} %, so that those of the means hold together at 95 %.",
    ]
    if len(learners) > 1:
        lines.append("Where the two learners disagree, trust neither for a third.")
    return lines
