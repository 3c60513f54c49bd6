"""What models put around an answer that nobody asked for: a code fence, an announcement, quotes, JSON around one text.

A wrapper is no error of the model's masking or sorting, and a tuned model writes none: scored as it stands, it makes
prompting look worse than it is, and tuning better. A form that the study's targets have themselves is part of the
answers, and a form that the row's input has is its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Literal

Wrapper = Literal["fence", "prefix", "quotes", "json"]
Cleanable = Literal["think", "fence", "prefix", "quotes", "json"]
# What is taken off unless the study file says otherwise: what no text has at its beginning and its end by chance.
SAFE_TO_CLEAN: tuple[Cleanable, ...] = ("think", "fence")
WRAPPERS: tuple[Wrapper, ...] = ("fence", "prefix", "json", "quotes")

# Both fences end their lines alike: a carriage return at the end of the text is the text's own where the first fence has none.
_FENCE = re.compile(r"\s*(`{3,}|~{3,})[^\r\n`~]{0,30}(\r?\n)(.*?)(?:\2)?[ \t]*(?:\1\s*)?", re.DOTALL)
_FENCED_IN_A_LINE = re.compile(r"\s*```([^\n`]+)```\s*")
# One line that announces the answer: "Here is the masked text:", "Output:", "**Answer:**", "Sure! Here's ...:".
_WORDS = (
    r"answer|output|text|result|response|solution|label|class|category|translation|summary|masked text|anonymi[sz]ed text|"
    r"redacted text|ausgabe|antwort|ergebnis|réponse|respuesta|resultado|risposta"
)
_PREFIX = re.compile(
    rf"\s*(?:[*#_]{{0,3}}[ \t]*(?:the |final |masked |my )*(?:{_WORDS})[*_]{{0,2}}[ \t]*:[*_]{{0,2}}"
    r"|(?:(?:sure|certainly|of course|okay|ok)[,.!]?[^\n]{0,10}\s)?\**(?:here(?:'s|’s| is| are)|below is|this is)\b[^\n:]{0,80}:\**)"
    r"[ \t]*(?:\r?\n[ \t]*)*",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "'": "'", "`": "`", "「": "」"}


def unwrap(text: str, source: str, kinds: Collection[str]) -> tuple[str, tuple[Wrapper, ...]]:
    """Return the answer without wrappers of these kinds, and which it had, outer ones first.

    Parameters
    ----------
    text : str
        The answer.
    source : str
        The row's input; a wrapper that it has itself stays.
    kinds : collection of str
        From `WRAPPERS`.

    Examples
    --------
    >>> unwrap("```text\\nCall [NAME].\\n```", "Call Ada.", WRAPPERS)
    ('Call [NAME].', ('fence',))
    >>> unwrap("Here is the masked text:\\n\\nCall [NAME].", "Call Ada.", ["prefix"])
    ('Call [NAME].', ('prefix',))
    >>> unwrap("Text: Ada", "Text: Ada", WRAPPERS)
    ('Text: Ada', ())
    """
    found: list[Wrapper] = []
    while (step := _outer(text, kinds)) is not None and not _has(source, step[1]) and len(found) < len(WRAPPERS):
        text = step[0]
        found.append(step[1])
    return text, tuple(found)


def wrappers_of(targets: Iterable[str]) -> frozenset[Wrapper]:
    """Return the wrappers that texts have themselves."""
    return frozenset(kind for text in targets for kind in WRAPPERS if _has(text, kind))


def _has(text: str, kind: Wrapper) -> bool:
    return _outer(text, (kind,)) is not None


def _outer(text: str, kinds: Collection[str]) -> tuple[str, Wrapper] | None:
    for kind, take_off in (
        ("fence", _without_fence),
        ("prefix", _without_prefix),
        ("json", _without_json),
        ("quotes", _without_quotes),
    ):
        if kind in kinds and (inner := take_off(text)) is not None:
            return inner, kind  # type: ignore[return-value]
    return None


def _without_fence(text: str) -> str | None:
    if not text.lstrip().startswith(("```", "~~~")):
        return None
    found = _FENCED_IN_A_LINE.fullmatch(text)
    if found:
        return found.group(1).strip()
    found = _FENCE.fullmatch(text)
    return found.group(3) if found and found.group(1) not in found.group(3) else None


def _without_prefix(text: str) -> str | None:
    found = _PREFIX.match(text)
    rest = text[found.end() :] if found else ""
    return rest if rest.strip() else None


def _without_json(text: str) -> str | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    values = list(value.values()) if isinstance(value, dict) else []
    return values[0] if len(values) == 1 and isinstance(values[0], str) else None


def _without_quotes(text: str) -> str | None:
    bare = text.strip()
    if len(bare) < 3 or _QUOTES.get(bare[0]) != bare[-1]:
        return None
    inner = bare[1:-1]
    return None if bare[0] in inner or bare[-1] in inner else inner
