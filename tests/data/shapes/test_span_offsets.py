"""Offsets without a text beside them: those that cut most words are asked for, with the way of counting that fits."""

import pytest

from tests.support.shapes import read_shape
from tunecurve.data.shapes.base import Asked
from tunecurve.data.shapes.reader import PlainRows
from tunecurve.errors import DataError

NAMES = ["Ada Lee", "Bo Quist", "Jörg Weiß", "Mai Ling", "Rui Costa", "Zoë Hart"]
BEFORE = {
    "utf-16": ("😀 so ", lambda text: len(text.encode("utf-16-le")) // 2),
    "bytes": ("Élan: ", lambda text: len(text.encode())),
    "line breaks as one": ("Hi,\r\nwell,\r\n", lambda text: len(text.replace("\r\n", "\n"))),
}


def rows(before, length, key="label"):
    """Return texts with a name and a city, their offsets as the function counts what stands before."""
    found = []
    for name in NAMES:
        text = f"{before}{name} left Graz today"
        places = [(text.index(name), len(name), "PERSON"), (text.index("Graz"), 4, "CITY")]
        spans = [[length(text[:start]), length(text[: start + size]), label] for start, size, label in places]
        found.append({"text": text, key: spans})
    return found


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("n_plain", [0, 40])
def test_other_units_are_asked_for_and_read_where_they_are_named(name, n_plain):
    before, length = BEFORE[name]
    data = rows("", len)[:2] * (n_plain // 2) + rows(before, length)
    with pytest.raises(DataError, match=rf"cut words if they count characters .*offsets: {name}}}"):
        read_shape(data, task="masking")
    read = read_shape(data, task="masking", options={"offsets": name})
    assert {target for _, target in read.pairs} == {
        "[PERSON] left [CITY] today",
        f"{before}[PERSON] left [CITY] today",
    } - (set() if n_plain else {"[PERSON] left [CITY] today"})


@pytest.mark.parametrize("name", BEFORE)
def test_a_text_beside_the_offsets_decides(name):
    before, length = BEFORE[name]
    data = [
        {"text": row["text"], "label": [{"start": s, "end": e, "label": label, "text": own}]}
        for row, own in zip(rows(before, length), NAMES, strict=True)
        for s, e, label in row["label"][:1]
    ]
    read = read_shape(data, task="masking")
    assert {target for _, target in read.pairs} == {f"{before}[PERSON] left Graz today"}


@pytest.mark.parametrize("before", ["", "😀 so ", "Élan: ", "Hi,\r\nwell,\r\n", "张伟说"])
def test_characters_are_read_whatever_stands_before(before):
    read = read_shape(rows(before, len), task="masking")
    assert {target for _, target in read.pairs} == {f"{before}[PERSON] left [CITY] today"}


@pytest.mark.parametrize("shift", [-2, 2, 3])
def test_offsets_of_another_text_are_an_error(shift):
    data = rows("so  ", lambda text: len(text) + shift)
    with pytest.raises(DataError, match=r"cut words on both sides or hold blanks .*those of another text"):
        read_shape(data, task="ner")
    assert read_shape(data, task="ner", options={"offsets": "characters"}).pairs


def test_ends_behind_a_part_of_a_word_are_read_where_most_are_whole():
    data = [*rows("", len), {"text": "Hallorans cat", "label": [[0, 8, "PERSON"]]}]
    assert read_shape(data, task="masking").pairs[-1][1] == "[PERSON]s cat"


@pytest.mark.parametrize("before", ["b", "l'", "בה", "وال"])
def test_articles_before_names_are_no_shift(before):
    data = [
        {"text": f"so {before}{name} left {n}", "label": [[3 + len(before), 3 + len(before) + len(name), "PERSON"]]}
        for n, name in enumerate(NAMES * 2)
    ]
    assert read_shape(data, task="masking").pairs[0][1] == f"so {before}[PERSON] left 0"


@pytest.mark.parametrize("before", ["Hello\r\n", "Hi\r\n", "A: \r\n", "Hi,\r\n\r\n"])
def test_spans_that_end_early_behind_a_line_break_of_windows_count_it_as_one(before):
    length = BEFORE["line breaks as one"][1]
    data = [{**row, "label": row["label"][:1]} for row in rows(before, length)] * 2
    with pytest.raises(DataError, match="offsets: line breaks as one}"):
        read_shape(data, task="ner")
    read = read_shape(data, task="ner", options={"offsets": "line breaks as one"})
    assert [target for _, target in read.pairs[:2]] == ["PERSON: Ada Lee", "PERSON: Bo Quist"]


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize(
    "names", [NAMES, ["Ada Lee"] * 6, [name.lower() for name in [*NAMES, "kim", "lou", "otto", "pia"]]]
)
def test_offsets_that_count_from_one_are_asked_for(names, end):
    texts = [(f"so {name} left {n}", name) for n, name in enumerate(names * 2)]
    data = [{"text": text, "label": [[4, 3 + len(name) + end, "PERSON"]]} for text, name in texts]
    with pytest.raises(DataError, match=rf"'{names[0][1:]} ?'.*count from 1.*offsets: characters}}"):
        read_shape(data, task="masking")
    assert read_shape(data, task="masking", options={"offsets": "characters"}).pairs


def test_numbers_that_lose_their_first_digit_count_from_one():
    data = [{"text": f"call 555-01{n:02d} now", "label": [[6, 13, "PHONE"]]} for n in range(12)]
    with pytest.raises(DataError, match="count from 1"):
        read_shape(data, task="ner")


@pytest.mark.parametrize(("shift", "is_said"), [((0, -1), True), ((1, 0), True), ((1, 1), True), ((0, 0), False)])
def test_a_file_whose_offsets_differ_from_those_of_the_others_is_said(shift, is_said):
    whole = [([f"so {name} left"], name) for name in NAMES * 2]
    first = [{"text": text, "label": [[3, 3 + len(name), "PERSON"]]} for (text,), name in whole]
    other = [
        {"text": row["text"], "label": [[s + shift[0], e + shift[1], kind] for s, e, kind in row["label"]]}
        for row in first
    ]
    reader = PlainRows(Asked(name="spans", input_columns=("text",), target_columns=("label",), task="ner"))
    for name, rows_of in (("test.jsonl", other), ("train.jsonl", first)):
        list(reader.read(((f"line {n}", row) for n, row in enumerate(rows_of, 1)), name))
    said = [one for one in reader.findings() if one.code == "offsets-differ"]
    assert bool(said) is is_said
    assert not said or ("12 spans of 'test.jsonl'" in said[0].text and not said[0].is_note)
