"""What a search for an instruction has found: kept in the trial's folder, and in its result."""

from __future__ import annotations

from dataclasses import dataclass

from tunecurve.storage.records import Record


@dataclass(frozen=True)
class Candidate(Record):
    """An instruction that was scored on all development rows."""

    instruction: str
    score: float | None
    """In the headline metric; null: not defined on these rows."""


@dataclass(frozen=True)
class Optimisation(Record):
    """A search for a better instruction, from the labelled rows of a trial alone."""

    instruction: str
    """With which the test rows were asked; ``{labels}`` stands for the label list."""
    is_given: bool
    """Whether it is the study's own: no candidate was better on the development rows."""
    metric: str
    score_given: float | None
    """Of the study's own instruction on the development rows."""
    score: float | None
    """Of the instruction that was taken, on the same rows, on which it was picked: too good by that."""
    n_development: int
    n_feedback: int
    """Labelled rows whose answers the proposer may be shown; few calls reach some of them only, see ``n_looked_at``."""
    calls_allowed: int
    n_answers: int
    n_proposals: int
    dropped: dict[str, int]
    """Proposals that were not tried, by the reason."""
    n_candidates: int
    """Instructions that were scored on all development rows, the study's own among them."""
    proposer: str
    cost_usd: float | None
    """Of all its calls; 0 where nothing is paid, null where a price is unknown."""
    optimizer: str
    """Package and version."""
    n_looked_at: int | None = None
    """Labelled rows that were asked at all, those for development among them; null in results of earlier versions."""

    @property
    def sentence(self) -> str:
        """What was found, in words."""
        calls = f"{self.n_answers + self.n_proposals:,} of {self.calls_allowed:,} calls"
        rows = f"{self.n_development} development rows"
        dropped = ", ".join(f"{n} {reason}" for reason, n in self.dropped.items())
        n = self.n_development + self.n_feedback
        is_part = self.n_looked_at is not None and self.n_looked_at < n
        looked = f"; the calls reached {self.n_looked_at:,} of its {n:,} labelled rows" if is_part else ""
        proposals = "1 proposal" if self.n_proposals == 1 else f"{self.n_proposals} proposals"
        tried = f"{proposals} of {self.proposer}{f' ({dropped}: dropped)' if dropped else ''}, {calls}{looked}"
        if self.is_given:
            return f"nothing better than the given instruction was found, which is kept: {_score(self.score_given)} on {rows}; {tried}"
        scores = f"{_score(self.score_given)} with the given instruction, {_score(self.score)} with the found one"
        return f"{scores} on {rows}, on which it was picked; {tried}"


def _score(score: float | None) -> str:
    return "an undefined score" if score is None else f"{score:.1f}"
