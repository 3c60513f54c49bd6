"""Texts whose UTF-8 was once read as another encoding, and what was lost in them, are said; right texts never are."""

import pytest

from tunecurve.data.damaged_texts import damage_findings, damage_in
from tunecurve.data.rows import Row

WORDS = ["café", "größer", "Łódź", "it’s", "5 €", "5 °C", "¿Qué?", "señor", "Привет", "Ελληνικά", "日本語です", "😀"]
RIGHT = [
    *WORDS, "CAFÉ»", "«À»", "“Ä”", "MANHÃ…", "IRMÃ”", "NÃO", "Größe “Ä”", "├── src", "√9 = 3 ©", "РСФСР: «С»", "Việt Nam “Â”",
    "C’EST LÀ…", "naïve…»", "ÅÄÖ", "Þórður", "50 £ – “ÅÄÖ”",
]  # fmt: skip


def misread(text, encoding):
    try:
        return text.encode().decode(encoding)
    except UnicodeDecodeError:
        return None


def brought_back(damaged):
    """Mend a text by what is said of it, place by place; only damaged characters are shown, not the words around."""
    while found := damage_in(damaged):
        assert found.shown not in found.meant
        damaged = damaged.replace(found.shown, found.meant)
    return damaged


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_what_was_read_as_a_western_encoding_is_found_and_brought_back(word, encoding):
    damaged = misread(word, encoding)
    if damaged is not None:  # five bytes stand for nothing in cp1252
        assert brought_back(damaged) == word


@pytest.mark.parametrize("encoding", ["mac_roman", "cp850", "cp437"])
@pytest.mark.parametrize("word", ["café", "señor", "Köln", "à la"])
def test_so_is_what_was_read_as_an_encoding_of_older_machines(word, encoding):
    assert brought_back(misread(word, encoding)) == word


@pytest.mark.parametrize("text", ["Привет, мир", "Как дела?", "Спасибо большое"])
def test_so_is_cyrillic_read_as_its_own_older_encoding(text):
    found = damage_in(text.encode().decode("cp1251", "replace"))
    assert found is not None
    assert found.encoding == "cp1251"


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_text_is_left_alone(text):
    assert damage_in(text) is None
    assert damage_findings([Row(text, "a", "", "line 2")]) == []


@pytest.mark.parametrize("side", ["input", "target"])
@pytest.mark.parametrize("n_damaged", [1, 3, 150])
def test_rows_are_counted_once_with_an_example_and_the_way_to_mend_them(side, n_damaged):
    texts = ["cafÃ© rosÃ©"] * n_damaged + ["café"] * (200 - n_damaged)
    rows = [Row(*((text, "a") if side == "input" else ("a", text)), "", f"line {n}") for n, text in enumerate(texts)]
    (finding,) = damage_findings(rows)
    assert f"{n_damaged} of 200 rows" in finding.text
    assert "'Ã©' stands for 'é'" in finding.text
    assert ".encode('cp1252').decode()" in finding.remedy
    assert finding.places[0] == "line 0"
    assert finding.is_note == (n_damaged == 1)  # one row may speak of such texts


def test_the_way_to_mend_a_text_mends_it():
    for text, meant in (("cafÃ©", "café"), ("5 â‚¬", "5 €"), ("Å\x81Ã³dÅº", "Łódź")):
        found = damage_in(text)
        assert text.encode(found.encoding).decode() == meant
        assert text.replace(found.shown, found.meant, 1) != text
        assert found.meant in meant


@pytest.mark.parametrize("text", ["caf\ufffd", "\ufffd\ufffd", "it\ufffds"])
def test_characters_that_are_lost_are_said(text):
    (finding,) = damage_findings([Row(text, "a", "", "line 2"), Row("b", "c", "", "line 3")])
    assert finding.text.startswith("1 of 2 rows hold the sign for a character that was lost")
    assert finding.places == ("line 2",)


@pytest.mark.slow
def test_of_many_rows_a_part_is_looked_at_and_that_is_said():
    rows = [Row("cafÃ©", "a", "", f"line {n}") for n in range(100_001)]
    (finding,) = damage_findings(rows)
    assert "50001 of 50001 rows" in finding.text
    assert "looked at: 50,001 of 100,001 rows" in finding.text
