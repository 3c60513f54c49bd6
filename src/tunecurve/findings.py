"""What a study has found out about itself: rows that went, metrics that are blind, answers that cannot be whole.

Every part that sees something odd says it as a finding; `validate`, `plan`, `run`, results.json and the report show the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from tunecurve.storage.records import Record
from tunecurve.wording import first_of

# What a finding can forbid: the verdict and forecast of the curve, and any statement that texts are free of leaks.
Claim = Literal["verdict", "leaks"]
Kind = Literal["blocked", "warning", "note"]
# More places than these are counted, not named, where a finding is shown in a line.
MOST_PLACES = 4


@dataclass(frozen=True)
class Finding(Record):
    """One thing that the reader of a study should know."""

    code: str
    """Short stable name, e.g. ``"rows-dropped"``; for programs and tests."""
    text: str
    """What was met and what it means, one line."""
    remedy: str = ""
    """The next step, one line; empty where there is none."""
    places: tuple[str, ...] = ()
    """The first places, e.g. ``("line 7", "line 9")``."""
    blocks: tuple[Claim, ...] = ()
    """Statements that must not be made while this holds."""
    is_note: bool = False
    """Whether this only says how something was understood, and warns of nothing."""
    learner: str | None = None
    """The learner whose claims it forbids; default: everybody's."""
    line: str = field(init=False, compare=False, repr=False)
    """Text, places and remedy as one line; of many places the first ones."""

    def __post_init__(self) -> None:
        """Write the line."""
        where = f" ({first_of(self.places, MOST_PLACES)})" if self.places else ""
        object.__setattr__(self, "line", f"{self.text}{where}" + (f"; {self.remedy}" if self.remedy else ""))

    @property
    def kind(self) -> Kind:
        """Return what it means for the reader: a claim is blocked, a warning, a note."""
        return "blocked" if self.blocks else "note" if self.is_note else "warning"


def blocked(findings: Iterable[Finding], claim: Claim, learner: str | None = None) -> list[Finding]:
    """Return the findings that forbid a claim about a learner; without a learner, those that forbid it about all."""
    return [finding for finding in findings if claim in finding.blocks and finding.learner in (None, learner)]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings, each once: first what blocks, then warnings, then notes, else in their order."""
    kinds: tuple[Kind, ...] = ("blocked", "warning", "note")
    return sorted(dict.fromkeys(findings), key=lambda finding: kinds.index(finding.kind))


def as_shown(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings in order, those that say the same of several learners as one."""
    alike: dict[tuple[bool, Finding], list[Finding]] = {}
    for finding in in_order(findings):
        name = f"{finding.learner}: "
        is_own = finding.learner is not None and finding.text.startswith(name)
        said = replace(finding, learner=None, text=finding.text.removeprefix(name)) if is_own else finding
        alike.setdefault((is_own, said), []).append(finding)
    return [
        group[0]
        if len(group) == 1
        else replace(said, text=f"{', '.join(str(one.learner) for one in group)}: {said.text}")
        for (_, said), group in alike.items()
    ]
