"""The Modelfile with which Ollama runs a GGUF file: the prompt that the model was tuned on, and answers without chance."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from tunecurve.errors import UsageError
from tunecurve.prompts import Prompt, PromptRenderer

# Stands for a row's text while the prompt around it is written; nothing that a template would look for.
_INPUT = "TEXTxOFxAxROW"
_QUOTES = '"""'
# Unseen: neither letters, marks, numbers, punctuation and symbols, nor the blanks and line ends that Ollama keeps.
_UNSEEN = r"[^\p{L}\p{M}\p{N}\p{P}\p{S} \t\r\n]"
_ESCAPED = regex.compile(rf"\{{*(?:{_UNSEEN}\{{*)+|\{{{{2,}}|\{{\Z")


def modelfile(file_name: str, prompt_text: str, *, context: int, stops: Sequence[str] = ()) -> str:
    """Return a Modelfile.

    Parameters
    ----------
    file_name : str
        The GGUF file, beside the Modelfile.
    prompt_text : str
        The prompt of `probe`, as the model reads it.
    context : int
        Tokens of prompt and answer together.
    stops : sequence of str
        Texts that end an answer.

    Raises
    ------
    UsageError
        For a prompt that a Modelfile cannot hold.
    """
    before, found, after = prompt_text.partition(_INPUT)
    if not found or _QUOTES in prompt_text:
        raise UsageError(
            'the prompt cannot stand in a Modelfile: it holds three quotes (""") or changes the row\'s text; change prompt.system or '
            "prompt.template, or export with --as safetensors"
        )
    template = _go_text(before) + "{{ .Prompt }}" + _go_text(after) + "{{ .Response }}"
    lines = [
        f"FROM ./{file_name}",
        f"TEMPLATE {_QUOTES}{template}{_QUOTES}",
        "PARAMETER temperature 0",
        "PARAMETER top_k 1",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_ctx {context}",
        *(f'PARAMETER stop "{stop}"' for stop in stops if '"' not in stop),
    ]
    return "\n".join(lines) + "\n"


def probe(renderer: PromptRenderer) -> Prompt:
    """Return the prompt of a row whose place `modelfile` finds again."""
    return renderer.prompt(_INPUT)


def _go_text(text: str) -> str:
    """Return a text as Go's templates write it out.

    Two braces begin an action, and one before an action would touch its braces. Ollama drops characters of a Modelfile that cannot be
    seen (blanks that do not break, joiners of emoji) unless they are written as escapes.
    """
    return _ESCAPED.sub(_go_string, text)


def _go_string(found: regex.Match[str]) -> str:
    return '{{ "' + "".join(sign if sign == "{" else f"\\U{ord(sign):08x}" for sign in found[0]) + '" }}'
