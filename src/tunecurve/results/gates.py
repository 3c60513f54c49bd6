"""The gate before every verdict: what a study has measured, and what must not be said of it.

A curve that stands on the floor, below a ceiling, on cut answers or on one constant answer has no verdict, however smooth
it is. What is found here stands beside the findings of the rows; a learner whose verdict is forbidden gets a refusal in
the place of its forecast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tunecurve.findings import Claim, Finding, blocked
from tunecurve.results.points import ScoredPoint, difference, floor_of, tuned_curves
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import Difference, MetricResult
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.study.answer_report import AnswerSummary
from tunecurve.study.known_answers import SMALLEST_SHORTFALL
from tunecurve.tasks.base import Task
from tunecurve.wording import first_of

# Share of a trial's answers that may be cut, failed or empty before nothing may be said that rests on them.
MOST_NOT_WHOLE = 0.2
# The code of the finding that a learner has learnt nothing, or nothing that can be told from noise.
NOT_ABOVE_FLOOR = "not-above-floor"
NOT_WHOLE, CONSTANT = "answers-not-whole", "constant-answers"
# Codes of what forbids a verdict of a learner for the sake of its tuned models alone.
OF_TUNED_MODELS = frozenset({NOT_ABOVE_FLOOR, NOT_WHOLE, CONSTANT})
# A single answer says nothing of a handful of rows.
FEWEST_ROWS_FOR_CONSTANT = 10


def floor_findings(
    points: Sequence[ScoredPoint],
    metric: MetricResult,
    level: float,
    words: Mapping[str, str | None],
    task: Task,
    second: MetricResult | None = None,
) -> list[Finding]:
    """Return whether the floor is the best already, and which learners have no size above it.

    Parameters
    ----------
    points : sequence of ScoredPoint
        All of the study.
    metric : MetricResult
        The headline metric.
    level : float
        Of the intervals.
    words : mapping of str to str or None
        By learner, the word of the verdict that its curve alone would get: one that rises may start below the floor.
    task : Task
        For the advice.
    second : MetricResult, optional
        The task's second metric: what it shows for certain is said where the headline metric shows nothing.
    """
    floor = floor_of(points)
    if floor is None or not math.isfinite(floor.scores[metric.name][0]):
        return []
    nothing = floor.scores[metric.name][0]
    if metric.best is not None and abs(metric.best - nothing) <= SMALLEST_SHORTFALL * metric.width:
        text = f"the floor ({floor.label}) scores {nothing:.1f} {metric.title}, the best possible: nothing can be learnt here"
        remedy = "check the targets, or choose a metric by which doing nothing is not enough (--metric)"
        return [Finding("floor-at-top", text, remedy, blocks=("verdict",))]
    found = []
    for learner, tuned in tuned_curves(points).items():
        gains = [difference(floor, point, metric, level) for point in tuned]
        surer = _surely_better(floor, tuned, second, level)
        if said := _not_above(floor, gains, metric, surer):
            text, remedy = said
            remedy += f"; {task.floor_remedy}" if task.floor_remedy else ""
            blocks: tuple[Claim, ...] = () if words.get(learner) == "rising" else ("verdict",)
            found.append(Finding(NOT_ABOVE_FLOOR, f"{learner}: {text}", remedy, blocks=blocks, learner=learner))
    return found


def _surely_better(floor: ScoredPoint, tuned: Sequence[ScoredPoint], metric: MetricResult | None, level: float) -> str:
    """Return the largest size that is better than the floor by more than noise in a metric, in words; empty where none is."""
    if metric is None:
        return ""
    for point in reversed(tuned):
        if difference(floor, point, metric, level).is_shown(metric.sign):
            before, now = (one.jackknives[metric.name].estimate for one in (floor, point))
            return f"{metric.title} {before:.1f} -> {now:.1f} on {point.train_size:,} rows"
    return ""


def _not_above(
    floor: ScoredPoint, gains: Sequence[Difference], metric: MetricResult, surer: str
) -> tuple[str, str] | None:
    """Return what is said of a learner with no size above the floor, and what to do."""
    if any(gain.is_shown(metric.sign) for gain in gains):
        return None
    nothing = f"the floor ({floor.label}, {floor.scores[metric.name][0]:.1f})"
    if any(metric.sign * (gain.difference or 0.0) > 0 for gain in gains):
        learnt = f"something has been learnt ({surer}), but" if surer else "whether anything has been learnt"
        learnt += f" what {metric.title} gains" if surer else ""
        text = f"no size is above {nothing} by more than noise: {learnt} cannot be told yet"
        return text, "take more test rows, train on more rows or for more steps"
    learnt = (
        f"nothing has been learnt yet by {metric.title}, though {surer}" if surer else "nothing has been learnt yet"
    )
    return f"no size is above {nothing}: {learnt}", "train on more rows or for more steps"


def answer_findings(trials: Sequence[FinishedTrial], n_empty_targets: int) -> list[Finding]:
    """Return the learners too many of whose answers are cut, failed or empty."""
    found = []
    answered = [trial for trial in trials if trial.strategy != "floor"]
    for learner in dict.fromkeys(trial.learner for trial in answered):
        own = [trial for trial in answered if trial.learner == learner]
        bad = [(trial, parts) for trial in own if (parts := _not_whole(trial.answers, n_empty_targets))]
        if not bad:
            continue
        last = max((trial.train_size for trial in own if trial.strategy == "fine-tune"), default=0)
        is_last = any(trial.train_size == last and trial.strategy == "fine-tune" for trial, _ in bad)
        blocks: tuple[Claim, ...] = ("verdict", "leaks") if is_last else ()
        said = first_of([f"{trial.label}: {parts}" for trial, parts in bad], 4, "; ")
        text = f"{learner}: many answers are not whole ({said}): the scores are those of what is left of them"
        remedy = (
            "raise answers.max_tokens_per_input_token or answers.max_extra_tokens where right answers are longer, else "
            "train longer; why answers failed stands in the report"
        )
        found.append(Finding(NOT_WHOLE, text, remedy, blocks=blocks, learner=learner))
    return found


def _not_whole(answers: AnswerSummary, n_empty_targets: int) -> str:
    """Return how many answers are cut, failed and empty, in words; empty where they are few."""
    reasons, n = answers.stop_reasons, answers.n
    cut, closed, whole = reasons.get("length", 0), answers.n_closed or 0, reasons.get("end", 0)
    failed = n - cut - whole
    empty = max(0, answers.n_empty - failed - n_empty_targets)
    if cut + closed + failed + empty <= MOST_NOT_WHOLE * n:
        return ""
    counts = [
        (cut, "cut at the answer cap"),
        (closed, "closed at it by the constraint"),
        (failed, "failed"),
        (empty, "empty"),
    ]
    return ", ".join(f"{count} of {n} {what}" for count, what in counts if count)


_MORE_TRAINING = "train on more rows, for more steps, or with --sampling stratified"
_BETTER_PROMPT = (
    "read its answers; another instruction (prompt.system) or similar examples (--shots similar:8) may help"
)


def constant_findings(trials: Sequence[FinishedTrial], n_different: Mapping[str, int], n_targets: int) -> list[Finding]:
    """Return the learners that give one and the same answer to every test row."""
    found = []
    asked = [trial for trial in trials if trial.strategy not in ("floor", "baseline")]
    enough = [trial for trial in asked if trial.answers.n >= FEWEST_ROWS_FOR_CONSTANT and n_targets > 1]
    for learner in dict.fromkeys(trial.learner for trial in enough):
        own = [trial for trial in enough if trial.learner == learner]
        constant = [trial for trial in own if n_different.get(trial.folder) == 1]
        tuned = [trial.train_size for trial in own if trial.strategy == "fine-tune"]
        if not constant:
            continue
        is_last = any(trial.strategy == "fine-tune" and trial.train_size == max(tuned) for trial in constant)
        labels = first_of([trial.label for trial in constant], 6)
        text = f"{learner}: one and the same answer to every test row ({labels})"
        blocks: tuple[Claim, ...] = ("verdict",) if is_last else ()
        is_tuned = any(trial.strategy == "fine-tune" for trial in constant)
        remedy = _MORE_TRAINING if is_tuned else _BETTER_PROMPT
        found.append(Finding(CONSTANT, text, remedy, blocks=blocks, learner=learner))
    return found


def gated(forecast: Mapping[str, LearnerForecast], findings: Sequence[Finding]) -> dict[str, LearnerForecast]:
    """Return the forecasts by learner, a refusal with its reasons in place of those that findings forbid."""
    kept = {}
    for learner, one in forecast.items():
        reasons = blocked(findings, "verdict", learner)
        said = "No verdict: " + "; ".join(finding.text.removeprefix(f"{learner}: ") for finding in reasons) + "."
        refused = LearnerForecast(said, one.points, drops=one.drops, notes=one.notes)
        kept[learner] = refused if reasons else one
    return kept


def n_different_answers(predictions: Sequence[str]) -> int:
    """Return the number of different answers, outer whitespace aside."""
    return len({prediction.strip() for prediction in predictions})
