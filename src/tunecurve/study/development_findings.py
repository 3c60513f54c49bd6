"""Sizes that have too few rows for the development rows that were asked for: they are trained otherwise than the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tunecurve.findings import Finding
from tunecurve.learners.development_settings import FEWEST_DEVELOPMENT_ROWS
from tunecurve.study.plan import Trial
from tunecurve.wording import counted


def development_findings(planned: Iterable[tuple[Trial, Mapping[str, Any]]]) -> list[Finding]:
    """Return for every learner which sizes keep no development rows though they were asked for; none where all do, or none was asked to."""
    sizes: dict[str, dict[bool, set[int]]] = {}
    for trial, config in planned:
        share = (config["recipe"] or {}).get("development_share")
        if share is not None:
            sizes.setdefault(trial.learner, {}).setdefault(share > 0, set()).add(trial.train_size)
    return [
        _finding(name, sorted(kept.get(False, ())), bool(kept.get(True)))
        for name, kept in sizes.items()
        if kept.get(False)
    ]


def _finding(name: str, too_small: list[int], has_others: bool) -> Finding:
    shown = ", ".join(f"{size:,}" for size in too_small)
    text = (
        f"{name}: {counted(len(too_small), 'size')} ({shown}) {'has' if len(too_small) == 1 else 'have'} too few rows for development rows "
        f"(fewer than {FEWEST_DEVELOPMENT_ROWS} would be kept), so that all of them are trained on, at the usual learning rate"
    )
    if not has_others:
        return Finding("no-development-rows", text, learner=name)
    remedy = "compare sizes of one kind, or leave development_share and learning_rate: auto out"
    return Finding(
        "no-development-rows", f"{text}; the other sizes are of another recipe, on the same curve", remedy, learner=name
    )
