"""Zero-shot prompts, few-shot prompts and tuning examples: one renderer, used by every learner.

A prompt is a list of chat messages. The instruction is the system message, so that everything before a row's own text
is the same for all rows: models and providers can compute or bill that prefix once. Templates are filled by plain
substitution: a brace in a row's text is a brace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tunecurve.formats.answer_shapes import AnswerShape
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm

LABELS = "{labels}"  # stands for the label list in an instruction
MASKING_SYSTEM = (
    "Mask the personal data in the text: replace each piece with its label in square brackets and change nothing else. "
    "Answer with the masked text only. Labels: {labels}."
)
DEFAULT_TEMPLATE = "{input}"


def masking_instruction(form: PlaceholderForm) -> str:
    """Return the default instruction of masking for placeholders of a form; ``{labels}`` stands for the label list."""
    if form.is_classic:
        return MASKING_SYSTEM
    if all(style.says_no_label for style in form.styles):
        return (
            f"Mask the personal data in the text: replace each piece with {form.example} and change nothing else. "
            "Answer with the masked text only."
        )
    if all(style.is_bare for style in form.styles):
        how = "replace each piece with its label"
    else:
        how = f"replace each piece with its label, written as {form.numbered_example},"
    return (
        f"Mask the personal data in the text: {how} and change nothing else. "
        "Answer with the masked text only. Labels: {labels}."
    )


@dataclass(frozen=True)
class Message:
    """One chat turn: role ``system``, ``user`` or ``assistant``, and its text."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """What a learner is asked."""

    messages: tuple[Message, ...]
    """Chat turns; the last one holds the row's input."""
    source: str
    """The bare input."""
    labels: tuple[str, ...] = ()
    """What a masking of the input may put in its place; empty where the task has no labels."""
    numbered: bool = False
    """Whether labels may carry numbers: ``[NAME_2]``."""
    form: PlaceholderForm = CLASSIC
    """How a masking writes its placeholders."""
    shape: AnswerShape | None = None
    """What the answer may be, for models that are held to it."""
    max_tokens: int | None = None
    """Most tokens of the answer; None: as the study bounds answers by their inputs."""


def held_to_shape(prompts: Sequence[Prompt], shape: AnswerShape | None) -> list[Prompt]:
    """Return prompts whose answers may be nothing but of a shape; None: anything."""
    return [replace(prompt, shape=shape) for prompt in prompts]


@dataclass(frozen=True)
class TuningExample:
    """A prompt with the answer to learn."""

    prompt: Prompt
    answer: str


@dataclass(frozen=True)
class PromptRenderer:
    """Renders every prompt of a study."""

    system: str
    """Instruction; ``{labels}`` stands for the label list."""
    template: str = DEFAULT_TEMPLATE
    """User turn; ``{input}`` stands for the row's text."""
    labels: tuple[str, ...] = ()
    """The task's labels."""
    numbered: bool = False
    """Whether the training targets number them: ``[NAME_2]``."""
    form: PlaceholderForm = CLASSIC
    """How the targets write placeholders."""
    shape: AnswerShape | None = None
    """What answers may be, for models that are held to it."""

    @property
    def system_text(self) -> str:
        """The instruction with the labels filled in."""
        return self.system.replace(LABELS, ", ".join(self.labels))

    @property
    def names_labels(self) -> bool:
        """Whether the instruction does, so that everyone who is asked knows them."""
        return LABELS in self.system

    def user_text(self, source: str) -> str:
        """Return the user turn for an input."""
        before, _, after = self.template.partition("{input}")
        return before + source + after

    def prompt(self, source: str, examples: Sequence[tuple[str, str]] = ()) -> Prompt:
        """Return the prompt for an input, with (input, target) examples as earlier chat turns."""
        messages = [Message("system", self.system_text)] if self.system else []
        for example_source, example_target in examples:
            messages.append(Message("user", self.user_text(example_source)))
            messages.append(Message("assistant", example_target))
        messages.append(Message("user", self.user_text(source)))
        return Prompt(tuple(messages), source, self.labels, self.numbered, self.form, self.shape)

    def tuning_example(self, source: str, target: str) -> TuningExample:
        """Return the tuning example: the zero-shot prompt and its answer."""
        return TuningExample(self.prompt(source), target)
