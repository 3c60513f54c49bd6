"""Curves files: what is not read is named, and rows of several curves do not become one without a word."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tunecurve.curve.ranges import DOUBTFUL
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


SWEEP = "{column},n,score\n" + "".join(f"{value},{n},{n / 10 + value}\n" for n in (50, 100, 200) for value in (1, 2, 3))


@pytest.mark.parametrize("column", ["epoch", "Global Step", "lr", "layers", "replicas"])
def test_numbers_that_part_rows_of_one_size_are_doubted_before_all_else(tmp_path: Path, column: str) -> None:
    first, *_ = notes_of(tmp_path, SWEEP.format(column=column))
    assert first.startswith(f"{DOUBTFUL}column {column!r} (3 values, such as '1' and '2') is not read")
    assert "(n=50, lines 2 and 3) are averaged as if they were seeds" in first
    assert "name the column curve_id" in first


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n,score,step\n50,60,7\n50,62,14\n100,64,13\n100,66,26\n", "such as '7' and '13'"),
        ("model,n,score\na,50,60\na,100,64\nb,50,62\nb,100,66\n", "(n=50, lines 2 and 4)"),
        ("curve_id,n,score,epoch\na,50,60,1\na,50,62,2\na,100,64,1\na,100,66,2\n", "tell them apart in curve_id"),
        ("n,score,replicate,lr\n50,60,0,0.1\n50,62,0,0.2\n100,64,0,0.1\n100,66,0,0.2\n", "column 'lr'"),
    ],
)
def test_rows_of_one_run_that_differ_are_doubted(tmp_path: Path, text: str, said: str) -> None:
    notes = notes_of(tmp_path, text)
    assert notes[0].startswith(DOUBTFUL)
    assert said in notes[0]


@pytest.mark.parametrize(
    "text",
    [
        SWEEP.format(column="seed"),
        SWEEP.format(column="random_state"),
        "n,score,seconds\n50,60,31\n50,62,33\n100,64,52\n100,66,58\n200,70,91\n200,71,94\n",
        "n,score,seed,epoch\n50,60,0,3\n50,62,1,2\n100,64,0,2\n100,66,1,3\n",
        "n,score,epoch\n50,60,3\n100,64,3\n200,66,2\n",
        "n,score,state\n50,60,finished\n100,64,finished\n",
    ],
)
def test_seeds_measurements_and_what_goes_with_a_size_are_not_doubted(tmp_path: Path, text: str) -> None:
    assert not any(note.startswith(DOUBTFUL) for note in notes_of(tmp_path, text))


@pytest.mark.parametrize(("state", "line"), [("crashed", 3), ("Running", 3), ("failed", 3)])
def test_runs_that_did_not_end_are_doubted_before_all_else(tmp_path: Path, state: str, line: int) -> None:
    text = f"Name,State,n,score\na,finished,50,61\nb,{state},100,12\nc,finished,100,66\nd,killed,200,3\n"
    first, *_ = notes_of(tmp_path, text)
    assert first.startswith(f"{DOUBTFUL}column 'State' is not read, and says {state!r} in line {line} (2 such rows)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metric,n,score\nf1,50,61\nloss,50,2.1\n", "line 3: metric 'loss' after 'f1' in one curve"),
        ("n,score,Metric Name\n50,61,f1\n100,66,\n200,70,em\n", "line 4: metric 'em' after 'f1' in one curve"),
        ("curve_id,n,score,measure\na,50,61,f1\na,50,60,em\n", "Tell them apart in curve_id, too"),
    ],
)
def test_several_metrics_in_one_curve_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        notes_of(tmp_path, text)
    assert said in str(caught.value)


def test_a_metric_a_curve_is_taken_and_only_the_curve_of_two_is_refused(tmp_path: Path) -> None:
    assert notes_of(tmp_path, "metric,n,score\nF1,50,61\nf1,100,66\n") == ["Not read: column 'metric'."]
    path = tmp_path / "curves.csv"
    path.write_text("curve_id,metric,n,score\na,f1,50,61\nb,em,50,60\nb,f1,100,66\n")
    assert [table.problem is None for table in read_curves(str(path))] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n,score\n200,86.1\n800,90.2\n3.200,93.0\n", "line 4: n '3.200' beside whole numbers is 3.2 or 3200 rows"),
        ("n,score\n1.000,81.250\n10.000,86.125\n500,77.375\n", "line 2: n '1.000' beside whole numbers"),
        ("curve_id,n,score\na,200,86\na,800,88\nb,1.600,0.861\n", "line 4: n '1.600' beside whole numbers"),
        ("curve_id,n,score\na,0.5,86\nb,200,86\nb,1.600,88\n", "line 4: n '1.600' beside whole numbers"),
        ("n,score,n_test\n200,86.1,2.000\n800,90.2,2.000\n", "line 2: every n_test is written with a point and three"),
        ("n,score,target_n\n200,86.1,\n800,90.2,6.400\n", "line 3: target_n '6.400' beside whole numbers"),
    ],
)
def test_a_point_that_may_part_thousands_is_refused_beside_whole_numbers(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        notes_of(tmp_path, text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sizes", "rows", "asked"),
    [
        ("n,score\n3.125,80\n6.25,85\n12.5,88\n", [3.125, 6.25, 12.5], [], []),
        ("n,score,target_n\n200.000,80.125,\n800.000,85.250,\n,,1600.000\n", [200, 800], [], [1600]),
        ("n,score,n_test\n200,80.125,300.000\n800,85.250,300.000\n", [200, 800], [300, 300], []),
        ("n,score\n200,86.125\n800,90.250\n", [200, 800], [], []),
    ],
)
def test_other_numbers_with_a_point_are_taken(
    tmp_path: Path, text: str, sizes: list[float], rows: list[float], asked: list[float]
) -> None:
    path = tmp_path / "curves.csv"
    path.write_text(text)
    [table] = read_curves(str(path))
    assert (list(table.size), [*table.asked_sizes]) == (sizes, asked)
    assert [told for told in table.test_rows if not math.isnan(told)] == rows


def test_sizes_that_are_no_whole_numbers_are_doubted(tmp_path: Path) -> None:
    [said] = notes_of(tmp_path, "n,score\n0.25,81\n0.5,84\n1,86\n")
    assert said.startswith(f"{DOUBTFUL}n=0.25 is no whole number of rows")
