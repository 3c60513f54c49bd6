"""What a shape of rows is: how it is told from others, and how a row of it becomes an input and a target."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunecurve.data.cells import Unreadable
from tunecurve.data.counted import MAX_PLACES_KEPT
from tunecurve.data.drops import Reason
from tunecurve.findings import Finding

Cells = Mapping[str, Any]
COLUMNS = "columns"  # the name of no shape: cells are read as they are
AUTO = "auto"
# Of more different values than these of one kind, it is only known that there are many.
MOST_VALUES = 1000
MOST_OTHERS_NAMED = 6


@dataclass(frozen=True)
class Asked:
    """What is known about the data from elsewhere than the rows: from the study file, or found from the first rows."""

    task: str = ""
    """Name of the study's task; empty where that is not known yet."""
    input_columns: tuple[str, ...] = ()
    target_columns: tuple[str, ...] = ()
    """Columns that are named; empty where none are. A row is read with the columns of its `Match`."""
    template_columns: tuple[str, ...] = ()
    """Columns that the prompt's template names."""
    instruction: str | None = None
    """The study's instruction (``prompt.system``), where it is given or found."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """``data.shape_options``: how a shape is read where there is a choice."""
    name: str = AUTO
    """The shape that is asked for; ``"auto"`` where it is to be found."""

    def allows(self, inputs: Sequence[str], targets: Sequence[str]) -> bool:
        """Return whether a reading with these columns is not against the columns that are named."""
        return set(self.input_columns) <= set(inputs) and set(self.target_columns) <= set(targets)


@dataclass(frozen=True)
class Match:
    """One way in which rows can be read."""

    shape: str
    """Name of the shape."""
    input_columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    """Columns that the input and the target come from; they may be the same."""
    also: tuple[str, ...] = ()
    """Further columns that are read or accounted for. A reading that takes in all columns of another one, and more, goes
    before it."""
    instruction: str | None = None
    """The study's instruction, where the rows name one and all the same."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What was found about the rows and must stay for all of them, as `Asked.options`."""
    group_column: str | None = None
    """Column that groups rows, where the shape knows one and the study names none."""
    said: str = ""
    """What a user is told where nothing else tells of it; empty where `Shape.said` does."""

    @property
    def columns(self) -> frozenset[str]:
        """All columns that it takes in."""
        return frozenset((*self.input_columns, *self.target_columns, *self.also))


@dataclass(frozen=True)
class Plain:
    """What one row was read as."""

    input: Any
    target: Any
    """Plain cells: texts, or what a task reads as a target (a list, an object), or why there is none."""
    remarks: tuple[tuple[str, str], ...] = ()
    """What the row held that the line about the shape tells: kind and value, e.g. ``("system text", "Mask names.")``."""


@dataclass
class Met:
    """What rows of a shape held: how many rows, remarks by kind, their different values."""

    n_rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    values: dict[str, set[str]] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    columns: dict[str, None] = field(default_factory=dict)

    def add(self, plain: Plain, place: str = "", columns: Iterable[str] = ()) -> None:
        """Count one row, which has these columns."""
        self.n_rows += 1
        if len(self.columns) < MOST_VALUES:
            self.columns.update(dict.fromkeys(columns))
        for kind, value in plain.remarks:
            self.counts[kind] += 1
            places = self.places[kind]
            if len(places) < MAX_PLACES_KEPT and place not in places:
                places.append(place)
            known = self.values.setdefault(kind, set())
            if len(known) < MOST_VALUES:
                known.add(value)

    def join(self, other: Met) -> None:
        """Count what others have counted."""
        self.n_rows += other.n_rows
        self.counts += other.counts
        self.columns |= other.columns
        for kind, values in other.values.items():
            self.values[kind] = self.values.get(kind, set()) | values
        for kind, places in other.places.items():
            self.places[kind] = [*self.places[kind], *places][:MAX_PLACES_KEPT]

    def n_different(self, kind: str) -> int:
        """Return how many different values remarks of a kind had."""
        return len(self.values.get(kind, ()))


class NotReadError(Exception):
    """A row that cannot be read; its argument is the `Unreadable` that says why."""


class Shape:
    """One shape of rows.

    Attributes
    ----------
    name : str
        As in the study file, e.g. ``"openai-chat"``.
    title : str
        In words, e.g. ``"OpenAI chat"``.
    option_names : tuple of str
        Keys of ``data.shape_options`` that it knows.
    beside : tuple of str
        Columns beside those of input and target that it takes into account where they are there; all others are named as not read.
    """

    name = ""
    title = ""
    option_names: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def matches(self, sample: Sequence[Cells], asked: Asked) -> Sequence[Match]:
        """Return the ways in which the rows of a sample are of this shape; none where they are not.

        Parameters
        ----------
        sample : sequence of mapping of str to any
            The first rows, at least one.
        asked : Asked
            What is known; a match against `Asked.allows` is none.

        Raises
        ------
        DataError
            Where rows are of this shape beyond doubt and cannot be read as such without being asked for.
        """
        raise NotImplementedError

    def read(self, cells: Cells, asked: Asked) -> Plain:
        """Return what a row was read as; what cannot be read is an `Unreadable` in the place of its cell.

        Parameters
        ----------
        cells : mapping of str to any
            The row.
        asked : Asked
            With the columns and options of the match.
        """
        raise NotImplementedError

    def said(self, met: Met, asked: Asked) -> str:
        """Return how rows were read, in a few words: ``"last assistant turn is the target, 2 system texts kept"``."""
        return ""

    def findings(self, met: Met, asked: Asked) -> list[Finding]:
        """Return what else is to be said of the rows."""
        return []

    def compared(self, met: Mapping[str, Met]) -> list[Finding]:
        """Return in what the sources of a study differ, where one of them was probably read wrongly."""
        return []


def few(names: Sequence[str]) -> str:
    """Return the first of some names of columns in words."""
    return ", ".join([*names[:MOST_OTHERS_NAMED], *(["..."] if len(names) > MOST_OTHERS_NAMED else [])])


def unreadable(name: str, because: str, remedy: str, *, is_note: bool = False) -> Unreadable:
    """Return a cell that says why a row is dropped.

    Parameters
    ----------
    name : str
        In the counts of dropped rows, e.g. ``"tool calls"``.
    because, remedy, is_note
        See `tunecurve.data.drops.Reason`.
    """
    return Unreadable(name, Reason(because, remedy, is_note))
