"""Names of models with a teacher: ``STUDENT+4x:TEACHER``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NAME = re.compile(r"(?P<student>.+?)\+(?P<times>[1-9][0-9]{0,2})x:(?P<teacher>.+)", re.DOTALL)

_SEEMS = re.compile(r"\+[0-9]+x?:|\+[0-9]+x$")


@dataclass(frozen=True)
class DistilledName:
    """A model's name in its parts."""

    student: str
    times: int
    teacher: str


def parse_distilled_name(name: str) -> DistilledName | None:
    """Return the parts of ``STUDENT+4x:TEACHER``; None for any other name.

    >>> parse_distilled_name("tagger+4x:openai/gpt-5-mini")
    DistilledName(student='tagger', times=4, teacher='openai/gpt-5-mini')
    >>> parse_distilled_name("tagger") is None
    True
    """
    match = _NAME.fullmatch(name)
    return match and DistilledName(match["student"], int(match["times"]), match["teacher"])


def seems_distilled(name: str) -> bool:
    """Return whether a name was probably to be one with a teacher.

    >>> seems_distilled("tagger+4x:tagger"), seems_distilled("tagger+0x:tagger"), seems_distilled("tagger:warm")
    (True, True, False)
    """
    return _SEEMS.search(name) is not None


def models_within(names: Sequence[str]) -> list[str]:
    """Return the names of all models that these are made of, students and teachers among them, each once."""
    found: list[str] = []
    for name in names:
        parts = parse_distilled_name(name)
        found += [name] if parts is None else models_within([parts.student, parts.teacher])
    return list(dict.fromkeys(found))
