"""What a learner is asked in a trial: every row's prompt with its examples, of which some go where the context is too small.

Of examples that all rows share the last ones go, so that what the prompts have in common stays common; of a row's own examples the
least similar ones. What went is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tunecurve.learners.base import Learner
from tunecurve.prompts import Prompt, PromptRenderer
from tunecurve.study.answer_report import ExamplesCut
from tunecurve.study.dataset import StudyData

# A prompt of fewer bytes than this share of the context fits with its answer, whatever the tokenizer.
SURE_SHARE = 0.3

Example = tuple[str, str]


@dataclass(frozen=True)
class AskedPrompts:
    """The prompts of a trial."""

    prompts: list[Prompt]
    """One a row."""
    cut: ExamplesCut | None = None
    """What the context did not hold."""


def fixed_prompts(data: StudyData, learner: Learner, shared_shots: int, seed: int) -> AskedPrompts:
    """Return the prompts of a trial but for examples that are chosen for every row by itself."""
    if not shared_shots:
        return AskedPrompts(data.prompts())
    examples = [(row.source, row.target) for row in data.training_rows(shared_shots, seed)]
    sources = [row.source for row in data.test]
    return shortened(data.renderer, learner, sources, [examples] * len(sources), goes="last")


def shortened(
    renderer: PromptRenderer,
    learner: Learner,
    sources: Sequence[str],
    examples: Sequence[Sequence[Example]],
    *,
    goes: Literal["first", "last"] = "first",
) -> AskedPrompts:
    """Return the prompts of inputs, each with as many of its examples as the learner's context holds."""
    prompts, lost = [], []
    for source, own in zip(sources, examples, strict=True):
        n_kept = _n_that_fit(renderer, learner, source, own, goes)
        prompts.append(renderer.prompt(source, _kept(own, n_kept, goes)))
        lost.append(len(own) - n_kept)
    cut = ExamplesCut(sum(n > 0 for n in lost), sum(lost), sum(map(len, examples)))
    return AskedPrompts(prompts, cut if cut.n_prompts else None)


def _kept(examples: Sequence[Example], n: int, goes: Literal["first", "last"]) -> Sequence[Example]:
    return examples[:n] if goes == "last" else examples[len(examples) - n :]


def _n_that_fit(
    renderer: PromptRenderer, learner: Learner, source: str, examples: Sequence[Example], goes: Literal["first", "last"]
) -> int:
    """Return how many of the examples fit; none where not even the bare prompt does."""
    context = learner.context_length()

    def fits(n: int) -> bool:
        prompt = renderer.prompt(source, _kept(examples, n, goes))
        return context is None or n_bytes(prompt) <= SURE_SHARE * context or learner.tokens_needed(prompt) <= context

    if not examples or fits(len(examples)):
        return len(examples)
    if not fits(0):
        return 0
    enough, too_many = 0, len(examples)
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        enough, too_many = (middle, too_many) if fits(middle) else (enough, middle)
    return enough


def n_bytes(prompt: Prompt) -> int:
    """Return the bytes of a prompt's turns."""
    return sum(len(message.content.encode("utf-8", "replace")) for message in prompt.messages)
