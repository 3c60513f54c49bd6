"""Curves files: what is not read is named, and rows of several curves do not become one without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunecurve.curve.table import read_curves
from tunecurve.curve.table_notes import said_of_test_rows
from tunecurve.errors import DataError

TUNED = "50,61\n100,66\n200,72\n"


def notes_of(folder: Path, text: str) -> list[str]:
    path = folder / "curves.csv"
    path.write_text(text)
    first = read_curves(str(path))[0]
    return [*first.file_notes, *first.notes]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("curve,n,score,kind\na,0,40,zeroshot\nb,0,60,zeroshot\n", "name the column curve_id"),
        ("id,n,score,kind\n7,0,40,zeroshot\n7,4,50,fewshot\n8,0,60,zeroshot\n", "name the column curve_id"),
        ("dataset,n,score\nimdb,50,61\nimdb,100,66\nsst,200,72\nsst,400,74\n", "name the column curve_id"),
        ("n,score,seed\n50,61,0\n50,62,1\n100,66,0\n", "Column 'seed' is not read; if it holds what replicate is for"),
        ("n,score,test_rows\n50,61,300\n100,66,300\n", "Column 'test_rows' is not read; if it holds what n_test is for"),
        ("n,score,directon\n50,61,min\n100,66,min\n", "call it direction"),
        ("n,score,url,year\n50,61,x,2020\n100,66,y,2020\n", "Not read: columns 'url', 'year'."),
        (",n,score\n0,50,61\n1,100,66\n", "Not read: column one without a name."),
        ("n,score,kind\n0,40,zeroshot\n0,60,zeroshot\n", "2 rows of kind zero-shot in one curve (from line 2 on: 40 to 60)"),
        ("n,score,kind\n0,10,floor\n0,30,floor\n", "2 rows of kind floor in one curve (from line 2 on: 10 to 30)"),
        ("n,score,kind\n3,10,fewshot\n8,30,fewshot\n", "n 3 to 8): their mean, 20, is taken"),
    ],
)  # fmt: skip
def test_what_is_not_read_or_taken_together_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in note for note in notes_of(tmp_path, text)), notes_of(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        f"n,score\n{TUNED}",
        "n,score,url\n50,61,\n100,66,\n",
        "n,score,kind,replicate\n3,50,fewshot,0\n3,60,fewshot,1\n",
        "curve_id,n,score,n_test\na,50,61,300\na,100,66,500\n",
    ],
)
def test_nothing_is_said_of_a_file_that_is_read_whole(tmp_path: Path, text: str) -> None:
    assert notes_of(tmp_path, text) == []


def test_named_curves_are_told_of_columns_once(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("curve_id,n,score,source\na,50,61,x\nb,50,66,y\n")
    first, second = read_curves(str(path))
    assert first.file_notes == ["Not read: column 'source'."]
    assert [*first.notes, *second.file_notes, *second.notes] == []


@pytest.mark.parametrize(
    "header", ["Curve_ID,N,Score,N_Test,Direction", "curve id,n ,SCORE,n-test,direction", "CURVE-ID,n,score,n test,DIRECTION"]
)  # fmt: skip
def test_names_of_columns_are_read_however_they_are_written(tmp_path: Path, header: str) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(f"{header}\na,50,4.1,300,min\n")
    [table] = read_curves(str(path))
    assert (table.curve_id, table.direction, list(table.test_rows), table.notes) == ("a", "min", [300.0], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size,score\n50,61\n", "If 'size' is it, call it n."),
        ("n,accuracy\n50,61\n", "If 'accuracy' is it, call it score."),
        ("n,skore\n50,61\n", "Did you mean 'skore'?"),
        ("n,score,kind\n50,10,floor\n", "line 2: n=50 in a row of kind floor, which trains on no row"),
        ("n,score,kind\n50,10,zero-shot\n", "line 2: n=50 in a row of kind zero-shot, which trains on no row"),
        ("n,score,kind\nfew,10,fewshot\n", "line 2: n 'few' is not a number"),
        ("n,score,kind,n_test\n0,10,zeroshot,many\n", "line 2: n_test 'many' is not a number"),
        ("n,score,kind,replicate\n3,10,fewshot,m0\n", "line 2: replicate 'm0'"),
        ("n,score,direction\n50,10,max\n100,9,min\n", "line 3: direction 'min' after 'max'; expected the same for a whole curve. If"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_right_are_refused_in_every_kind_of_row(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        notes_of(tmp_path, text)
    assert said in str(caught.value)


def test_a_direction_holds_for_rows_that_leave_it_empty(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("n,score,direction,target_n\n50,4.1,min,\n,,,400\n")
    assert read_curves(str(path))[0].direction == "min"


def test_test_rows_that_differ_where_no_curve_is_named_may_be_those_of_several(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("n,score,n_test\n50,61,300\n100,66,500\n", encoding="utf-8")
    [table] = read_curves(str(path))
    assert list(said_of_test_rows(table, None, "{least} to {last}.")) == [
        "n_test differs within the curve: 300 and 500; 300 to 500. If the rows are several curves, name them in a column curve_id."
    ]
