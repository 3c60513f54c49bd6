"""How messages write what is many or long."""

from tunecurve.wording import counted, cut, first_of


def test_what_is_left_out_is_said():
    assert first_of((1, 2, 3), 2) == "1, 2, ..."
    assert first_of((1, 2), 2, "; ") == "1; 2"
    assert first_of([], 2) == ""


def test_a_text_is_never_longer_than_asked():
    assert cut("abcdefgh", 8) == "abcdefgh"
    assert cut("abcdefghi", 8) == "abcde..."


def test_one_is_no_plural():
    assert [counted(n, "size") for n in (0, 1, 2)] == ["0 sizes", "1 size", "2 sizes"]
