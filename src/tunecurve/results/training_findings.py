"""What a provider trained otherwise than the study asked: said beside the scores, which are those of what was trained."""

from __future__ import annotations

from collections.abc import Sequence

from tunecurve.findings import Finding
from tunecurve.results.records.trials import FinishedTrial


def training_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return the learners whose provider tells other hyperparameters than it was asked for.

    Parameters
    ----------
    trials : sequence of FinishedTrial
        All of the study.
    """
    differing: dict[str, list[str]] = {}
    for trial in trials:
        told = trial.job.get("differences") or []
        if told:
            differing.setdefault(trial.learner, []).append(f"{trial.label}: {', '.join(told)}")
    remedy = "see how its server takes them (hosted.tuning_fields), or ask for what it trains (recipe.epochs)"
    return [
        Finding(
            "trained-otherwise",
            f"{learner}: the provider trained otherwise than it was asked to",
            remedy,
            tuple(places),
        )
        for learner, places in differing.items()
    ]
