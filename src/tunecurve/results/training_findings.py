"""What was trained otherwise than asked, or slower than usual: said beside the scores, which are those of what was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunecurve.findings import Finding
from tunecurve.learners.training import OverMaskingBudget
from tunecurve.results.records.trials import FinishedTrial

# A budget that pays for fewer words of the rows kept for it cannot be measured there: even a count of ten is off by a third.
FEWEST_WORDS_PAID = 10.0


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


def budget_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return the learners whose budget of over-masking rests on too few rows, or masks less than none would."""
    unmeasured: dict[str, list[str]] = {}
    masking_less: dict[str, list[str]] = {}
    for trial in trials:
        budget = trial.training.over_masking if trial.training else None
        if budget is None:
            continue
        if budget.per_cent / 100 * budget.words < FEWEST_WORDS_PAID:
            unmeasured.setdefault(trial.learner, []).append(f"{trial.label}: {_what_is_paid(budget)}")
        if budget.masked is not None and budget.masked_without is not None and budget.masked < budget.masked_without:
            shares = f"{budget.masked:.2g} % of their public text, {budget.masked_without:.2g} % without it"
            masking_less.setdefault(trial.learner, []).append(f"{trial.label}: {shares}")
    return [
        Finding(
            "budget-not-measured",
            f"{learner}: the budget of over-masking cannot be measured on so few rows kept aside, so its threshold is a guess: much "
            "more or less of other rows may be masked",
            "go by over-masking and leaks of the test rows; train on more rows, or leave encoder.over_masking out",
            tuple(places),
        )
        for learner, places in unmeasured.items()
    ] + [
        Finding(
            "budget-masks-less",
            f"{learner}: with the budget of over-masking less is masked of the rows kept aside than without it, so that more may leak",
            "leave encoder.over_masking out, or raise it, where leaks count more",
            tuple(places),
            is_note=True,
        )
        for learner, places in masking_less.items()
    ]


def _what_is_paid(budget: OverMaskingBudget) -> str:
    if not budget.words:
        return f"no word of the {budget.rows} rows kept aside should stay, so no threshold was chosen"
    words = budget.per_cent / 100 * budget.words
    return f"{budget.per_cent:g} % is {words:.2g} of the {budget.words:,} public words of {budget.rows} rows"


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
