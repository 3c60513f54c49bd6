"""Columns of a curves file: which of them are read, and what is said of the others.

A column that is not read may hold what parts curves, or what another name would have told. So none is passed over
without a word, and a name that is near to one that is read, in letters or in meaning, is told that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tunecurve.errors import DataError, did_you_mean

COLUMNS = ("curve_id", "n", "score", "replicate", "n_test", "kind", "direction", "target_n")
# What people call them.
USUAL_NAMES = {
    "curve_id": (
        "curve",
        "curve_name",
        "id",
        "name",
        "dataset",
        "data",
        "task",
        "model",
        "learner",
        "method",
        "system",
    ),
    "n": ("size", "n_train", "train_size", "train_rows", "rows", "examples", "samples", "train_n"),
    "score": ("value", "metric_value", "accuracy", "f1", "bleu", "loss", "test_score", "mean"),
    "replicate": ("seed", "run", "repeat", "fold", "draw", "trial"),
    "n_test": ("test_rows", "test_size", "test_n", "tests", "n_eval", "eval_rows"),
    "kind": ("type", "strategy", "stage"),
    "direction": ("goal", "mode", "better", "minimise", "minimize", "lower_is_better"),
    "target_n": ("target", "at", "wanted_n", "forecast_n", "ask"),
}
# A column with more values than this holds remarks, not the names of curves.
MOST_CURVES_IN_A_COLUMN = 50


def columns_of(header: Sequence[str], path: str) -> dict[str, int]:
    """Return where each column that is read stands, however its name is written: ``N_Test``, ``n test``.

    Raises
    ------
    DataError
        For a column that stands there twice, and where there is no size or no score.
    """
    columns = {}
    for name in COLUMNS:
        places = [place for place, one in enumerate(header) if _plain(one) == name]
        if len(places) > 1:
            raise DataError(f"{path}: column {name!r} stands {len(places)} times in the header; expected once.")
        if places:
            columns[name] = places[0]
    for name in ("n", "score"):
        if name not in columns:
            others = [one for place, one in enumerate(header) if place not in columns.values()]
            meant = next((one for one in others if _plain(one) in USUAL_NAMES[name]), None)
            hint = f" If {meant!r} is it, call it {name}." if meant else did_you_mean(name, others)
            if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
                hint = " Columns must be separated by commas; save it as CSV with commas."
            if header and header[0].startswith(("{", "[")):
                raise DataError(f"{path}: is JSON; expected a CSV file with columns n and score, one row a run.")
            if not header:
                raise DataError(f"{path}: is empty; expected a CSV file with columns n and score, one row a run.")
            hint = hint or " Expected a header line with n and score, then one row a run."
            raise DataError(f"{path}: no column {name!r} among {', '.join(header[:12])}.{hint}")
    return columns


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


@dataclass
class UnreadColumn:
    """A column that is not read, and the first values that stand in it."""

    place: int
    name: str
    values: set[str] = field(default_factory=set)
    """At most one more than the curves of a file that are told by a column."""
    n_filled: int = 0
    """Rows with something in it."""

    def add(self, row: Sequence[str]) -> None:
        """Look at one row."""
        value = row[self.place].strip() if self.place < len(row) else ""
        if value:
            self.n_filled += 1
            if len(self.values) <= MOST_CURVES_IN_A_COLUMN:
                self.values.add(value)

    def may_part_curves(self, *, is_repeated: bool) -> bool:
        """Return whether its values may be the names of curves; `is_repeated` says that one curve's rows would repeat a size."""
        if not 1 < len(self.values) <= MOST_CURVES_IN_A_COLUMN:
            return False
        if all(map(_is_number, self.values)):
            return _plain(self.name) in USUAL_NAMES["curve_id"] and len(self.values) < self.n_filled
        return is_repeated or len(self.values) < self.n_filled


def unread_columns(header: Sequence[str], columns: dict[str, int]) -> list[UnreadColumn]:
    """Return the columns that nothing reads."""
    return [UnreadColumn(place, name) for place, name in enumerate(header) if place not in columns.values()]


def unread_notes(unread: Sequence[UnreadColumn], columns: dict[str, int], *, is_repeated: bool) -> Iterator[str]:
    """Yield what is said of columns that are not read: first those that may part curves, then near misses, then the rest."""
    filled = [column for column in unread if column.values]
    parting = [one for one in filled if "curve_id" not in columns and one.may_part_curves(is_repeated=is_repeated)]
    for column in parting:
        first, second = sorted(column.values)[:2]
        yield (
            f"Column {column.name!r} ({len(column.values)} values, such as {first!r} and {second!r}) is not read: all rows are one "
            "curve. If they are several, name the column curve_id."
        )
    rest = []
    for column in filled:
        meant = _meant(column.name, [name for name in COLUMNS if name not in columns and name != "curve_id"])
        if column in parting:
            continue
        if meant:
            yield f"Column {column.name!r} is not read; if it holds what {meant} is for, call it {meant}."
        else:
            rest.append(column)
    if rest:
        named = ", ".join(repr(column.name) if column.name else "one without a name" for column in rest[:8])
        more = f" and {len(rest) - 8} more" if len(rest) > 8 else ""
        yield f"Not read: column{'s' * (len(rest) > 1)} {named}{more}."


def _meant(name: str, free: Sequence[str]) -> str | None:
    """Return the column that a name may have meant, of those that the file does not have."""
    for one in free:
        if _plain(name) in USUAL_NAMES[one] or did_you_mean(_plain(name), [one]):
            return one
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
