"""How messages write what is many or long."""

from tunecurve.wording import chance_in_words, counted, cut, first_of, of_hundred


def test_what_is_left_out_is_said():
    assert first_of((1, 2, 3), 2) == "1, 2, ..."
    assert first_of((1, 2), 2, "; ") == "1; 2"
    assert first_of([], 2) == ""


def test_a_text_is_never_longer_than_asked():
    assert cut("abcdefgh", 8) == "abcdefgh"
    assert cut("abcdefghi", 8) == "abcde..."


def test_one_is_no_plural():
    assert [counted(n, "size") for n in (0, 1, 2)] == ["0 sizes", "1 size", "2 sizes"]


def test_what_was_counted_on_draws_is_never_certain():
    assert [chance_in_words(p) for p in (0.0, 0.004, 0.006, 0.99, 0.996, 1.0)] == [
        "under 0.01",
        "under 0.01",
        "0.01",
        "0.99",
        "over 0.99",
        "over 0.99",
    ]
    assert chance_in_words(0.2, few="only ") == "only 0.20"
    assert [of_hundred(share, 40) for share in (0.0, 0.3, 1.0)] == ["under 3 of 100", "30 of 100", "over 97 of 100"]
