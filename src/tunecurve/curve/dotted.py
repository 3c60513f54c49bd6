"""Sizes whose point may part thousands: 3.200 is 3.2 rows here, and 3200 in many countries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

DOTTED_THOUSANDS, THREE_DIGITS, WHOLE = re.compile(r"[1-9]\d{0,2}\.\d{3}"), re.compile(r".*\.\d{3}"), re.compile(r"\d+")


@dataclass
class DottedNumbers:
    """How the numbers of rows in one column are written."""

    n_dotted: int = 0
    """Written as 1.000."""
    n_beside_three_digits: int = 0
    """Of these, beside a score that has three digits behind its point, too, or beside none."""
    n_whole: int = 0
    """Written with digits alone."""
    n_other: int = 0
    first: str = ""
    """The first one that is written as 1.000."""
    line: int = 0

    def add(self, written: str, score: str, line: int) -> None:
        """Look at one number and the score of its row."""
        if DOTTED_THOUSANDS.fullmatch(written):
            if not self.n_dotted:
                self.first, self.line = written, line
            self.n_dotted += 1
            self.n_beside_three_digits += not score or bool(THREE_DIGITS.fullmatch(score))
        elif WHOLE.fullmatch(written):
            self.n_whole += 1
        else:
            self.n_other += 1

    def doubt(self, name: str) -> str | None:
        """Return what is wrong with a column of this name; None where a point can only begin decimals.

        That is where a number has other digits behind its point, or where all numbers are written as 1.000 and a score, too.
        """
        if not self.n_dotted or self.n_other or (self.n_beside_three_digits and not self.n_whole):
            return None
        small, large = f"{float(self.first):g}", f"{1000 * float(self.first):g}"
        which = f"is {small} or {large} rows"
        expected = f"expected whole numbers without a separator, such as {large}."
        if not self.n_whole:
            return f"every {name} is written with a point and three digits, which {which}; {expected}"
        return f"{name} {self.first!r} beside whole numbers {which}; {expected} If {small} is meant, write {small}."


def in_doubt(curves: Sequence[DottedNumbers], name: str) -> tuple[int, str] | None:
    """Return line and problem of the first curve whose numbers are in doubt, or of all together; else None."""
    for numbers in (*curves, _together(curves)):
        said = numbers.doubt(name)
        if said:
            return numbers.line, said
    return None


def beside(asked: DottedNumbers, sizes: DottedNumbers) -> DottedNumbers:
    """Return sizes that are asked for among those that were measured, which tell how a size is written."""
    return replace(asked, n_whole=asked.n_whole + sizes.n_whole, n_other=asked.n_other + sizes.n_other)


def _together(curves: Iterable[DottedNumbers]) -> DottedNumbers:
    whole = DottedNumbers()
    for one in curves:
        if one.n_dotted and not whole.n_dotted:
            whole.first, whole.line = one.first, one.line
        whole.n_dotted += one.n_dotted
        whole.n_beside_three_digits += one.n_beside_three_digits
        whole.n_whole += one.n_whole
        whole.n_other += one.n_other
    return whole
