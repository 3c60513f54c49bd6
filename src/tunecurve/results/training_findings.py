"""What a provider trained otherwise than the study asked: said beside the scores, which are those of what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunecurve.findings import Finding


def training_findings(trials: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return the learners whose provider tells other hyperparameters than it was asked for.

    Parameters
    ----------
    trials : sequence of mapping
        As described in results.json.
    """
    differing: dict[str, list[str]] = {}
    for trial in trials:
        told = ((trial.get("training") or {}).get("job") or {}).get("differences") or []
        if told:
            differing.setdefault(trial["learner"], []).append(f"{trial['label']}: {', '.join(told)}")
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
