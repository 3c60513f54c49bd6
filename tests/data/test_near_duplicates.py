"""Near-duplicates across the split: all that a comparison of every pair finds, and no other."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunecurve.data import near_duplicates
from tunecurve.data.near_duplicates import ALIKE, find_near_duplicates, ngrams
from tunecurve.data.rows import Row, skeleton

WORDS = ["turn", "off", "the", "alarm", "alarms", "kitchen", "lights", "please", "in", "my"]


def row_of(text, place=""):
    return Row(text, "x", text, place)


def text_of(row):
    return skeleton(row.source)


def by_every_pair(test, pool):
    """The best similarity of every test row that has a near-duplicate, from the definition."""
    found = {}
    for number, row in enumerate(test):
        mine = ngrams(text_of(row))
        for other in pool:
            theirs = ngrams(text_of(other))
            if text_of(other) == text_of(row) or not mine or not theirs:
                continue
            similarity = len(mine & theirs) / len(mine | theirs)
            if similarity >= ALIKE:
                found[number] = max(similarity, found.get(number, 0.0))
    return found


@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join), min_size=1, max_size=8),
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40).map(" ".join), min_size=1, max_size=8),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_what_is_found_is_what_every_pair_shows(test_texts, pool_texts, seed):
    changed = random.Random(seed)
    pool_texts = [*pool_texts, *(f"{text} {changed.choice(WORDS)}" for text in test_texts)]
    test, pool = [row_of(text, f"line {n}") for n, text in enumerate(test_texts)], [row_of(text) for text in pool_texts]
    found = find_near_duplicates(test, pool, text_of)
    assert {int(pair.test.place.split()[1]): pair.similarity for pair in found.pairs} == by_every_pair(test, pool)
    assert (found.n_test_compared, found.n_pool_compared) == (len(test), len(pool))


@pytest.mark.parametrize(
    ("first", "second", "is_near"),
    [
        ("Why is my cash withdrawal still pending?", "Why is my cash withdrawal pending?", True),
        ("turn off my alarm", "turn off my alarms", True),
        ("Wie spät ist es morgen in München?", "Wie spät ist es morgen in München, bitte?", True),
        ("明天北京的天气怎么样呢请告诉我", "明天北京的天气怎么样呢请告诉我吧", True),
        ("Why is my cash withdrawal still pending?", "Where is the nearest hospital?", False),
        ("yes", "yes!", False),  # too short to say anything
        ("Call me at 5 in the evening", "call me at 12 in the  evening", False),  # twins, counted as such
    ],
)
def test_texts_that_differ_by_a_word_are_near(first, second, is_near):
    found = find_near_duplicates([row_of(first)], [row_of("something else entirely"), row_of(second)], text_of)
    assert [pair.training.source for pair in found.pairs] == ([second] if is_near else [])


def test_of_many_rows_an_even_sample_is_compared(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MOST_TEST_ROWS", 10)
    monkeypatch.setattr(near_duplicates, "MOST_PAIRS", 200)
    test = [row_of(f"the amber lamp in room {chr(97 + n)}{chr(97 + n)}") for n in range(20)]
    pool = [row_of(f"the amber lamp in room {chr(97 + n % 26)}{chr(97 + n // 26)}") for n in range(400)]
    found = find_near_duplicates(test, pool, text_of)
    assert (found.n_test_compared, found.n_pool_compared) == (10, 20)
    assert len(found.pairs) == 10


def test_rows_that_are_all_alike_end_early_and_say_how_many_were_compared(monkeypatch):
    monkeypatch.setattr(near_duplicates, "MOST_STEPS", 1000)
    test = [row_of(f"the amber lamp in room {chr(97 + n)}{chr(97 + n)}") for n in range(20)]
    pool = [row_of(f"the amber lamp in room {chr(97 + n % 26)}{chr(97 + n // 26)}") for n in range(400)]
    found = find_near_duplicates(test, pool, text_of)
    assert 0 < found.n_pool_compared < 400
    assert len(found.pairs) == 20
