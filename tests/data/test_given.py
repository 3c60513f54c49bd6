"""Rows in memory: frames, pairs, mappings and data sets become the rows that a file of them would be."""

import datetime
import importlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.data.given import is_given, rows_of, write_given
from tunecurve.errors import DataError, TunecurveError
from tunecurve.run import run_study

run_module = importlib.import_module("tunecurve.run")
PAIRS = [(row["source_text"], row["target_text"]) for row in simple_rows(40)]


def test_all_ways_of_holding_rows_are_the_same_rows():
    pandas, datasets = pytest.importorskip("pandas"), pytest.importorskip("datasets")
    expected = [{"source_text": source, "target_text": target} for source, target in PAIRS]
    assert rows_of(PAIRS) == rows_of([list(pair) for pair in PAIRS]) == rows_of(iter(PAIRS)) == expected
    assert rows_of(expected) == rows_of(tuple(expected)) == expected
    assert rows_of(pandas.DataFrame(expected)) == rows_of(datasets.Dataset.from_list(expected)) == expected


def test_values_are_plain_and_missing_ones_are_missing():
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    frame = pandas.DataFrame(
        {
            "text": ["a", None, pandas.NA], "share": [0.5, math.nan, 2.0], "n": numpy.array([1, 2, 3], dtype="int8"),
            "day": pandas.to_datetime(["2024-05-01", None, "2024-05-02"]), "tags": [["x", "y"], [], None],
        }
    )  # fmt: skip
    rows = rows_of(frame)
    assert rows[0] == {"text": "a", "share": 0.5, "n": 1, "day": "2024-05-01T00:00:00", "tags": ["x", "y"]}
    assert rows[1] == {"text": None, "share": None, "n": 2, "day": None, "tags": []}
    assert rows[2]["text"] is None
    assert rows_of([{"a": datetime.date(2024, 5, 1), "b": numpy.array([1, 2]), "c": {"d": numpy.float32(0.5)}}]) == [
        {"a": "2024-05-01", "b": [1, 2], "c": {"d": 0.5}}
    ]


@settings(max_examples=20)
@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_any_text_comes_back_from_the_file(tmp_path_factory, pairs):
    path = write_given(pairs, tmp_path_factory.getbasetemp() / "given")
    assert [tuple(json.loads(line).values()) for line in path.read_text().split("\n")[:-1]] == pairs
    assert path.stat().st_mode & 0o077 == 0, "for the user alone"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "there is no row"),
        (7, "rows are a int, expected a pandas DataFrame"),
        ([("a", "b"), ("c",)], r"row 2 is a tuple of 1, expected"),
        ([("a", "b", "c")], r"row 1 is a tuple of 3"),
        ([("a", "b"), "c"], "row 2 is a str"),
    ],
)
def test_what_is_no_rows_is_told(value, said):
    with pytest.raises(DataError, match=said):
        rows_of(value)


def test_columns_of_one_name_are_told():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"1 column name\(s\) more than once \(a\)"):
        rows_of(pandas.DataFrame([["x", "y"]], columns=["a", "a"]))


def test_odd_frames_are_the_rows_that_they_show():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"t": ["a", "b", "c"], "y": ["x", "z", None]})
    rows = [{"t": "a", "y": "x"}, {"t": "b", "y": "z"}, {"t": "c", "y": None}]
    assert rows_of(frame.set_index(pandas.Index([7, 7, 9]))) == rows, "an index without a name is no column"
    assert rows_of(frame.astype("category")) == rows
    assert rows_of(frame.convert_dtypes(dtype_backend="pyarrow")) == rows
    assert rows_of(frame.set_index("t")) == rows, "a column that was made the index is one still"
    assert rows_of(frame.set_index(["t", "y"])) == rows
    numbers = pandas.DataFrame(
        {"n": pandas.array([1, None], dtype="Int64"), "b": pandas.array([True, None], dtype="boolean")}
    )
    assert rows_of(numbers) == [{"n": 1, "b": True}, {"n": None, "b": None}]
    with pytest.raises(DataError, match="there is no row"):
        rows_of(frame.iloc[:0])


def test_an_index_of_a_columns_name_is_told():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"t": ["a"]}, index=pandas.Index(["b"], name="t"))
    with pytest.raises(DataError, match=r"more than once \(t\)"):
        rows_of(frame)


def test_classes_of_a_data_set_are_their_names_as_in_a_file_of_it():
    datasets = pytest.importorskip("datasets")
    kinds = {"t": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    held = datasets.Dataset.from_dict({"t": ["a", "b", "c"], "label": [0, 1, -1]}, features=datasets.Features(kinds))
    expected = [{"t": "a", "label": "neg"}, {"t": "b", "label": "pos"}, {"t": "c", "label": None}]
    assert rows_of(held) == expected
    assert rows_of(held.to_iterable_dataset()) == expected
    assert rows_of(held.remove_columns("label")) == [{"t": "a"}, {"t": "b"}, {"t": "c"}]


@pytest.mark.parametrize("cell", [b"a", bytearray(b"a")])
def test_bytes_are_no_text(cell):
    with pytest.raises(DataError, match=r"a cell is a byte.*decode"):
        rows_of([{"t": cell}])


def test_a_frame_within_a_row_is_told():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="a cell is a DataFrame"):
        rows_of(pandas.DataFrame({"t": ["a", "b"], "y": ["x", "z"]}).groupby("y"))


@pytest.mark.parametrize("value", [None, "rows.jsonl", {"name": "x"}, ["a.jsonl", "b.jsonl"]])
def test_names_of_files_and_studies_are_no_rows(value):
    assert not is_given(value)


@pytest.mark.parametrize("place", ["study", "data", "source"])
def test_rows_are_taken_in_each_place(tmp_path, place):
    given = {"study": (PAIRS, {}), "data": (None, {"data": PAIRS}), "source": (None, {"data": {"source": PAIRS}})}[
        place
    ]
    values, overrides = run_module._with_given_rows_on_disk(*given, tmp_path / "run")
    path = tmp_path / "run" / "given-rows.jsonl"
    assert overrides["data"] == {"source": str(path)}
    assert values["name"] == "given-rows"
    assert len(path.read_text().splitlines()) == 40


def test_settings_beside_the_rows_stay_and_a_study_without_rows_is_left_alone(tmp_path):
    frame = {"source": PAIRS, "group_column": "g"}
    values, overrides = run_module._with_given_rows_on_disk({"name": "mine", "seeds": 2}, {"data": frame}, tmp_path)
    assert values == {"name": "mine", "seeds": 2}
    assert overrides["data"]["group_column"] == "g"
    for study, keys in (
        (None, {}),
        ("study.yaml", {"seeds": 2}),
        ({"data": {"source": "a.jsonl"}}, {"data": {"limit": 9}}),
    ):
        assert run_module._with_given_rows_on_disk(study, keys, tmp_path) == (study, keys)


def test_a_study_of_rows_in_memory_continues_and_refuses_other_rows(tmp_path):
    options = {
        "out": tmp_path / "run", "learners": {"mine": LookupLearner("mine")}, "split": {"test_size": 10, "method": "random"},
        "train_sizes": [5], "models": ["mine"], "task": "masking",
    }  # fmt: skip
    first, again = run_study(PAIRS, **options), run_study(PAIRS, **options)
    assert first.results.data.rows_in == 40
    assert (again.outcome.n_run, again.outcome.n_found_finished) == (0, first.outcome.n_run)
    with pytest.raises(TunecurveError, match=r"changed|gone|other"):
        run_study([("other " + source, target) for source, target in PAIRS], **options)
