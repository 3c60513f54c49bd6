"""What a caller in Python gives a tuned model to answer, checked: a wrong kind of value is one line that says what to give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path

from tunecurve.data.cells import is_unicode
from tunecurve.errors import UsageError
from tunecurve.prompts import Prompt

_LONGEST_QUOTE = 40


def _described(value: object) -> str:
    """Return what a value is, for a message: its kind alone where it may hold many texts."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, str):
        return f"the text '{value}'" if len(value) <= _LONGEST_QUOTE else f"the text '{value[:_LONGEST_QUOTE]}...'"
    return f"a value of type {type(value).__name__}"


def checked_texts(texts: object) -> list[str]:
    """Return texts as a list; whatever would be taken for other texts than were meant is refused."""
    is_one_text = isinstance(texts, str | bytes | bytearray)
    is_table = isinstance(texts, Mapping | Set) or getattr(texts, "ndim", 1) != 1
    if is_one_text or is_table or not isinstance(texts, Iterable):
        given = f"[{texts!r}]" if isinstance(texts, str) and len(texts) <= _LONGEST_QUOTE else '["a text", "another"]'
        raise UsageError(
            f"expected a list of texts, got {_described(texts)}; give {given} (one text is answered by the predictor itself: "
            'predictor("a text"))'
        )
    found: list[object] = list(texts)
    for number, text in enumerate(found, start=1):
        if not isinstance(text, str):
            raise UsageError(
                f"text {number} of {len(found)} is {_described(text)}, expected a str; leave it out, or give it as text"
            )
    return [text for text in found if isinstance(text, str)]


def check_text(text: object) -> None:
    """Refuse anything but one text."""
    if not isinstance(text, str):
        raise UsageError(
            f"expected one text to answer, got {_described(text)}; give a str, or ask about several texts with "
            ".complete([...]), which returns a list"
        )


def check_prompts(prompts: Sequence[object]) -> None:
    """Refuse anything but prompts."""
    if isinstance(prompts, str) or not isinstance(prompts, Sequence):
        raise UsageError(
            f"expected a list of prompts, got {_described(prompts)}; make them of texts with prompts([...]), or ask complete([...])"
        )
    for number, prompt in enumerate(prompts, start=1):
        if not isinstance(prompt, Prompt):
            raise UsageError(
                f"prompt {number} is {_described(prompt)}, expected a Prompt; make them of texts with prompts([...]), or ask "
                "complete([...])"
            )
        if not is_unicode(prompt.source):
            raise UsageError(
                f"text {number} has half a character (a lone surrogate), expected whole characters; mend the text there"
            )


def check_arguments(folder: object, trial: object, learners: object) -> None:
    """Refuse what names no run, no trial or no learners."""
    if not isinstance(folder, str | Path):
        raise UsageError(
            f"expected the folder of a run, got {_described(folder)}; give its path, e.g. 'runs/pii-quick'"
        )
    if not isinstance(trial, str | None):
        raise UsageError(
            f"trial is {_described(trial)}, expected a label, e.g. 'fine-tune-n200-seed0'; leave it out for the best one"
        )
    if not isinstance(learners, Mapping | None):
        raise UsageError(f"learners is {_described(learners)}, expected them by name; give e.g. {{'mine': learner}}")
