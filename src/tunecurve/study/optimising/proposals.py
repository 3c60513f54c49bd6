"""What a proposer is asked for a better instruction, and which of its proposals cannot be tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.learners.base import Completion, Learner
from tunecurve.prompts import Message, Prompt, PromptRenderer

# A proposal is cut there: an instruction that is longer is dropped.
PROPOSAL_TOKENS = 400
# Rows whose answers a proposer is shown at once.
ROWS_SHOWN = 3
LABELS_SLOT = "{labels}"
_KEEP_SLOT = f"{LABELS_SLOT} stands for the list of labels, which is filled in later: write {LABELS_SLOT} in the new instruction, too. "
_END = "Provide the new instructions within"

EMPTY, CUT, UNANSWERED = "empty", f"longer than {PROPOSAL_TOKENS} tokens", "not answered"
NO_LABELS, TOO_LONG, REPEATED = f"without {LABELS_SLOT}", "too long for the context", "repeated"


def proposal_prompt(instruction: str, shown: Sequence[Mapping[str, Any]], proposer: Learner) -> Prompt | None:
    """Return what a proposer is asked, with as many of the rows as its context holds; None where it does not hold one."""
    from gepa.strategies.instruction_proposal import InstructionProposalSignature

    template = InstructionProposalSignature.default_prompt_template
    if LABELS_SLOT in instruction:
        template = template.replace(_END, _KEEP_SLOT + _END)
    context = proposer.context_length()
    for n in range(len(shown), 0, -1):
        text = InstructionProposalSignature.prompt_renderer(
            {
                "current_instruction_doc": instruction,
                "dataset_with_feedback": list(shown[:n]),
                "prompt_template": template,
            }
        )
        prompt = Prompt((Message("user", str(text)),), "", max_tokens=PROPOSAL_TOKENS)
        if context is None or proposer.tokens_needed(prompt) <= context:
            return prompt
    return None


def proposed_instruction(answer: Completion) -> str:
    """Return the instruction in a proposer's answer."""
    from gepa.strategies.instruction_proposal import InstructionProposalSignature

    return InstructionProposalSignature.output_extractor(answer.text)["new_instruction"].strip()


def why_dropped(
    answer: Completion, instruction: str, renderer: PromptRenderer, learner: Learner, longest: Sequence[str]
) -> str | None:
    """Return why a proposal cannot be tried, the longest inputs beside it; None where it can."""
    if answer.stop_reason == "length":
        return CUT
    if answer.stop_reason != "end":
        return UNANSWERED
    if not instruction:
        return EMPTY
    if LABELS_SLOT in renderer.system and LABELS_SLOT not in instruction:
        missing = [label for label in renderer.labels if label not in instruction]
        if missing or not renderer.labels:
            return NO_LABELS
    context = learner.context_length()
    asked = with_instruction(renderer, instruction)
    if context is not None and any(learner.tokens_needed(asked.prompt(text)) > context for text in longest):
        return TOO_LONG
    return None


def with_instruction(renderer: PromptRenderer, instruction: str) -> PromptRenderer:
    """Return the renderer with another instruction."""
    return replace(renderer, system=instruction)
