"""Frozen rows and the rows that the data hold now: what is the same, what has changed, what has joined.

Rows are told by their contents: their order, their file and their other columns do not matter. New rows join the training pool
behind the earlier ones, in an order of their own. A frozen row that was changed or is gone is an error that names it, or, where
its user agrees, a change of exactly the trials that it stands in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from tunecurve.data.rows import Row, content_id
from tunecurve.errors import DataError, StudyStateError
from tunecurve.findings import Finding
from tunecurve.spec.study import StudySpec
from tunecurve.study.frozen import Frozen, Slot, changes, in_short
from tunecurve.wording import first_of, told_apart

MOST_CHANGES_SHOWN = 3
SIDE_NAMES = {"test": "test row", "train": "training row"}


@dataclass(frozen=True)
class Change:
    """A frozen row that the data do not hold any more as it was."""

    side: str
    """``"test"`` or ``"train"``."""
    slot: Slot
    """What was frozen."""
    row: Row | None
    """What stands there now; None: it is gone."""

    @property
    def text(self) -> str:
        """Say what has changed, with the places."""
        what = SIDE_NAMES[self.side]
        if self.row is None:
            return f"{self.slot.place}: gone from the data ({what})"
        moved = f" (was {self.slot.place})" if self.row.place != self.slot.place else ""
        if content_id(self.row.source) != self.slot.input_id:
            return f"{self.row.place}{moved}: the input has changed, it is {in_short(self.row.source)} now ({what})"
        if content_id(self.row.target) == self.slot.target_id:
            return f"{self.row.place}{moved}: the further targets have changed ({what})"
        before = f" from {in_short(self.slot.label)}" if self.slot.label else ""
        return f"{self.row.place}{moved}: target changed{before} to {in_short(self.row.target)} ({what})"


@dataclass(frozen=True)
class Grown:
    """A study's rows as they are now."""

    frozen: Frozen
    """What is frozen from now on."""
    test: list[int]
    pool: list[int]
    """Indices of test rows and of pool rows; rows that are gone are in neither."""
    new: list[int]
    """Those of the pool that have joined now."""
    changes: list[Change]
    """What was agreed to."""


def grow(
    frozen: Frozen,
    rows: Sequence[Row],
    spec: StudySpec,
    folder: Path,
    must_stay_out: Callable[[Sequence[Row]], Callable[[Row], bool]],
    *,
    accept_data_changes: bool = False,
) -> Grown:
    """Find the frozen rows among the rows, and let the others join the pool.

    Parameters
    ----------
    frozen : Frozen
        What was frozen.
    rows : sequence of Row
        What the data hold now.
    spec : StudySpec
        The study.
    folder : Path
        Its folder, for messages.
    must_stay_out : callable
        Given the test rows, returns the test for rows that must not join.
    accept_data_changes : bool, default False
        Whether changed and vanished rows are taken as they are now.

    Raises
    ------
    StudyStateError
        When frozen rows have changed and nobody has agreed to it.
    DataError
        When no test row is left.
    """
    finder = _Finder(rows)
    at = {side: [finder.find(slot, side) for slot in slots] for side, slots in _sides(frozen)}
    found: list[Change] = []
    for side, slots in _sides(frozen):
        for position, slot in enumerate(slots):
            if slot is not None and at[side][position] is None:
                index = at[side][position] = finder.find_changed(slot, side)
                found.append(Change(side, slot, None if index is None else rows[index]))
    if found and not accept_data_changes:
        raise StudyStateError(_refusal(found, frozen, spec, folder))
    test = [index for index in at["test"] if index is not None]
    if not test:
        raise DataError(
            f"none of the test rows that '{folder}' was started with is left; start anew in another folder with --out"
        )
    stays_out = must_stay_out([rows[index] for index in test])
    new = [index for index in finder.unused() if rows[index].side in ("", "train") and not stays_out(rows[index])]
    new.sort(key=lambda index: (content_id(str(spec.split.seed), rows[index].row_id), rows[index].place))
    slots_now = [None if index is None else Slot.of(rows[index], spec.kind) for index in [*at["train"], *new]]
    accepted = frozen.accepted
    if found:
        accepted = (*accepted, {"date": date.today().isoformat(), "what": _in_words(found)})
    now = replace(
        frozen,
        test=tuple(Slot.of(rows[index], spec.kind) for index in test),
        pool=tuple(slots_now),
        generations=(*frozen.generations, *([len(new)] if new else [])),
        accepted=accepted,
    )
    pool = [index for index in at["train"] if index is not None] + new
    return Grown(now, test, pool, new, found)


def _sides(frozen: Frozen) -> list[tuple[str, Sequence[Slot | None]]]:
    return [("test", frozen.test), ("train", frozen.pool)]


class _Finder:
    """Finds frozen rows among the rows that are there now, each row once."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._free = dict.fromkeys(range(len(rows)))
        self._by_id: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            self._by_id[row.row_id].append(index)
        self._by_input: dict[str, list[int]] | None = None
        self._by_place: dict[str, int] = {}

    def unused(self) -> list[int]:
        """Return the rows that no slot has taken."""
        return list(self._free)

    def find(self, slot: Slot | None, side: str) -> int | None:
        """Return the row of a slot; None: it is not there as it was."""
        return None if slot is None else self._take(self._by_id.get(slot.row_id, ()), side)

    def find_changed(self, slot: Slot, side: str) -> int | None:
        """Return the row with the same input and another target, or with the same target and place and another input."""
        if self._by_input is None:
            self._by_input = defaultdict(list)
            for index in self._free:
                self._by_input[content_id(self._rows[index].source)].append(index)
            self._by_place = {self._rows[index].place: index for index in self._free}
        found = self._take(self._by_input.get(slot.input_id, ()), side)
        at_place = self._by_place.get(slot.place)
        if found is None and at_place is not None and content_id(self._rows[at_place].target) == slot.target_id:
            return self._take((at_place,), side)
        return found

    def _take(self, candidates: Sequence[int], side: str) -> int | None:
        for index in candidates:
            if index in self._free and self._rows[index].side in ("", side):
                del self._free[index]
                return index
        return None


def _in_words(found: Sequence[Change]) -> str:
    shown = [change.text for change in found[:MOST_CHANGES_SHOWN]]
    more = f"; and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return "; ".join(shown) + more


def _refusal(found: Sequence[Change], frozen: Frozen, spec: StudySpec, folder: Path) -> str:
    n_frozen = len(frozen.test) + sum(slot is not None for slot in frozen.pool)
    n_gone = sum(change.row is None for change in found)
    counts = ", ".join(
        f"{count} {what}" for count, what in ((len(found) - n_gone, "changed"), (n_gone, "gone")) if count
    )
    settings = changes(frozen.data, spec.data.model_dump(mode="json"), "data")
    because = f" (the settings have changed, too: {'; '.join(settings[:3])})" if settings else ""
    way = "give the earlier settings again" if settings else "restore the data"
    return (
        f"{len(found)} of the {n_frozen} rows of the study in '{folder}' are not as they were ({counts}){because}: "
        f"{_in_words(found)}; {way}, or measure anew what this affects with --accept-data-changes, or start anew in "
        "another folder with --out"
    )


def growth_findings(
    grown: Grown, rows: Sequence[Row], labels: Sequence[str] | None, labels_now: Sequence[str]
) -> list[Finding]:
    """Return what the reader should know about rows that have joined, or have changed with consent."""
    frozen = grown.frozen
    found = []
    joined = sum(frozen.generations[1:])
    if joined:
        text = (
            f"{joined} rows have joined the training pool since the first run; test rows and earlier training rows stay"
        )
        found.append(Finding("pool-grown", text, is_note=True))
    unseen = sorted(set(labels_now) - set(labels)) if labels is not None else []
    if unseen:
        text = f"labels that came with new rows and that the study's prompts do not name: {first_of(told_apart(unseen), 8)}"
        found.append(Finding("new-labels", text, "to measure with them, start anew in another folder with --out"))
    unused = sum(rows[index].side == "test" for index in set(range(len(rows))) - set(grown.test))
    if unused:
        text = f"{unused} rows that the data name as test rows are not in the study's frozen test set, and are not used"
        found.append(
            Finding("unused-test-rows", text, "to use them, start anew in another folder with --out", is_note=True)
        )
    if frozen.accepted:
        latest = frozen.accepted[-1]
        text = f"changed rows were accepted on {latest['date']} ({latest['what']}); what they affect is measured anew"
        found.append(Finding("accepted-data-changes", text, is_note=True))
    return found
