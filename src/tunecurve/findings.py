"""What a study has found out about itself: rows that went, metrics that are blind, answers that cannot be whole.

Every part that sees something odd says it as a finding; `validate`, `plan`, `run`, results.json and the report show the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

# What a finding can forbid: the verdict and forecast of the curve, and any statement that texts are free of leaks.
Claim = Literal["verdict", "leaks"]


@dataclass(frozen=True)
class Finding:
    """One thing that the reader of a study should know.

    Attributes
    ----------
    code : str
        Short stable name, e.g. ``"rows-dropped"``; for programs and tests.
    text : str
        What was met and what it means, one line.
    remedy : str
        The next step, one line; empty where there is none.
    places : tuple of str
        The first places, e.g. ``("line 7", "line 9")``.
    blocks : tuple of {"verdict", "leaks"}
        Statements that must not be made while this holds.
    is_note : bool
        Whether this only says how something was understood, and warns of nothing.
    """

    code: str
    text: str
    remedy: str = ""
    places: tuple[str, ...] = ()
    blocks: tuple[Claim, ...] = ()
    is_note: bool = False

    @property
    def line(self) -> str:
        """Return text, places and remedy as one line."""
        where = f" ({', '.join(self.places)})" if self.places else ""
        return f"{self.text}{where}" + (f"; {self.remedy}" if self.remedy else "")

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON-able dict, with its line."""
        return {**asdict(self), "places": list(self.places), "blocks": list(self.blocks), "line": self.line}


def blocked(findings: Iterable[Finding], claim: Claim) -> list[Finding]:
    """Return the findings that forbid a claim."""
    return [finding for finding in findings if claim in finding.blocks]
