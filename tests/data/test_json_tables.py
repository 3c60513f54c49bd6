"""A .json file holds its rows however they lie in it, and what was read is said."""

import json

import pandas
import pytest

from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

MAILS = [{"text": f"mail {n}", "label": "ab"[n % 2]} for n in range(6)]
TABLE = pandas.DataFrame(MAILS)


def read(path):
    findings = []
    rows = [dict(cells) for _, cells in read_rows(str(path), findings=findings)]
    return rows, [finding.line for finding in findings]


@pytest.mark.parametrize("orient", ["records", "columns", "split", "index", "table"])
@pytest.mark.parametrize("indent", [0, 2])
def test_what_pandas_writes_is_read(tmp_path, orient, indent):
    TABLE.to_json(tmp_path / "a.json", orient=orient, indent=indent)
    rows, notes = read(tmp_path / "a.json")
    assert rows == MAILS
    assert orient == "records" or "6 rows" in notes[0]


@pytest.mark.parametrize("index", [[f"row-{n}" for n in range(6)], [10 * n for n in range(6)]])
@pytest.mark.parametrize("orient", ["columns", "index", "split"])
def test_rows_with_names_of_their_own(tmp_path, index, orient):
    TABLE.set_index(pandas.Index(index)).to_json(tmp_path / "a.json", orient=orient)
    assert read(tmp_path / "a.json")[0] == MAILS


@pytest.mark.parametrize(
    ("whole", "how"),
    [
        (
            {"text": [row["text"] for row in MAILS], "label": [row["label"] for row in MAILS]},
            "by columns (text, label)",
        ),
        ({"version": 1, "data": MAILS}, "rows under 'data'"),
        ({"rows": MAILS}, "rows under 'rows'"),
        ({"meta": {"by": "us"}, "mails": MAILS}, "rows under 'mails'"),
        ({"response": {"items": MAILS}}, "rows under 'response.items'"),
        ({"features": [], "rows": [{"row_idx": n, "row": row} for n, row in enumerate(MAILS)]}, "rows under 'rows'"),
    ],
)
def test_one_object_that_holds_the_rows(tmp_path, whole, how):
    (tmp_path / "a.json").write_text(json.dumps(whole))
    rows, notes = read(tmp_path / "a.json")
    assert rows == MAILS
    assert how in notes[0]


def test_rows_under_several_keys_are_asked_for(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"train": MAILS[:4], "test": MAILS[4:]}))
    with pytest.raises(
        DataError, match=r"several keys: train \(4\), test \(2\); name the one to read: .*a\.json!/train"
    ):
        read(path)
    assert read(f"{path}!/test")[0] == MAILS[4:]
    with pytest.raises(DataError, match="no rows under 'dev'; keys with rows: train, test"):
        read(f"{path}!/dev")


@pytest.mark.parametrize("between", ["\n", "", "\n\n", " "])
def test_objects_over_several_lines_follow_one_another(tmp_path, between):
    (tmp_path / "a.json").write_text(between.join(json.dumps(row, indent=2) for row in MAILS))
    assert read(tmp_path / "a.json")[0] == MAILS
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row, indent=2) for row in MAILS))
    places = [place for place, _ in read_rows(str(tmp_path / "a.jsonl"))]
    assert places[:2] == ["line 1", "line 5"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"text": "Ada left", "spans": [{"start": 0, "end": 3, "label": "NAME"}, {"start": 4, "end": 8, "label": "X"}]},
        {"text": "a", "label": "b"},
        {"text": "a", "labels": ["x", "y"]},
    ],
)
def test_a_row_alone_is_a_row(tmp_path, row):
    (tmp_path / "a.json").write_text(json.dumps(row, indent=1))
    assert read(tmp_path / "a.json")[0] == [row]


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        ({"text": ["a", "b", "c"], "label": ["x", "y"]}, "columns of different lengths (text 3, label 2)"),
        ({"columns": ["text", "label"], "data": [["a", "x"], ["b"]]}, "row 2: 1 cells, expected 2 as under 'columns'"),
        (
            {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [{"question": "q"}]}]}]},
            "nested as SQuAD is",
        ),
        ([["text", "label"], ["a", "x"]], "a list of list"),
        ([{"a": 1}, 5], "a list of int"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, whole, said):
    (tmp_path / "a.json").write_text(json.dumps(whole))
    with pytest.raises(DataError) as raised:
        read(tmp_path / "a.json")
    assert said in str(raised.value)


@pytest.mark.parametrize("tail", ["", "\n", ",", "]x", "{}"])
def test_an_array_that_is_cut_or_goes_on_is_named(tmp_path, tail):
    (tmp_path / "a.json").write_text("[" + ", ".join(map(json.dumps, MAILS)) + tail)
    with pytest.raises(DataError, match=r"line [12]: (not JSON|something follows)"):
        read(tmp_path / "a.json")


def test_a_long_array_is_read_piece_by_piece(tmp_path):
    rows = [{"text": "é" * (n % 3000), "n": n} for n in range(3000)]
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    assert read(tmp_path / "a.json")[0] == rows


CHAT = '{"messages": [{"role": "user", "content": "hi", "content": "bye"}, {"role": "assistant", "content": "x"}]}'


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("a.jsonl", '{"text": "a", "label": "x"}\n{"text": "b", "label": "x", "label": "y"}\n', "line 2: 'label'"),
        ("a.jsonl", '{"text": "b", "target": {"id": 1, "id": 2}}\n', "'id' stands twice in one object, as 1 and as 2"),
        ("a.jsonl", CHAT + "\n", "'content' stands twice"),
        ("a.jsonl", '{"text": "b", "label": 1, "label": true}\n', "'label'"),
        ("a.json", '[{"text": "a", "label": "x"},\n{"text": "b", "label": "x", "label": "y"}]', "line 2: 'label'"),
        ("a.json", '{"text": ["a", "b"], "label": ["x", "y"], "label": ["y", "x"]}', "'label'"),
        (
            "a.json",
            '{"0": {"text": "a", "label": "x"}, "1": {"text": "b", "label": "y"}, "0": {"text": "c", "label": "x"}}',
            "'0'",
        ),
        ("a.json", '{"data": [{"text": "a", "text": "b"}, {"text": "c"}]}', "'text'"),
    ],
)
def test_a_key_with_two_values_is_an_error_not_the_last_of_them(tmp_path, name, content, key):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as raised:
        read(tmp_path / name)
    assert key in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_key_that_comes_again_with_the_same_value_is_harmless(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "id": [1], "id": [1]}\n')
    assert read(tmp_path / "a.jsonl")[0] == [{"text": "a", "id": [1]}]


@pytest.mark.parametrize("n_others", [1, 2])
@pytest.mark.parametrize("keys", [("train", "test"), ("rows", "more"), ("a", "b")])
def test_rows_under_a_second_key_are_asked_for_however_few(tmp_path, n_others, keys):
    (tmp_path / "a.json").write_text(json.dumps({keys[0]: MAILS, keys[1]: MAILS[:n_others]}))
    with pytest.raises(DataError, match=f"{keys[0]} .6., {keys[1]} .{n_others}."):
        read(tmp_path / "a.json")
    assert read(f"{tmp_path / 'a.json'}!/{keys[1]}")[0] == MAILS[:n_others]


def test_one_object_of_other_columns_beside_the_rows_is_no_row(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"rows": MAILS, "authors": [{"name": "Bo"}]}))
    assert read(tmp_path / "a.json")[0] == MAILS


PAIRS = [["pay a bill", "pay"], ["say hello", "greeting"]]


@pytest.mark.parametrize("part", ["", "!/train"])
@pytest.mark.parametrize(
    "whole",
    [
        {"train": PAIRS, "val": PAIRS, "oos_train": PAIRS},
        {"train": PAIRS, "test": PAIRS[:2] * 2},
        {"train": PAIRS},
        {"train": PAIRS, "oos_val": PAIRS[:1]},
    ],
)
def test_pairs_without_names_are_named_with_the_line_that_names_them(tmp_path, whole, part):
    path = tmp_path / "clinc.json"
    path.write_text(json.dumps(whole))
    with pytest.raises(DataError, match="lists of two texts, without names") as error:
        read(f"{path}{part}")
    assert "jq -c '.train[] | {text: .[0], label: .[1]}' clinc.json > train.jsonl" in str(error.value)


def test_a_single_pair_is_a_cell(tmp_path):
    path = tmp_path / "row.json"
    path.write_text(json.dumps({"pair": PAIRS[:1]}))
    assert read(path)[0] == [{"pair": PAIRS[:1]}]


def test_a_column_of_pairs_beside_others_is_a_column(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"text": ["a", "b"], "pair": PAIRS}))
    assert read(path)[0] == [{"text": "a", "pair": PAIRS[0]}, {"text": "b", "pair": PAIRS[1]}]


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_an_array_in_one_line_may_be_as_long_as_it_is(tmp_path, monkeypatch, blank):
    monkeypatch.setattr("tunecurve.data.json_rows.MAX_LINE_CHARACTERS", 1000)
    rows = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(200)]
    (tmp_path / "rows.json").write_text("[" + blank + ",".join(map(json.dumps, rows)) + "]")
    assert [cells for _, cells in read_rows(str(tmp_path / "rows.json"))] == rows
