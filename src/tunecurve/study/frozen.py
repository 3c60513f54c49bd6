"""What a study froze at its first run: `split.json`. Test rows stay; the training pool grows, and nothing in it moves.

A study whose test set could change under it would compare scores on different rows. No row's text is kept here, only hashes,
places and, where they are classes, labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from tunecurve.data.rows import Row, content_id
from tunecurve.errors import StudyStateError
from tunecurve.spec.study import StudySpec
from tunecurve.storage.files import read_checked_json
from tunecurve.study.decisions import Decisions
from tunecurve.wording import cut

if TYPE_CHECKING:
    from tunecurve.tasks.base import Task

FROZEN = "split.json"


@dataclass(frozen=True)
class Slot:
    """One frozen row."""

    row_id: str
    input_id: str
    target_id: str
    """Hashes of the whole row, of its input, of its target."""
    place: str
    """Where it stood when the study last ran."""
    label: str = ""
    """Its target where that is a class; else empty."""

    @classmethod
    def of(cls, row: Row, task: Task) -> Slot:
        """Return the slot of a row."""
        return cls(row.row_id, content_id(row.source), content_id(row.target), row.place, task.class_of(row.target))

    def to_json(self) -> list[str]:
        """Return the slot as a list."""
        return [self.row_id, self.input_id, self.target_id, self.place, self.label]


class SlotsOf(Sequence[Slot]):
    """The slots of rows, made when they are looked at."""

    def __init__(self, rows: Sequence[Row], task: Task) -> None:
        self._rows, self._task = rows, task

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Slot: ...
    @overload
    def __getitem__(self, index: slice) -> SlotsOf: ...
    def __getitem__(self, index: int | slice) -> Slot | SlotsOf:
        if isinstance(index, slice):
            return SlotsOf(self._rows[index], self._task)
        return Slot.of(self._rows[index], self._task)


@dataclass(frozen=True)
class Frozen:
    """The frozen rows of a study."""

    test: tuple[Slot, ...]
    """Test rows in their order."""
    pool: Sequence[Slot | None]
    """Training rows in the order in which they joined; None where a row is gone: the others keep their numbers."""
    generations: tuple[int, ...]
    """How many of them joined at once: at the first run, and whenever there were more."""
    split_method: str
    """How test rows were chosen, in words."""
    drawn: tuple[str, ...] = ()
    """Keys of the raw rows that a limit drew; empty without one."""
    data: dict[str, object] = field(default_factory=dict)
    """The study file's `data` when the study last ran, for messages."""
    accepted: tuple[dict[str, str], ...] = ()
    """Changes of rows that were agreed to: date and what it was."""

    @property
    def is_there(self) -> list[bool]:
        """Whether each row of the pool still is."""
        if isinstance(self.pool, SlotsOf):
            return [True] * len(self.pool)
        return [slot is not None for slot in self.pool]

    def to_json(self) -> dict[str, object]:
        """Return what stands in the file."""
        pool = tuple(self.pool)
        return {
            "test": [slot.row_id for slot in self.test],
            "pool": [slot and slot.row_id for slot in pool],
            "generations": list(self.generations),
            "test_rows": [slot.to_json() for slot in self.test],
            "pool_rows": [slot and slot.to_json() for slot in pool],
            "split_method": self.split_method,
            "drawn": list(self.drawn),
            "data": self.data,
            "accepted": list(self.accepted),
        }


def read_frozen(folder: Path | None) -> Frozen | None:
    """Return what the study in a folder froze; None where nothing is frozen there.

    Raises
    ------
    StudyStateError
        When the file is damaged, or of an earlier version.
    """
    if folder is None or not (folder / FROZEN).exists():
        return None
    kept = read_checked_json(folder / FROZEN)
    if "pool_rows" not in kept:
        raise StudyStateError(
            f"'{folder}' was started with an earlier version of tunecurve, which froze less; start anew in another folder "
            "with --out"
        )
    return Frozen(
        tuple(Slot(*slot) for slot in kept["test_rows"]),
        tuple(slot and Slot(*slot) for slot in kept["pool_rows"]),
        tuple(kept["generations"]),
        kept["split_method"],
        tuple(kept["drawn"]),
        kept["data"],
        tuple(kept["accepted"]),
    )


def freeze_rows(
    test: Sequence[Row], pool: Sequence[Row], spec: StudySpec, split_method: str, drawn: Sequence[str]
) -> Frozen:
    """Return the frozen rows of a study that begins."""
    return Frozen(
        tuple(SlotsOf(test, spec.kind)),
        SlotsOf(pool, spec.kind),
        (len(pool),),
        split_method,
        tuple(drawn),
        spec.data.model_dump(mode="json"),
    )


def frozen_decisions(folder: Path | None) -> Decisions:
    """Return what the study in a folder has decided before; nothing where none is frozen there."""
    if folder is None or not (folder / FROZEN).exists():
        return Decisions()
    return Decisions(read_checked_json(folder / FROZEN).get("decided"))


def frozen_test_groups(folder: Path) -> list[int] | None:
    """Return the number of each test row's group; None where the study froze none."""
    path = folder / FROZEN
    return read_checked_json(path).get("test_groups") if path.exists() else None


def check_comparable(spec: StudySpec, folder: Path) -> None:
    """Refuse to continue a study whose split, prompt, answers or metrics were changed; say which.

    Where the rows come from may change: that they are the same rows is seen in the rows.

    Raises
    ------
    StudyStateError
        With the changed keys, their old and new values.
    """
    path = folder / FROZEN
    if not path.exists():
        return
    changed = changes(read_checked_json(path)["comparable"], spec.comparable_part())
    if changed:
        raise StudyStateError(
            f"'{folder}' holds a study with other settings ({'; '.join(changed)}); its results cannot be mixed with new "
            "ones: choose another folder with --out"
        )


def frozen_settings(folder: Path) -> dict[str, Any] | None:
    """Return the settings with which the study in a folder began, as `StudySpec.comparable_part`; None before its first run."""
    path = folder / FROZEN
    return dict(read_checked_json(path)["comparable"]) if path.exists() else None


def changes(before: Any, now: Any, prefix: str = "") -> list[str]:
    """Return the keys whose values differ, each with both values."""
    old, new = flat(before, prefix), flat(now, prefix)
    return [
        f"{key}: {in_short(old.get(key))} -> {in_short(new.get(key))}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def in_short(value: Any) -> str:
    """Return a value for a message, cut to a line's length."""
    return cut(repr(value), 60)


def flat(value: Any, prefix: str = "") -> dict[str, object]:
    """Return nested mappings as one, with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf for key, item in value.items() for name, leaf in flat(item, f"{prefix}.{key}".strip(".")).items()
    }
