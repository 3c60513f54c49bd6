"""The first line of a table names its columns, or is told for what it is."""

import pandas
import pytest

from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

FRAME = pandas.DataFrame({"text": [f"mail {n}" for n in range(6)], "label": ["a", "b"] * 3})


def read(path):
    findings = []
    rows = [dict(cells) for _, cells in read_rows(str(path), findings=findings)]
    return rows, [finding.line for finding in findings]


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("index", [None, range(100, 106)])
def test_the_index_that_pandas_writes_is_left_out_and_said(tmp_path, separator, index):
    frame = FRAME if index is None else FRAME.set_index(pandas.Index(index))
    name = "a.tsv" if separator == "\t" else "a.csv"
    frame.to_csv(tmp_path / name, sep=separator)
    rows, notes = read(tmp_path / name)
    assert rows == FRAME.to_dict("records")
    assert "column 1, which has no name, of" in notes[-1]
    pandas.read_csv(tmp_path / name, sep=separator).to_csv(tmp_path / name, sep=separator)
    rows, notes = read(tmp_path / name)
    assert rows == FRAME.to_dict("records")
    assert "column 'Unnamed: 0'" in " ".join(notes)


def test_a_column_of_texts_without_a_name_is_a_warning(tmp_path):
    rows, notes = read(write(tmp_path / "a.csv", "text,,label\nx,note,a\ny,,b\n"))
    assert rows == [{"text": "x", "label": "a"}, {"text": "y", "label": "b"}]
    assert "column 2, which has no name, of 'a.csv' holds 1 cells and is left out; give it a name" in notes[0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["mail one,spam", "mail two,ham", "mail three,spam", "mail four,spam"], "'spam' stands in 2 of the 3 rows"),
        (
            ["mail one,water", "mail two,fire", "mail three,water", "mail four,fire"],
            "'water' stands in 1 of the 3 rows",
        ),
        (["b;mail one", "a;mail two", "b;mail three", "c;mail four", "a;mail five"], "'b' stands in 1 of the 4 rows"),
        (["17,mail,x", "18,post,y", "19,letter,z", "20,note,w"], "'17' is a number like those below"),
        (["0.5;mail", "0.25;post", "0.1;note", "0.7;card"], "'0.5' is a number"),
    ],
)
def test_a_first_row_that_is_a_row_is_asked_about(tmp_path, lines, said):
    with pytest.raises(DataError, match=r"line 1: this looks like a row, not like the names of the columns") as raised:
        read(write(tmp_path / "a.csv", "\n".join(lines) + "\n"))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "lines",
    [
        ["text,fire,water", "a,fire,", "b,,water", "c,fire,", "d,fire,water"],
        ["text,2019,2020", "a,1,2", "b,3,4", "c,5,6", "d,7,8"],
        ["0,1", "mail,2", "post,3", "card,4", "note,5"],
        ["text,label", "a,b", "c,d"],
        ["label,text", "x,how", "y,why", "z,when", "label,who"],
        ["text,label", "a,fire", "b,fire", "c,water", "text,water"],
        ["text,label", "a,fire", "b,fire", "c,water", "d,gas"],
    ],
)
def test_names_that_only_look_like_cells_are_names(tmp_path, lines):
    rows, _ = read(write(tmp_path / "a.csv", "\n".join(lines) + "\n"))
    assert list(rows[0]) == lines[0].split(",")
    assert len(rows) == len(lines) - 1


def test_a_header_in_the_midst_is_named(tmp_path):
    with pytest.raises(DataError, match="line 4: the header once more"):
        read(write(tmp_path / "a.csv", "text,label\na,x\nb,y\ntext,label\nc,x\n"))


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_nul_bytes_are_named(tmp_path, name):
    mark = "," if name == "a.csv" else "\t"
    with pytest.raises(DataError, match="line 3: holds a NUL byte"):
        read(write(tmp_path / name, f"text{mark}label\na{mark}x\nb\0{mark}y\n"))


def test_a_column_without_any_name_is_refused(tmp_path):
    with pytest.raises(DataError, match="line 1: no column has a name"):
        read(write(tmp_path / "a.csv", ",\n1,2\n"))


def test_decimal_commas_stay_as_they_are(tmp_path):
    rows, _ = read(write(tmp_path / "a.csv", "text;price\na;1,5\nb;2,25\n"))
    assert [row["price"] for row in rows] == ["1,5", "2,25"]
