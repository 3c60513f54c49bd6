"""Which rows went and why, counted, and said aloud where it matters: rows in = kept + dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tunecurve.data.counted import MAX_PLACES_KEPT
from tunecurve.findings import Finding

# More than this share of the rows, and a reason is a warning; so is one that takes most rows of one class or kind of cell.
LOUD_SHARE = 0.02
# Of a class or kind of cell with fewer rows, "most rows" says nothing.
MIN_ROWS_OF_A_TRAIT = 3
MAX_TRAITS = 2000


@dataclass(frozen=True)
class Reason:
    """Why rows are dropped."""

    because: str
    """Completes "... rows were dropped because ..."."""
    remedy: str
    """The next step."""
    is_note: bool = False
    """Whether this is how rows were meant."""


JOINED = "joined with an earlier row of the same input"
REASONS: dict[str, Reason] = {
    "empty input": Reason(
        "their input is empty", "check --input-column; where several columns make the input, repeat --input-column"
    ),
    "empty target": Reason(
        "their target is empty",
        "check --target-column; write the target that is right for these rows (for masking, the input itself where there is "
        "nothing to mask), else the scores are those of the other rows only",
    ),
    "no input column": Reason("they lack the input column", "give every row the same columns"),
    "no target column": Reason("they lack the target column", "give every row the same columns"),
    "duplicate": Reason(
        "their input and target repeat an earlier row",
        "nothing to do if these are copies; data.drop_duplicates: false keeps them",
    ),
    "duplicate input with another target": Reason(
        "their input repeats, with another target than the first",
        "if the input is made of several columns, repeat --input-column or name them in prompt.template; else the targets "
        "disagree: mend them",
    ),
    JOINED: Reason(
        "their input repeats, and their labels are joined with those of the first",
        "if these are different texts, give them different inputs; data.drop_duplicates: false keeps them apart",
        is_note=True,
    ),
    "target not 0 or 1": Reason(
        "a column of their labels holds neither yes nor no",
        "write 0 and 1, true and false, or x and nothing; --target-column names the columns of labels only",
    ),
    "longer than data.max_tokens": Reason(
        "input and target together are longer than data.max_tokens",
        "raise data.max_tokens, or cut the texts; else the scores are those of short texts only",
    ),
    "input not text": Reason("their input is not text", "write it as text"),
    "target not text": Reason("their target is not text", "write it as text"),
    "input not valid Unicode": Reason("their input has half a character (a lone surrogate)", "mend the texts there"),
    "target not valid Unicode": Reason("their target has half a character (a lone surrogate)", "mend the texts there"),
}

# Of classes, the same reason in other words: such rows may be sets of labels.
OTHER_CLASS = Reason(
    "their input repeats, with another target than the first",
    "if rows list one of several labels each, give --task multilabel; if the input is made of several columns, repeat "
    "--input-column or name them in prompt.template; else the targets disagree: mend them",
)


@dataclass
class CleaningReport:
    """How many rows came in, stayed, and went, by reason."""

    rows_in: int = 0
    rows_kept: int = 0
    """Counts; ``rows_in == rows_kept + sum(dropped.values())``."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Count by reason."""
    places: dict[str, list[str]] = field(default_factory=dict)
    """The first places of each reason."""
    notes: list[Finding] = field(default_factory=list)
    """How the rows were understood, and what else is odd about them."""
    reasons: dict[str, Reason] = field(default_factory=dict)
    """Reasons in words that only the shape of the rows knows."""
    _rows_with: Counter[str] = field(default_factory=Counter, repr=False)
    _dropped_with: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)

    def count(self, traits: Iterable[str] = ()) -> None:
        """Count one row that came in, with what it is: its class, the kinds of its cells."""
        self.rows_in += 1
        for trait in traits:
            if trait in self._rows_with or len(self._rows_with) < MAX_TRAITS:
                self._rows_with[trait] += 1

    def drop(self, reason: str, place: str, traits: Iterable[str] = (), in_words: Reason | None = None) -> None:
        """Count one dropped row; `in_words` explains a reason that is not one of `REASONS`."""
        if in_words is not None:
            self.reasons.setdefault(reason, in_words)
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        known = self.places.setdefault(reason, [])
        if len(known) < MAX_PLACES_KEPT:
            known.append(place)
        for trait in traits:
            if trait in self._rows_with:
                self._dropped_with[trait, reason] += 1

    def summary(self) -> str:
        """Return one line: rows in, kept, and dropped by reason."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items()))
        return f"{self.rows_in} rows in, {self.rows_kept} kept" + (f", dropped: {reasons}" if reasons else "")

    def losses(self) -> str:
        """Return what an error about too few rows begins with: where the others went, each reason a sentence; else nothing."""
        return ". ".join([*(finding.line for finding in self.loud_drops()), ""])

    def findings(self) -> list[Finding]:
        """Return what the reader should know about these rows: loud reasons first, then notes."""
        return [*self.loud_drops(), *self.notes]

    def loud_drops(self) -> list[Finding]:
        """Return a warning for each reason that takes many rows, or most of a class or kind of cell; largest first."""
        found = []
        for reason, count in sorted(self.dropped.items(), key=lambda item: (-item[1], item[0])):
            traits = self._mostly_dropped(reason)
            if count > LOUD_SHARE * self.rows_in or traits:
                found.append(self._finding(reason, count, traits))
        return found

    def _mostly_dropped(self, reason: str) -> list[str]:
        return [
            f"{count} of {self._rows_with[trait]} {trait}"
            for (trait, its_reason), count in self._dropped_with.most_common()
            if its_reason == reason
            and count >= MIN_ROWS_OF_A_TRAIT
            and 0.5 * self.rows_in > count > 0.5 * self._rows_with[trait]
        ]

    def _finding(self, reason: str, count: int, traits: list[str]) -> Finding:
        why = self.reasons.get(reason) or REASONS.get(reason, Reason(reason, ""))
        among = f", among them {'; '.join(traits[:3])}" if traits else ""
        return Finding(
            "rows-dropped",
            f"{count} of {self.rows_in} rows were dropped because {why.because}{among}",
            why.remedy,
            tuple(self.places.get(reason, ())),
            is_note=why.is_note,
        )
