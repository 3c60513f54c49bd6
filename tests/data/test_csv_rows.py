"""Every line of a CSV or TSV file is accounted for: by its separator, by its quotation marks, or by an error that names the mark."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError


def read(path):
    findings = []
    rows = [dict(cells) for _, cells in read_rows(str(path), findings=findings)]
    return rows, [finding.line for finding in findings]


def write(path, *lines, end="\n"):
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def label(n):
    return ("loss", "other")[n % 2]


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_separator_is_read_from_the_header_and_said(tmp_path, mark, name, end):
    path = write(tmp_path / "a.csv", f"Text{mark}Label", f"It came, late{mark}loss", f"x{mark}other", end=end)
    rows, notes = read(path)
    assert rows == [{"Text": "It came, late", "Label": "loss"}, {"Text": "x", "Label": "other"}]
    assert name in notes[0]


def test_a_file_of_commas_is_one_whatever_stands_in_its_texts(tmp_path):
    path = write(tmp_path / "a.csv", "text,label", "a; b; c,loss", "d | e,other", '"f, g; h",loss')
    rows, notes = read(path)
    assert [row["text"] for row in rows] == ["a; b; c", "d | e", "f, g; h"]
    assert notes == []


def test_commas_in_a_tsv_and_excels_own_hint_are_followed(tmp_path):
    assert read(write(tmp_path / "a.tsv", "text,label", "x,loss"))[0] == [{"text": "x", "label": "loss"}]
    assert read(write(tmp_path / "b.csv", "sep=;", "text;label", "x;loss"))[0] == [{"text": "x", "label": "loss"}]
    places = [place for place, _ in read_rows(str(tmp_path / "b.csv"))]
    assert places == ["line 3"]


@pytest.mark.parametrize("tail", [",", ",,,", ", "])
def test_separators_too_many_at_the_end_are_left_out_and_said(tmp_path, tail):
    rows, notes = read(write(tmp_path / "a.csv", "text,label", f"x,loss{tail}", f"y,other{tail}"))
    assert rows == [{"text": "x", "label": "loss"}, {"text": "y", "label": "other"}]
    assert "2 rows of 'a.csv' end in commas too many" in notes[0]


@pytest.mark.parametrize("opened", [3, 1])
@pytest.mark.parametrize("closed", [4, 9, 40])
def test_a_quotation_mark_in_a_tsv_is_a_character(tmp_path, opened, closed):
    lines = [f"text {n}\t{label(n)}" for n in range(60)]
    lines[opened] = '"' + lines[opened]
    lines[closed] = f'text {closed}"\t{label(closed)}'
    rows, notes = read(write(tmp_path / "a.tsv", "text\tlabel", *lines))
    assert [f"{row['text']}\t{row['label']}" for row in rows] == lines
    assert "1 cells of 'a.tsv' begin with a quotation mark" in notes[0]


def test_speech_in_a_tsv_keeps_its_marks(tmp_path):
    rows, _ = read(write(tmp_path / "a.tsv", "text\tlabel", '"Go."\tloss', "He went.\tother"))
    assert rows[0]["text"] == '"Go."'


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_a_tsv_that_is_evidently_quoted_is_read_so(tmp_path, quoting):
    rows = [{"text": 'He said "go".', "label": "a"}, {"text": "two\nlines", "label": "b"}, {"text": "x", "label": "a"}]
    out = io.StringIO()
    writer = csv.DictWriter(out, ["text", "label"], dialect="excel-tab", quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    (tmp_path / "a.tsv").write_text(out.getvalue(), newline="")
    assert read(tmp_path / "a.tsv")[0] == rows


@pytest.mark.parametrize("closed", [8, 12, 40])
@pytest.mark.parametrize("order", ["{0},{1}", "{1},{0}"])
def test_rows_that_a_quotation_mark_swallows_are_an_error_that_names_it(tmp_path, closed, order):
    lines = [order.format(f"text {n}", label(n)) for n in range(60)]
    lines[7] = order.format('"text 7', label(7))
    lines[closed] = order.format(f'text {closed}"', label(closed))
    if order == "{1},{0}":  # the mark is opened in the last cell, and closed at its line's end
        lines[closed] = f'{label(closed)},text {closed}"'
    with pytest.raises(
        DataError, match=rf"opened in line 9 is closed in line {closed + 2}: {closed - 6} lines became one"
    ):
        read(write(tmp_path / "a.csv", "text,label" if order == "{0},{1}" else "label,text", *lines))


def test_swallowed_lines_without_a_recurring_class_are_a_warning(tmp_path):
    lines = [f"text {n},summary {n}" for n in range(20)]
    lines[5], lines[9] = '"text 5,summary 5', 'text 9",summary 9'
    rows, warnings = read(write(tmp_path / "a.csv", "text,target", *lines))
    assert len(rows) == 16
    assert "opened in line 7 is closed in line 11: 5 lines became one row" in warnings[0]


def test_texts_of_several_lines_are_texts(tmp_path):
    letters = ["Dear Bo,\nthanks for all.", "One\n\nthree, four\n", "Hi Bo, thanks", 'A "word"\nof mine, yours']
    out = io.StringIO()
    csv.writer(out).writerows([["text", "label"], *[[text, label(n)] for n, text in enumerate(letters)]])
    (tmp_path / "a.csv").write_text(out.getvalue(), newline="")
    rows, notes = read(tmp_path / "a.csv")
    assert [row["text"] for row in rows] == letters
    assert notes == []


def test_a_row_of_several_lines_is_placed_where_it_begins(tmp_path):
    path = write(tmp_path / "a.csv", "text,label", '"one', 'two",loss', "three,other")
    assert [place for place, _ in read_rows(str(path))] == ["line 2", "line 4"]


TEXTS = st.text(alphabet='ab ,;|"\n\té', min_size=1).filter(lambda text: text.strip() and "\r" not in text)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["x", "y"])), min_size=1, max_size=8))
def test_what_csv_writes_is_read_back_or_refused(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *pairs])
    try:
        rows, _ = read(path)
    except DataError as error:
        refused = str(error)
    else:
        refused = ""
        assert [(row["text"], row["label"]) for row in rows] == pairs
    assert not refused or "lines became one row" in refused


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("n_marks", [1, 2])
def test_a_byte_order_mark_belongs_to_no_name_and_hides_no_header(tmp_path, suffix, n_marks):
    header = "text,label" if suffix == ".csv" else "text\tlabel"
    marks = "\ufeff" * n_marks
    path = write(tmp_path / f"a{suffix}", marks + header, header.replace("text", "Bo ran"))
    assert read(path)[0] == [{"text": "Bo ran", "label": "label"}]
    write(path, marks + header, header.replace("text", "Bo ran"), marks + header, header.replace("text", "x"))
    with pytest.raises(DataError, match="line 3: the header once more"):
        read(path)


BLANKS = [
    ['"text", "label"', '"It came, late", "loss"', '"x", "other"'],
    ['text, "label"', '"It came, late", "loss"', 'x, "other"'],
    ["text, label", '"It came, late", loss', "x, other"],
    ["text, label", '"It came, late",   "loss"', 'x, "other"'],
]


@pytest.mark.parametrize("lines", BLANKS)
@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_blanks_behind_separators_are_left_out_and_said(tmp_path, lines, mark):
    text = "It came, late" if mark == "," else f"It came{mark} late"
    path = write(tmp_path / "a.csv", *(line.replace(",", mark) for line in lines))
    rows, notes = read(path)
    assert rows == [{"text": text, "label": "loss"}, {"text": "x", "label": "other"}]
    assert any("a blank follows each separator of 'a.csv'" in note for note in notes)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["text,label", " a,loss", "b,other"], [" a", "b"]),
        (["label,text", "loss, a", "other,b"], [" a", "b"]),
        (["label,text", 'loss, "a" he said', "other,b"], [' "a" he said', "b"]),
        (["label,text", 'loss," a"', 'other," b"'], [" a", " b"]),
        (["label\ttext", 'loss\t "a"', 'other\t "b"'], [' "a"', ' "b"']),
    ],
)
def test_blanks_of_texts_stay(tmp_path, lines, expected):
    rows, notes = read(write(tmp_path / "a.csv", *lines))
    assert [row["text"] for row in rows] == expected
    assert not any("blank" in note for note in notes)
