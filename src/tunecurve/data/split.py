"""Test set and training pool: frozen before anything is trained.

`group` keeps rows of one group (a template, a customer, a document) on one side. `random` is bit-identical to
`datasets.Dataset.train_test_split(test_size, seed)` followed by `select(range(n))`, so that published runs can be
compared. Training subsets are nested: the first n rows of a seed's order.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tunecurve.data.groups import Groups, shuffled
from tunecurve.data.near_duplicates import NearDuplicates
from tunecurve.data.rows import Row, skeleton
from tunecurve.errors import DataError
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm
from tunecurve.storage.records import Record
from tunecurve.wording import counted

MAX_TEST_SHARE_OF_GROUPS = 0.25
# A group with more than this share of the rows is trained on, if the others suffice for the test set: whole in the test set, it would leave
# few rows to train on, and most of it would be set aside.
LARGE_SHARE_OF_ROWS = 0.5
# So many of the largest groups are kept for training, one after the other, where the rows do not suffice in random order.
MOST_KEPT_FOR_TRAINING = 8


@dataclass(frozen=True)
class Split:
    """Indices of the test rows and of the training pool, in order, and what was set aside."""

    test: Sequence[int]
    pool: Sequence[int]
    """Row indices."""
    set_aside: int
    """Rows in neither: they share a group with a test row."""
    method: str
    """What was done, in words."""


def split_rows(
    rows: Sequence[Row],
    *,
    method: str,
    test_size: int,
    seed: int = 42,
    n_train_needed: int = 1,
    groups_are_named: bool = True,
) -> Split:
    """Split rows into a test set and a training pool.

    Parameters
    ----------
    rows : sequence of Row
        Cleaned rows.
    method : {"group", "random"}
        See the module's docstring.
    test_size : int
        Number of test rows.
    seed : int, default 42
        Seed of the shuffle.
    n_train_needed : int, default 1
        Rows the training pool must hold at least.
    groups_are_named : bool, default True
        Whether a column names the groups; otherwise texts that differ in numbers and values only are one. For the words alone.

    Raises
    ------
    DataError
        When the rows do not suffice.
    """
    if test_size + n_train_needed > len(rows):
        raise DataError(
            f"{counted(len(rows), 'usable row')} cannot give {counted(test_size, 'test row')} and "
            f"{counted(n_train_needed, 'training row')}; "
            f"lower {_what_to_lower(n_train_needed)} (test + largest training size must be at most {len(rows)})"
            f"{_fitting(len(rows)) if n_train_needed > 1 else ''}"
        )
    if method == "random":
        order = np.random.default_rng(seed).permutation(len(rows)).tolist()
        return Split(order[:test_size], order[test_size:], 0, f"random rows, seed {seed}")
    drawn = _group_split(rows, test_size, seed, n_train_needed, groups_are_named=groups_are_named)
    groups = "whole groups" if groups_are_named else "whole groups of texts that differ in numbers and values only"
    how = f"{groups} ({drawn.n_used} of {drawn.n_groups} groups in the test set{_kept(drawn.kept)}), seed {seed}"
    return Split(drawn.test, drawn.pool, len(rows) - len(drawn.test) - len(drawn.pool), how)


def _kept(sizes: Sequence[int]) -> str:
    """Return which groups were kept for training without a draw."""
    if not sizes:
        return ""
    rows = " and ".join(counted(size, "row") for size in sizes)
    return (
        f"; the largest, of {rows}, kept to train on"
        if len(sizes) < 3
        else f"; the {len(sizes)} largest kept to train on"
    )


def _what_to_lower(n_train_needed: int) -> str:
    """Return the options that ask for too many rows; one training row is what is kept where nobody asked for any."""
    return "--test-size or --train-sizes" if n_train_needed > 1 else "--test-size"


def _fitting(n_rows: int) -> str:
    """Return sizes that so few rows can give: a third to test on, the rest trained on by halves; nothing below seven rows."""
    n_test = max(n_rows // 3, 1)
    largest = n_rows - n_test
    sizes = ",".join(str(largest // part) for part in (4, 2, 1))
    return f", e.g. --test-size {n_test} --train-sizes {sizes}" if largest >= 5 else ""


@dataclass(frozen=True)
class _Drawn:
    """Test rows and pool of whole groups; how many groups are tested on, and the sizes of those that no draw could test on."""

    test: list[int]
    pool: Sequence[int]
    n_used: int
    n_groups: int
    kept: tuple[int, ...]


def _group_split(
    rows: Sequence[Row], test_size: int, seed: int, n_train_needed: int, *, groups_are_named: bool
) -> _Drawn:
    """Draw whole groups: the first order of groups that gives both sides enough rows."""
    generator = np.random.default_rng(seed)
    drawn = Groups.of(rows, shuffled(len(rows), generator)).shuffled(generator)
    for n_kept in _numbers_kept(drawn):
        groups = drawn.largest_last(n_kept)
        if found := _test_of(groups, test_size, n_train_needed, len(groups) - n_kept):
            test, used = found
            left = groups.members_from(used)
            pool = array("i", left[shuffled(len(left), generator)].tobytes())
            return _Drawn(test, pool, used, len(groups), tuple(groups.sizes[len(groups) - n_kept :][::-1].tolist()))
    raise DataError(
        f"{counted(len(rows), 'usable row')} in {counted(len(drawn), 'group')} cannot be split into "
        f"{counted(test_size, 'test row')} and {counted(n_train_needed, 'training row')} without a group on both "
        "sides (a group is the same --group-column, or texts that differ "
        f"in numbers and values only; the largest has {drawn.sizes.max()} rows, "
        f"e.g. {_example(rows, drawn, groups_are_named=groups_are_named)}); lower "
        f"{_what_to_lower(n_train_needed)}, name another --group-column, or use --split random"
    )


def _numbers_kept(groups: Groups) -> list[int]:
    """Return how many of the largest groups to keep for training, in the order in which to try: none, but where one holds most rows."""
    holds_most = int(groups.sizes.max()) > LARGE_SHARE_OF_ROWS * int(groups.sizes.sum())
    numbers = [*range(min(MOST_KEPT_FOR_TRAINING, len(groups) - 1) + 1)]
    return [1, 0, *numbers[2:]] if holds_most and len(numbers) > 1 else numbers


def _test_of(groups: Groups, test_size: int, n_train_needed: int, n_drawn: int) -> tuple[list[int], int] | None:
    """Take as few rows a group as needed, so that the test set holds many groups; return the rows, and how many groups.

    Of the first `n_drawn` groups. Rows of a test group that are not taken are set aside. The cap of rows per group starts at 1 and grows
    while the test set would use up more than a quarter of the groups or leave too few training rows.
    """
    best: tuple[list[int], int] | None = None
    for cap in range(1, int(groups.sizes[:n_drawn].max()) + 1):
        test, used = _take(groups, test_size, cap)
        n_pool = int(groups.sizes[used:].sum())
        if len(test) == test_size and n_pool >= n_train_needed and used <= n_drawn:
            best = (test, used)
            if used <= MAX_TEST_SHARE_OF_GROUPS * len(groups):
                break
    return best


def _example(rows: Sequence[Row], groups: Groups, *, groups_are_named: bool) -> str:
    first = groups.first(int(groups.sizes.argmax()), 2)
    if groups_are_named:
        return repr(rows[first[0]].group)
    return ", ".join(repr(rows[index].source[:30]) for index in first)


def _take(groups: Groups, test_size: int, cap: int) -> tuple[list[int], int]:
    taken: list[int] = []
    for number in range(len(groups)):
        if len(taken) >= test_size:
            return taken[:test_size], number
        taken.extend(groups.first(number, cap))
    return taken[:test_size], len(groups)


def training_order(n_pool: int, seed: int, split_seed: int = 42, generation: int = 0) -> list[int]:
    """Return a seed's order of the pool: positions 0..n_pool-1; seed 0 keeps the pool's own order.

    The training set of size n is the first n of it, so sizes are nested within a seed. Rows that joined the pool later are a
    generation with an order of its own.
    """
    if seed == 0:
        return list(range(n_pool))
    return np.random.default_rng([split_seed, seed, generation]).permutation(n_pool).tolist()


def grown_order(
    pool: Sequence[int | None],
    generations: Sequence[int],
    seed: int,
    split_seed: int = 42,
    labels: Sequence[Sequence[str]] | None = None,
) -> list[int]:
    """Return a seed's order of a pool that has grown: every generation in its own order, behind the earlier ones.

    Parameters
    ----------
    pool : sequence of int or None
        The rows by number, in the order in which they joined; None where one is gone. The others stay where they are.
    generations : sequence of int
        How many joined at once.
    seed, split_seed : int
        The order, and the split's seed.
    labels : sequence of sequences of str, optional
        Labels by row number, where beginnings are to hold all labels evenly.
    """
    found: list[int] = []
    start = 0
    for number, size in enumerate(generations):
        members = pool[start : start + size]
        order = [
            row for position in training_order(size, seed, split_seed, number) if (row := members[position]) is not None
        ]
        found += order if labels is None else stratified_order(order, labels, drawn_before=found)
        start += size
    return found


def stratified_order(
    order: Sequence[int], labels: Sequence[Sequence[str]], drawn_before: Sequence[int] = ()
) -> list[int]:
    """Return the order rearranged so that its beginnings hold all labels about evenly.

    The next row is always one with the label that was drawn least so far, rarer labels first; rows without labels
    count as one label of their own. Beginnings stay nested. What rows drawn before have counts as drawn.
    """
    waiting: dict[str, deque[int]] = defaultdict(deque)
    for position in order:
        for label in set(labels[position]) or {""}:
            waiting[label].append(position)
    # (times drawn, rows that have it, label): the smallest is drawn next.
    rarity = {label: len(rows) for label, rows in waiting.items()}
    drawn = dict.fromkeys(waiting, 0)
    for position in drawn_before:
        for label in set(labels[position]) or {""}:
            if label in drawn:
                drawn[label] += 1
    heap = [(drawn[label], rarity[label], label) for label in waiting]
    heapq.heapify(heap)
    taken: set[int] = set()
    found = []
    while heap:
        count, _, label = heapq.heappop(heap)
        if count != drawn[label]:  # drawn meanwhile, as a companion of another label
            heapq.heappush(heap, (drawn[label], rarity[label], label))
            continue
        while waiting[label] and waiting[label][0] in taken:
            waiting[label].popleft()
        if not waiting[label]:
            continue
        position = waiting[label].popleft()
        taken.add(position)
        found.append(position)
        for companion in set(labels[position]) or {""}:
            drawn[companion] += 1
        heapq.heappush(heap, (drawn[label], rarity[label], label))
    return found


@dataclass(frozen=True)
class Overlap(Record):
    """How many test rows have a twin in the training pool."""

    test_rows_with_input_in_pool: int
    test_rows_with_skeleton_in_pool: int
    """With the same text but for labels, digits, case and spacing."""
    skeleton_of: Literal["target", "input"]
    test_rows_near_pool: int | None = None
    """Of the compared ones, with nearly the same text as a training row, and no twin; null in older results."""
    test_rows_compared: int | None = None
    pool_rows_compared: int | None = None


def count_overlap(
    test: Sequence[Row],
    pool: Sequence[Row],
    skeleton_of: Literal["target", "input"],
    form: PlaceholderForm = CLASSIC,
    near: NearDuplicates | None = None,
) -> Overlap:
    """Return how many test rows have a twin in the pool: same input, or same skeleton of a text.

    Parameters
    ----------
    skeleton_of : {"target", "input"}
        The text that shows the template: the target of a masking, else the input (classes and summaries do not).
    form : PlaceholderForm, default `[LABEL]`
        How placeholders are written.
    near : NearDuplicates, optional
        Test rows that are nearly the same as a training row.
    """
    text_of = skeleton_text(skeleton_of, form)
    inputs = Counter(row.source for row in test)
    skeletons = Counter(map(text_of, test))
    inputs_in_pool = {row.source for row in pool if row.source in inputs}
    skeletons_in_pool = {text for row in pool if (text := text_of(row)) in skeletons}
    return Overlap(
        test_rows_with_input_in_pool=sum(inputs[text] for text in inputs_in_pool),
        test_rows_with_skeleton_in_pool=sum(skeletons[text] for text in skeletons_in_pool),
        skeleton_of=skeleton_of,
        test_rows_near_pool=None if near is None else len(near.pairs),
        test_rows_compared=None if near is None else near.n_test_compared,
        pool_rows_compared=None if near is None else near.n_pool_compared,
    )


def skeleton_text(skeleton_of: Literal["target", "input"], form: PlaceholderForm = CLASSIC) -> Callable[[Row], str]:
    """Return the function that gives the text of a row by which twins are told."""
    if skeleton_of == "target":
        return lambda row: skeleton(row.target, form)
    return lambda row: skeleton(row.source)
