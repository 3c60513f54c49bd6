"""Windows of long texts: every word is read, and is one window's own."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from tunecurve.learners.gliner.windows import cut_into_windows


@example(n_pieces=[0] * 39 + [2] + [0] * 20, most_words=6, most_pieces=1)
@example(n_pieces=[1] * 900 + [700, 1, 1], most_words=800, most_pieces=800)
@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 20), st.none() | st.integers(1, 60))
def test_every_word_is_read_and_is_one_windows_own(n_pieces, most_words, most_pieces):
    windows = cut_into_windows(n_pieces, most_words, most_pieces)
    own = [number for window in windows for number in range(window.own_first, window.own_end)]
    assert own == list(range(len(n_pieces)))
    for window in windows:
        assert window.first <= window.own_first < window.own_end <= window.end
        assert window.end - window.first <= most_words
        read = sum(n_pieces[window.first : window.end])
        assert most_pieces is None or read <= most_pieces or window.end - window.first == 1


def test_what_begins_where_two_windows_meet_has_words_of_both_sides_around_it():
    windows = cut_into_windows([1] * 100, 24, None)
    for before, after in itertools.pairwise(windows):
        assert before.end - before.own_end == 3
        assert after.own_first - after.first == 3


def test_a_short_text_is_one_window_and_an_empty_one_none():
    (window,) = cut_into_windows([2, 2], 24, 100)
    assert (window.first, window.end, window.own_first, window.own_end) == (0, 2, 0, 2)
    assert cut_into_windows([], 24, 100) == []
