"""What is said of the columns of a curves file that are not read: they may part curves, or tell that a run did not end.

A column that parts rows of one size makes their mean a mean of different things. That is said before any number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tunecurve.curve.columns import COLUMNS, USUAL_NAMES, plain
from tunecurve.curve.ranges import DOUBTFUL
from tunecurve.errors import did_you_mean

# A column with more values than this holds remarks, not the names of curves.
MOST_CURVES_IN_A_COLUMN = 50
# Of so many sizes it is kept what stood beside them first.
MOST_RUNS_KEPT = 10_000
# What numbers seeds, which may differ between rows of one size.
SEED_NAMES = frozenset({
    *USUAL_NAMES["replicate"], "rep", "repetition", "random_state", "random_seed", "shuffle", "cv", "bootstrap",
})  # fmt: skip
# What parts curves also where no number stands beside two sizes, as the steps of runs that end after other numbers of them.
SETTING_NAMES = frozenset({
    "epoch", "epochs", "n_epochs", "num_epochs", "step", "steps", "global_step", "iteration", "iterations", "checkpoint", "lr",
    "learning_rate", "batch_size", "params", "parameters", "n_params", "num_params", "model_size",
})  # fmt: skip
# What holds the state of a run, and the words there for one whose score is not that of a finished training.
STATE_NAMES = ("state", "status", "run_state", "run_status", "job_state", "outcome")
UNFINISHED = frozenset({
    "crashed", "failed", "failure", "error", "killed", "running", "aborted", "cancelled", "canceled", "preempted", "preempting", "pending",
    "queued", "scheduled", "interrupted", "timeout", "diverged", "incomplete", "unfinished",
})  # fmt: skip


class RowKey(NamedTuple):
    """What one run's row shares with no other; rows that share it and differ elsewhere are averaged."""

    curve_id: str
    n: str
    kind: str
    replicate: str


class Averaged(NamedTuple):
    """Two rows of one size that differ in a column."""

    n: str
    line: int
    earlier: int


@dataclass
class UnreadColumn:
    """A column that is not read, and the first values that stand in it."""

    place: int
    name: str
    values: set[str] = field(default_factory=set)
    """At most one more than the curves of a file that are told by a column."""
    n_filled: int = 0
    """Rows with something in it."""
    averaged: Averaged | None = None
    """The first two rows of one size that differ in it."""
    unfinished: tuple[str, int] | None = None
    """The first word for a run that did not end, and its line."""
    n_unfinished: int = 0
    _beside: dict[RowKey, tuple[str, int]] = field(default_factory=dict)
    _first_size: dict[str, str] = field(default_factory=dict)
    _at_sizes: set[str] = field(default_factory=set)
    numbers_seeds: bool = False
    """Whether it may differ between the runs of one size, by its name."""
    is_state: bool = False
    """Whether it says how runs ended, by its name."""

    def __post_init__(self) -> None:
        self.numbers_seeds, self.is_state = plain(self.name) in SEED_NAMES, plain(self.name) in STATE_NAMES

    def add(self, row: Sequence[str], line: int, key: RowKey | None) -> None:
        """Look at one row; without a key it has no score."""
        value = self.of(row)
        if not value:
            return
        self.n_filled += 1
        if self.is_state and value.casefold() in UNFINISHED:
            self.unfinished = self.unfinished or (value, line)
            self.n_unfinished += 1
        if len(self.values) > MOST_CURVES_IN_A_COLUMN:
            self._beside.clear()
            return
        self.values.add(value)
        if key is None:
            return
        if self._first_size.setdefault(value, key.n) != key.n:
            self._at_sizes.add(value)
        if self.averaged is None:
            self._compare(value, line, key)

    def of(self, row: Sequence[str]) -> str:
        """Return what stands in it in a row."""
        return row[self.place].strip() if self.place < len(row) else ""

    def _compare(self, value: str, line: int, key: RowKey) -> None:
        known = self._beside.get(key)
        if known is None and len(self._beside) < MOST_RUNS_KEPT:
            self._beside[key] = value, line
        if known is not None and known[0] != value:
            self.averaged = Averaged(key.n, line, known[1])
            self._beside.clear()

    @property
    def _is_of_numbers(self) -> bool:
        return all(map(_is_number, self.values))

    @property
    def is_averaged(self) -> bool:
        """Whether rows of one size that differ in it, in values that stand beside several sizes or by name, became one mean."""
        if self.averaged is None or self.numbers_seeds or not 1 < len(self.values) <= MOST_CURVES_IN_A_COLUMN:
            return False
        return 2 * len(self._at_sizes) > len(self.values) or plain(self.name) in SETTING_NAMES

    def may_part_curves(self, *, is_repeated: bool) -> bool:
        """Return whether its values may be the names of curves; `is_repeated` says that one curve's rows would repeat a size."""
        if not 1 < len(self.values) <= MOST_CURVES_IN_A_COLUMN:
            return False
        if self._is_of_numbers:
            return plain(self.name) in USUAL_NAMES["curve_id"] and len(self.values) < self.n_filled
        return is_repeated or len(self.values) < self.n_filled

    def described(self) -> str:
        """Return its name, how many values it has, and two of these."""
        ordered = sorted(self.values, key=float) if self._is_of_numbers else sorted(self.values)
        return f"{self.name!r} ({len(self.values)} values, such as {ordered[0]!r} and {ordered[1]!r})"


def unread_columns(header: Sequence[str], columns: dict[str, int]) -> list[UnreadColumn]:
    """Return the columns that nothing reads."""
    return [UnreadColumn(place, name) for place, name in enumerate(header) if place not in columns.values()]


def look_at(unread: Sequence[UnreadColumn], row: Sequence[str], cells: dict[str, str], line: int) -> None:
    """Look at one row; what an unread column numbers as seeds are runs of their own."""
    seeds = [cells.get("replicate", ""), *(column.of(row) for column in unread if column.numbers_seeds)]
    key = (
        RowKey(cells.get("curve_id", ""), cells["n"], cells.get("kind", "").casefold(), "\0".join(seeds))
        if cells["score"]
        else None
    )
    for column in unread:
        column.add(row, line, key)


def unread_notes(unread: Sequence[UnreadColumn], columns: dict[str, int], *, is_repeated: bool) -> Iterator[str]:
    """Yield what is said of columns that are not read: first what makes numbers doubtful, then near misses, then the rest."""
    filled = [column for column in unread if column.values]
    rest = []
    free = [name for name in COLUMNS if name not in columns and name != "curve_id"]
    for column in sorted(filled, key=lambda one: not (one.unfinished or one.is_averaged)):
        meant = _meant(column.name, free)
        if column.unfinished:
            yield _unfinished_note(column)
        elif column.is_averaged:
            yield _averaged_note(column, is_named="curve_id" in columns)
        elif "curve_id" not in columns and column.may_part_curves(is_repeated=is_repeated):
            yield f"Column {column.described()} is not read: all rows are one curve. If they are several, name the column curve_id."
        elif meant:
            yield f"Column {column.name!r} is not read; if it holds what {meant} is for, call it {meant}."
        else:
            rest.append(column)
    if rest:
        named = ", ".join(repr(column.name) if column.name else "one without a name" for column in rest[:8])
        more = f" and {len(rest) - 8} more" if len(rest) > 8 else ""
        yield f"Not read: column{'s' * (len(rest) > 1)} {named}{more}."


def _unfinished_note(column: UnreadColumn) -> str:
    word, line = column.unfinished or ("", 0)
    more = f" ({column.n_unfinished} such rows)" if column.n_unfinished > 1 else ""
    return (
        f"{DOUBTFUL}column {column.name!r} is not read, and says {word!r} in line {line}{more}: the score is taken as that of a "
        "finished run. Leave out runs that did not end."
    )


def _averaged_note(column: UnreadColumn, *, is_named: bool) -> str:
    n, line, earlier = column.averaged or Averaged("", 0, 0)
    several = "tell them apart in curve_id" if is_named else "name the column curve_id"
    return (
        f"{DOUBTFUL}column {column.described()} is not read, so rows of one size that differ in it (n={n}, lines {earlier} and {line}) are "
        f"averaged as if they were seeds. If they are several curves, {several}; if it numbers seeds, call it replicate; else keep the "
        "rows of one value, such as each run's last."
    )


def _meant(name: str, free: Sequence[str]) -> str | None:
    """Return the column that a name may have meant, of those that the file does not have."""
    for one in free:
        if plain(name) in USUAL_NAMES[one] or did_you_mean(plain(name), [one]):
            return one
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
