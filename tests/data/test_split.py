import dataclasses
import pickle
import re

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.data.rows import Row, TextGroup, skeleton
from tunecurve.data.split import count_overlap, split_rows, training_order
from tunecurve.errors import DataError


def make_rows(groups):
    return [Row(f"input {i}", f"target {i}", str(group)) for i, group in enumerate(groups)]


@pytest.mark.parametrize(("n_rows", "test_size", "seed"), [(1000, 200, 42), (57, 10, 42), (300, 30, 7)])
def test_random_split_is_the_one_of_datasets_bit_for_bit(n_rows, test_size, seed):
    rows = make_rows(range(n_rows))
    table = datasets.Dataset.from_dict({"source": [row.source for row in rows]})
    peer = table.train_test_split(test_size=test_size, seed=seed)
    ours = split_rows(rows, method="random", test_size=test_size, seed=seed)
    assert [rows[i].source for i in ours.test] == peer["test"]["source"]
    for n in (1, 20, n_rows - test_size):
        assert [rows[i].source for i in ours.pool[:n]] == peer["train"].select(range(n))["source"]


@given(st.lists(st.integers(0, 12), min_size=40, max_size=120), st.integers(1, 12), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_no_group_stands_on_both_sides_and_no_row_is_lost(groups, test_size, seed):
    rows = make_rows(groups)
    try:
        split = split_rows(rows, method="group", test_size=test_size, seed=seed, n_train_needed=5)
    except DataError:
        return  # the messages have tests of their own
    test_groups = {rows[i].group for i in split.test}
    assert not test_groups & {rows[i].group for i in split.pool}
    assert len(split.test) == test_size == len(set(split.test))
    assert len(split.pool) >= 5
    assert len(split.test) + len(split.pool) + split.set_aside == len(rows)


def test_the_test_set_spreads_over_many_groups():
    split = split_rows(make_rows([i % 100 for i in range(2000)]), method="group", test_size=50, n_train_needed=800)
    assert 13 <= len({i % 100 for i in split.test}) <= 25


def test_the_split_depends_on_the_seed_and_nothing_else():
    rows = make_rows([i % 30 for i in range(300)])
    assert split_rows(rows, method="group", test_size=20, seed=1) == split_rows(
        rows, method="group", test_size=20, seed=1
    )
    assert split_rows(rows, method="group", test_size=20, seed=1) != split_rows(
        rows, method="group", test_size=20, seed=2
    )


@pytest.mark.parametrize("method", ["group", "random"])
def test_too_few_rows_are_an_error_that_says_what_to_lower(method):
    with pytest.raises(DataError, match=r"10 usable rows .*lower --test-size or --train-sizes"):
        split_rows(make_rows(range(10)), method=method, test_size=8, n_train_needed=5)


def test_one_giant_group_cannot_be_split_by_group():
    with pytest.raises(DataError, match=r"in 1 group .*--split random"):
        split_rows(make_rows([0] * 50), method="group", test_size=5, n_train_needed=5)


SITES = ["hq"] * 60 + [f"site {number % 20}" for number in range(40)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_train_needed", [1, 50, 60])
def test_a_group_with_most_of_the_rows_is_trained_on(n_train_needed, seed):
    rows = make_rows(SITES)
    split = split_rows(rows, method="group", test_size=30, seed=seed, n_train_needed=n_train_needed)
    assert {rows[index].group for index in split.pool} >= {"hq"}
    assert len(split.test) == 30
    assert len(split.pool) >= max(60, n_train_needed)
    assert split.set_aside == 100 - 30 - len(split.pool) <= 10
    assert "; the largest, of 60 rows, kept to train on)" in split.method


def test_a_group_with_most_of_the_rows_is_tested_on_where_the_others_do_not_suffice():
    rows = make_rows(SITES)
    split = split_rows(rows, method="group", test_size=50, n_train_needed=10)
    assert "hq" in {rows[index].group for index in split.test}
    assert "kept to train on" not in split.method


@pytest.mark.parametrize("seed", range(6))
def test_large_groups_are_kept_to_train_on_where_no_draw_suffices(seed):
    """Groups of the test set may hold 29 rows: seven small ones do, a large one and a small one do not."""
    sites = [f"large {number % 3}" for number in range(78)] + [f"small {number % 10}" for number in range(40)]
    rows = make_rows(sites)
    split = split_rows(rows, method="group", test_size=27, seed=seed, n_train_needed=89)
    assert {rows[index].group for index in split.test} <= {f"small {number}" for number in range(10)}
    assert len(split.pool) >= 89


def test_groups_that_no_choice_can_split_are_named():
    rows = make_rows(["north"] * 50 + ["south"] * 50)
    with pytest.raises(DataError, match=r"the largest has 50 rows, e\.g\. '(north|south)'\)"):
        split_rows(rows, method="group", test_size=60, n_train_needed=30)


def test_training_orders_are_permutations_and_seed_0_keeps_the_order():
    assert training_order(50, 0) == list(range(50))
    assert sorted(training_order(50, 1)) == list(range(50))
    assert training_order(50, 1) != training_order(50, 2)
    assert training_order(50, 1) == training_order(50, 1)


def test_overlap_counts_twins():
    rows = [Row("a", "[NAME] 1", "x"), Row("b", "[CITY] 22", "y"), Row("a", "z", "x"), Row("c", "q", "z")]
    assert dataclasses.asdict(count_overlap(rows[:1], rows[1:], "target")) == {
        "test_rows_with_input_in_pool": 1,
        "test_rows_with_skeleton_in_pool": 1,
        "skeleton_of": "target",
        "test_rows_near_pool": None,
        "test_rows_compared": None,
        "pool_rows_compared": None,
    }


def groups_by_a_dictionary(rows, test_size, seed):
    """What a group split is, written as the definition says: groups in the order of their names, shuffled, one row of each first."""
    generator = np.random.default_rng(seed)
    members = {}
    for index in generator.permutation(len(rows)).tolist():
        members.setdefault(rows[index].group, []).append(index)
    groups = [members[name] for name in sorted(members)]
    groups = [groups[position] for position in generator.permutation(len(groups)).tolist()]
    if max(map(len, groups)) > len(rows) / 2:
        groups.sort(key=lambda group: len(group) > len(rows) / 2)
        n_drawn = len(groups) - 1
    else:
        n_drawn = len(groups)
    for cap in range(1, len(rows) + 1):
        test, used = [], 0
        while len(test) < test_size and used < len(groups):
            test, used = test + groups[used][:cap], used + 1
        test, pool = test[:test_size], [index for group in groups[used:] for index in group]
        if len(test) == test_size and pool and used <= min(n_drawn, 0.25 * len(groups)):
            return test, [pool[position] for position in generator.permutation(len(pool)).tolist()]
    return None


LONG = "x" * 31
NAMES = st.sampled_from(
    # Names are compared by their first 32 bytes first.
    [
        "a",
        "b",
        "",
        "a\0",
        "a\0b",
        "é",
        "\ud800",
        "\uffff",
        "😀",
        LONG,
        LONG + "y",
        LONG + "é",
        LONG + "éa",
        LONG + "ya",
        LONG + "yb",
    ]
)


@given(st.lists(NAMES | st.text(max_size=3), min_size=8, max_size=60), st.integers(1, 5), st.integers(0, 3))
def test_groups_are_sorted_by_their_whole_names(names, test_size, seed):
    rows = make_rows(names)
    expected = groups_by_a_dictionary(rows, test_size, seed)
    if expected is not None:
        split = split_rows(rows, method="group", test_size=test_size, seed=seed)
        assert (split.test, list(split.pool)) == expected


def test_a_row_that_is_grouped_by_its_text_has_that_texts_group():
    by_input, by_target = TextGroup("input"), TextGroup("target")
    assert Row("Call 12", "x", by_input).group == Row("call  7", "y", by_input).group == "call 0"
    assert Row("x", "Ask [NAME]", by_target).group == skeleton("Ask [NAME]")
    assert Row("x", "y", "named").group == "named"


@pytest.mark.parametrize(
    "place", ["line 7", "row 12", "a.jsonl, line 3", "", "line 07", "x", "7", "line ٣", "line 999999999999", "a 5 b"]
)
def test_a_place_is_the_one_that_was_given_also_in_another_process(place):
    row = Row("a", "b", "c", place)
    assert row.place == pickle.loads(pickle.dumps(row)).place == place  # noqa: S301 our own
    assert row == Row("a", "b", "c", place)
    assert row != Row("a", "b", "c", "line 8")


@pytest.mark.parametrize("n_rows", [7, 8, 20, 60, 199])
@pytest.mark.parametrize("method", ["random", "group"])
def test_too_few_rows_are_told_the_sizes_that_they_can_give(n_rows, method):
    rows = make_rows(range(n_rows))
    with pytest.raises(DataError) as told:
        split_rows(rows, method=method, test_size=200, n_train_needed=50)
    n_test, sizes = re.search(r"e\.g\. --test-size (\d+) --train-sizes ([\d,]+)$", str(told.value)).groups()
    sizes = [int(size) for size in sizes.split(",")]
    assert len(set(sizes)) == 3, "three sizes make a curve"
    assert min(sizes) >= 1
    split = split_rows(rows, method=method, test_size=int(n_test), n_train_needed=max(sizes))
    assert len(split.test) == int(n_test)


@pytest.mark.parametrize("n_rows", [1, 3, 6])
def test_rows_that_make_no_curve_get_no_sizes(n_rows):
    with pytest.raises(DataError, match=f"at most {n_rows}\\)$"):
        split_rows(make_rows(range(n_rows)), method="random", test_size=200, n_train_needed=50)


@pytest.mark.parametrize(
    ("named", "said"),
    [(True, "whole groups ("), (False, "whole groups of texts that differ in numbers and values only (")],
)
def test_what_a_group_is_stands_in_the_words_of_a_split_that_no_column_grouped(named, said):
    split = split_rows(make_rows(range(40)), method="group", test_size=10, groups_are_named=named)
    assert split.method.startswith(said)
