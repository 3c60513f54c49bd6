"""A study's metrics from its results alone, without its data: for answers that are scored again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from tunecurve.errors import TunecurveError
from tunecurve.formats.placeholders import form_of_decision
from tunecurve.metrics.base import Metric
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.metrics.settings import MetricSettings
from tunecurve.results.model import Results
from tunecurve.study.decisions import UNSEEN
from tunecurve.study.metric_tokenizers import DEFAULTS

# Differences between two numbers that were computed in the same way, rounding aside.
ALIKE = 1e-6


def metrics_of(results: Results, names: Sequence[str]) -> dict[str, Metric]:
    """Return metrics as a study used them, by name; without those that are code of the user's own and may not be loaded."""
    decided = cast(dict[str, Any], results.decided)
    options = cast(dict[str, Any], results.spec.get("metric_options") or {})
    tokenizers = {
        name: options.get(name) or (decided.get(name) or {}).get("name") or usual for name, usual in DEFAULTS.items()
    }
    settings = MetricSettings(
        tuple(decided.get("labels") or results.data.labels),
        tuple(decided.get(UNSEEN) or ()),
        form_of_decision(decided.get("placeholders")),
        tokenizers["bleu_tokenizer"],
        tokenizers["rouge_tokenizer"],
    )
    found = {}
    for name in names:
        try:
            found[name] = build_metrics([name], settings)[0]
        except TunecurveError:
            continue
    return found


def is_the_score(score: float, told: float | None) -> bool:
    """Return whether a score that was computed again is the one that results tell."""
    return told is not None and math.isfinite(score) and abs(score - told) <= ALIKE * max(1.0, abs(told))
