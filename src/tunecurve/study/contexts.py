"""Rows that a model cannot hold: told before anything is trained. The rows stay, because they are those of all models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunecurve.findings import Finding
from tunecurve.learners.base import Learner
from tunecurve.prompts import Prompt
from tunecurve.study.dataset import StudyData

# A prompt of fewer bytes than this share of the context fits with its answer, whatever the tokenizer.
SURE_SHARE = 0.3
MOST_PLACES = 5


def context_findings(data: StudyData, learners: Mapping[str, Learner], shots: Sequence[int]) -> list[Finding]:
    """Return which models cannot hold which test rows: their trials will fail.

    Parameters
    ----------
    data : StudyData
        Rows and prompts.
    learners : mapping of str to Learner
        By name.
    shots : sequence of int
        Numbers of examples in the prompt.
    """
    found = []
    for name, learner in learners.items():
        for count in sorted({0, *shots}):
            overlong = _overlong(data, name, learner, count)
            found += overlong
            if overlong and not count:
                break  # longer prompts do not fit either
    return found


def _overlong(data: StudyData, name: str, learner: Learner, shots: int) -> list[Finding]:
    context = learner.context_length()
    if context is None:
        return []
    rows = [
        row
        for row, prompt in zip(data.test, data.prompts(shots), strict=True)
        if _n_bytes(prompt) > SURE_SHARE * context and learner.tokens_needed(prompt) > context
    ]
    if not rows:
        return []
    which = f"its trials with {shots} examples" if shots else "all its trials"
    text = (
        f"{len(rows)} of {len(data.test)} test rows do not fit into the {context:,} tokens of {name}: {which} will fail"
    )
    fewer = "use fewer --shots or a model with a longer context" if shots else "choose a model with a longer context"
    remedy = f"{fewer}, or start a study with a smaller data.max_tokens"
    return [Finding("context-too-short", text, remedy, tuple(row.place for row in rows[:MOST_PLACES]))]


def _n_bytes(prompt: Prompt) -> int:
    return sum(len(message.content.encode("utf-8", "replace")) for message in prompt.messages)
