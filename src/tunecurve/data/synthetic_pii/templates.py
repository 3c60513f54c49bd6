"""Templates: loading, parsing and checking.

A template is one line with placeholders. ``{FIRSTNAME}`` is a label and gets masked; ``{FIRSTNAME_2}`` is a second,
different value; a placeholder that comes twice has the same value twice. ``{quantity}`` and the other lower-case
ones are decoys: filled, never masked. This module knows nothing of values.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache

from tunecurve.data.synthetic_pii.labels import DECOYS, LABELS
from tunecurve.data.synthetic_pii.sections import read_sections

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9]+)(?:_(\d))?\}")
_KNOWN = frozenset(LABELS) | frozenset(DECOYS)


@dataclass(frozen=True)
class Slot:
    """A placeholder: what to put there, which of several such values, and whether it is masked."""

    name: str
    index: int
    masked: bool


@dataclass(frozen=True)
class Template:
    """A parsed template; ``parts`` alternates freely between literal text and slots."""

    template_id: str
    language: str
    domain: str
    text: str
    parts: tuple[str | Slot, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in order of appearance, repeats included."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot) and part.masked)


def parse(text: str, *, language: str, domain: str) -> Template:
    """Parse one template line.

    Raises
    ------
    ValueError
        For an unknown placeholder or a stray bracket: a defect of the template file, not of user input.
    """
    parts: list[str | Slot] = []
    end = 0
    for match in PLACEHOLDER.finditer(text):
        name = match[1]
        if name not in _KNOWN:
            raise ValueError(f"unknown placeholder {match[0]} in template {text!r}")
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(Slot(name, int(match[2] or 1), name.isupper()))
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    if any(bracket in part for part in parts if isinstance(part, str) for bracket in "[]{}"):
        raise ValueError(f"stray bracket in template {text!r}")
    # A hash, not a number: inserting a template must not rename the others, or published splits would move.
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Template(f"{language}-{domain}-{digest}", language, domain, text, tuple(parts))


@cache
def load_templates(language: str) -> tuple[Template, ...]:
    """Load all templates of a language, in file order."""
    sections = read_sections(f"templates_{language}.txt")
    return tuple(parse(text, language=language, domain=domain) for domain, texts in sections.items() for text in texts)
