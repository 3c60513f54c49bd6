"""What was trained otherwise than asked, or slower than usual: said beside the scores, which are those of what was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunecurve.findings import Finding
from tunecurve.results.records.trials import FinishedTrial


def training_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return the learners whose provider tells other hyperparameters than it was asked for."""
    differing: dict[str, list[str]] = {}
    for trial in trials:
        told = trial.job.get("differences") or []
        if told:
            differing.setdefault(trial.learner, []).append(f"{trial.label}: {', '.join(told)}")
    remedy = (
        "see how its server takes them (hosted.tuning_fields), ask for what it trains (recipe.epochs), or ask the provider why; "
        "scores and epochs are those of what was trained"
    )
    return [
        Finding(
            "trained-otherwise",
            f"{learner}: the provider trained otherwise than it was asked to",
            remedy,
            tuple(places),
        )
        for learner, places in differing.items()
    ]


def teaching_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return how many answers of teachers were dropped, and why."""
    found = []
    for learner in dict.fromkeys(trial.learner for trial in trials):
        taught = [
            trial.training.teaching
            for trial in trials
            if trial.learner == learner and trial.training and trial.training.teaching
        ]
        dropped = sum((Counter(one.dropped) for one in taught), Counter[str]())
        if dropped:
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
            asked = sum(one.asked for one in taught)
            text = f"{learner}: {dropped.total():,} of {asked:,} answers of its teacher are not trained on: {why}"
            found.append(Finding("teacher-dropped", text, is_note=True))
    return found


def memory_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return the learners whose trainings were computed otherwise so that they fitted into memory, and how."""
    found: dict[tuple[str, str], list[str]] = {}
    for trial in trials:
        if trial.training is not None and trial.training.to_fit:
            found.setdefault((trial.learner, trial.training.to_fit), []).append(trial.label)
    remedy = "the gradients are those of whole batches; only the time is longer"
    return [
        Finding(
            "trained-to-fit",
            f"{learner}: trained so that it fits into memory: {how}",
            remedy,
            tuple(labels),
            is_note=True,
        )
        for (learner, how), labels in found.items()
    ]


def speed_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return the learners that were trained, or answered, slower than usual, and why; their numbers are the reference's."""
    slower: dict[tuple[str, str], list[str]] = {}
    for trial in trials:
        training, decoder = trial.training, trial.answers.decoder
        if training is not None and not training.is_fastest:
            slower.setdefault((trial.learner, f"trained slower than usual ({training.path})"), []).append(trial.label)
        if decoder is not None and not decoder.is_fastest:
            slower.setdefault((trial.learner, f"answered slower than usual ({decoder.said})"), []).append(trial.label)
    remedy = "the scores are right; only the time is longer, often several times"
    return [
        Finding("slower-than-usual", f"{learner}: {told}", remedy, tuple(labels), is_note=True)
        for (learner, told), labels in slower.items()
    ]
