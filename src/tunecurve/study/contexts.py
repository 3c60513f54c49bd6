"""Rows and examples that a model cannot hold: told before anything is trained. The rows stay, because they are those of all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunecurve.findings import Finding
from tunecurve.learners.base import Learner
from tunecurve.spec.shots import SimilarShots
from tunecurve.study.dataset import StudyData
from tunecurve.study.trial_prompts import SURE_SHARE, n_bytes, shortened

MOST_PLACES = 5


def context_findings(
    data: StudyData, learners: Mapping[str, Learner], shots: Sequence[int | SimilarShots]
) -> list[Finding]:
    """Return which models cannot hold which test rows, so that their trials will fail, and which examples they cannot hold."""
    found = []
    for name, learner in learners.items():
        if learner.context_length() is None:
            continue
        overlong = _overlong(data, name, learner)
        found += overlong
        if not overlong and learner.takes_prompts:  # longer prompts do not fit either
            found += [one for entry in shots if (one := _cut(data, name, learner, entry)) is not None]
    return found


def _overlong(data: StudyData, name: str, learner: Learner) -> list[Finding]:
    context = learner.context_length()
    if context is None or not learner.trains_here:  # a provider counts its own tokens, and says itself what is too long
        return []
    rows = [
        row
        for row, prompt in zip(data.test, data.prompts(), strict=True)
        if n_bytes(prompt) > SURE_SHARE * context and learner.tokens_needed(prompt) > context
    ]
    if not rows:
        return []
    text = (
        f"{len(rows)} of {len(data.test)} test rows do not fit into the {context:,} tokens of {name}: all its trials will "
        "fail"
    )
    remedy = "choose a model with a longer context, or start a study with a smaller data.max_tokens"
    return [Finding("context-too-short", text, remedy, tuple(row.place for row in rows[:MOST_PLACES]))]


def _cut(data: StudyData, name: str, learner: Learner, shots: int | SimilarShots) -> Finding | None:
    """Return how many examples the prompts lose; of similar ones, which are chosen later, whether they may lose any."""
    remedy = "use fewer --shots or a model with a longer context"
    if isinstance(shots, SimilarShots):
        # The longest rows are the worst that can be chosen, for the longest input.
        longest = sorted(data.pool, key=lambda row: -len(row.source) - len(row.target))[: shots.count]
        source = max((row.source for row in data.test), key=len)
        examples = [(row.source, row.target) for row in longest]
        if shortened(data.renderer, learner, [source], [examples]).cut is None:
            return None
        text = (
            f"{shots.count} {shots.choose} examples may not fit into the {learner.context_length():,} tokens of {name}: then the "
            "least similar are left out, and counted"
        )
        return Finding("examples-cut", text, remedy, is_note=True)
    if not shots:
        return None
    examples = [(row.source, row.target) for row in data.training_rows(shots, 0)]
    cut = shortened(
        data.renderer, learner, [row.source for row in data.test], [examples] * len(data.test), goes="last"
    ).cut
    if cut is None:
        return None
    text = (
        f"{shots} examples do not fit into the {learner.context_length():,} tokens of {name}: {cut.n_prompts} of {len(data.test)} prompts "
        f"lose {cut.n_examples:,} of their {cut.of_examples:,} examples (the first draw)"
    )
    return Finding("examples-cut", text, remedy)
