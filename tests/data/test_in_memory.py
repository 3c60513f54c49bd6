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
from tunecurve.data.in_memory import is_given, rows_of, write_given
from tunecurve.errors import DataError, TunecurveError
from tunecurve.run import run_study

pytestmark = pytest.mark.usefixtures("undrawn")

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


@pytest.mark.slow
def test_classes_of_a_data_set_are_their_names_as_in_a_file_of_it():
    datasets = pytest.importorskip("datasets")
    kinds = {"t": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
    held = datasets.Dataset.from_dict({"t": ["a", "b", "c"], "label": [0, 1, -1]}, features=datasets.Features(kinds))
    expected = [{"t": "a", "label": "neg"}, {"t": "b", "label": "pos"}, {"t": "c", "label": None}]
    assert rows_of(held) == expected
    assert rows_of(held.to_iterable_dataset()) == expected
    assert rows_of(held.remove_columns("label")) == [{"t": "a"}, {"t": "b"}, {"t": "c"}]


def test_class_numbers_in_lists_are_their_names():
    datasets = pytest.importorskip("datasets")
    kind = datasets.ClassLabel(names=["O", "B-NAME"])
    features = {"tokens": datasets.Sequence(datasets.Value("string")), "tags": datasets.Sequence(kind)}
    cells = {"tokens": [["Ann", "sings"], ["a"], []], "tags": [[1, 0], [-1], []]}
    held = datasets.Dataset.from_dict(cells, features=datasets.Features(features))
    expected = [["B-NAME", "O"], [None], []]
    assert [row["tags"] for row in rows_of(held)] == expected
    assert [row["tags"] for row in rows_of(held.to_iterable_dataset())] == expected
    assert [row["tags"] for row in rows_of(held.data.table)] == expected, "the table of pyarrow holds the names, too"
    assert [row["tokens"] for row in rows_of(held)] == cells["tokens"]


def test_tables_and_arrays_are_the_rows_that_they_hold():
    numpy, pyarrow = pytest.importorskip("numpy"), pytest.importorskip("pyarrow")
    pairs = [{"source_text": "a", "target_text": "x"}, {"source_text": "b", "target_text": "y"}]
    rows = [{"t": "a", "n": 1}, {"t": "b", "n": 2}]
    assert rows_of(numpy.array([["a", "x"], ["b", "y"]])) == pairs
    assert rows_of(numpy.array([["a", "x"], ["b", "y"]], dtype=object)) == pairs
    assert rows_of(numpy.array([("a", 1), ("b", 2)], dtype=[("t", "U1"), ("n", "i4")])) == rows
    assert rows_of(pyarrow.Table.from_pylist(rows)) == rows
    assert rows_of(list(numpy.array(rows))) == rows


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda numpy: numpy.array(["a", "b", "c"]),
            r"a ndarray \(3\), expected two columns.*list\(zip\(inputs, targets\)\)",
        ),
        (lambda numpy: numpy.array([["a", "b", "c"]]), r"a ndarray \(1 x 3\).*a DataFrame with names for more columns"),
        (lambda numpy: numpy.zeros((2, 2, 2)), r"a ndarray \(2 x 2 x 2\)"),
        (lambda numpy: (numpy.array(["a", "b"]), numpy.array(["x", "y"])), r"two columns, of 2 and 2.*list\(zip\("),
        (lambda numpy: (["a", "b", "c"], ["x", "y", "z"]), r"two columns, of 3 and 3.*list\(zip\("),
        (lambda numpy: pytest.importorskip("pandas").Series(["a", "b"]), r"a Series \(2\)"),
    ],
)
def test_columns_apart_are_refused_with_what_to_give(make, said):
    numpy = pytest.importorskip("numpy")
    with pytest.raises(DataError, match=said) as told:
        rows_of(make(numpy))
    assert "\n" not in str(told.value)


SIDES = {"train": PAIRS[:24], "test": PAIRS[24:34], "validation": PAIRS[34:]}


def splits(kind, names):
    if kind == "mapping":
        return {name: SIDES.get(name, PAIRS) for name in names}
    datasets = pytest.importorskip("datasets")
    columns = ("source_text", "target_text")
    held = {
        name: datasets.Dataset.from_list([dict(zip(columns, pair, strict=True)) for pair in SIDES.get(name, PAIRS)])
        for name in names
    }
    return datasets.DatasetDict(held)


@pytest.mark.parametrize("kind", ["mapping", "DatasetDict"])
@pytest.mark.parametrize("place", ["study", "data", "source"])
def test_splits_are_the_sides_of_a_study(tmp_path, kind, place):
    value = splits(kind, ["train", "test", "validation"])
    places = {"study": (value, {}), "data": (None, {"data": value}), "source": (None, {"data": {"source": value}})}
    study, overrides = places[place]
    options = {"learners": {"mine": LookupLearner("mine")}, "train_sizes": [5], "task": "masking"}
    done = run_study(study, out=tmp_path / "run", **overrides, **options)
    facts = done.results.data
    assert (facts.n_test, facts.n_pool, facts.n_dev) == (10, 24, 6)
    said = [finding.text for finding in done.results.findings if finding.code == "folder-sides"]
    assert len(said) == 1
    assert "'train' are the training rows, 'test' are the test rows, 'validation' are the development rows" in said[0]


def test_a_later_call_with_fewer_splits_reads_no_file_of_an_earlier_one(tmp_path):
    write_given(splits("mapping", ["train", "test", "validation"]), tmp_path)
    folder = write_given(splits("mapping", ["train", "test"]), tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["test.jsonl", "train.jsonl"]


def test_one_split_alone_is_the_data(tmp_path):
    for names in (["train"], ["whole"]):
        path = write_given(splits("DatasetDict", names), tmp_path)
        assert len(path.read_text().splitlines()) == len(SIDES.get(names[0], PAIRS))


@pytest.mark.parametrize(
    "names",
    [["train", "validation"], ["en", "de"], ["train", "test", "unsupervised"], ["train", "test", "eval"], ["train_sft", "test_sft"]],
)  # fmt: skip
def test_splits_that_are_not_clearly_sides_are_asked_for(tmp_path, names):
    with pytest.raises(DataError, match=f"splits {', '.join(names)} does not say which.*give each side: data=") as told:
        write_given(splits("DatasetDict", names), tmp_path)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "given-rows").exists()


def test_sides_are_given_one_by_one(tmp_path):
    sides = {"source": SIDES["train"], "test_source": SIDES["test"], "dev_source": SIDES["validation"]}
    options = {"learners": {"mine": LookupLearner("mine")}, "train_sizes": [5], "task": "masking"}
    facts = run_study(data=sides, out=tmp_path / "run", **options).results.data
    assert (facts.n_test, facts.n_pool, facts.n_dev) == (10, 24, 6)
    with pytest.raises(
        DataError, match="test_source is a dict with the splits train, test, expected the rows of one side"
    ):
        run_study(PAIRS, data={"test_source": splits("mapping", ["train", "test"])}, out=tmp_path / "other", **options)
    with pytest.raises(TunecurveError, match="rows are given twice"):
        run_study(PAIRS, data=PAIRS, out=tmp_path / "other", **options)


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


REFUSED = {
    "a wrong key": (PAIRS, {"no_such_key": 1}),
    "a test set that is too large": (PAIRS, {"split": {"method": "random", "test_size": 39}, "train_sizes": [30]}),
    "no rows": ([], {}),
    "a row that is none": ([*PAIRS, 7], {}),
    "sides of which one is no rows": (None, {"data": {"source": PAIRS, "test_source": [7]}}),
    "splits": ({"train": PAIRS, "test": [7]}, {}),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("out", [None, "deep/er/run"])
def test_refused_rows_leave_nothing_behind(tmp_path, monkeypatch, what, out):
    monkeypatch.chdir(tmp_path)
    study, keys = REFUSED[what]
    with pytest.raises(TunecurveError):
        run_study(study, out=out, **({"task": "masking", "learners": {"mine": LookupLearner("mine")}} | keys))
    assert list(tmp_path.iterdir()) == []


def test_refused_rows_leave_a_study_and_the_files_of_others_as_they_were(tmp_path):
    options = {
        "out": tmp_path / "run", "learners": {"mine": LookupLearner("mine")}, "split": {"test_size": 10, "method": "random"},
        "train_sizes": [5], "task": "masking",
    }  # fmt: skip
    run_study(PAIRS, **options)
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    for rows in ([("other " + source, target) for source, target in PAIRS], {"train": PAIRS, "test": [7]}, [7]):
        with pytest.raises(TunecurveError):
            run_study(rows, **options)
        assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(TunecurveError):
        run_study([7], **options | {"out": tmp_path / "mine"})
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_numbers_of_single_precision_are_as_they_are_written():
    numpy, pandas, pyarrow = map(pytest.importorskip, ("numpy", "pandas", "pyarrow"))
    single = numpy.array([0.1, 4.8, float("nan")], dtype=numpy.float32)
    expected = [{"t": "a", "n": 0.1}, {"t": "b", "n": 4.8}, {"t": "c", "n": None}]
    assert rows_of(pandas.DataFrame({"t": list("abc"), "n": single})) == expected
    assert rows_of(pyarrow.table({"t": list("abc"), "n": pyarrow.array(single, from_pandas=True)})) == expected
    assert rows_of([{"t": text, "n": number} for text, number in zip("abc", single, strict=True)]) == expected
    assert rows_of([{"n": single[:2], "m": numpy.float16(0.1)}]) == [{"n": [0.1, 4.8], "m": 0.1}]
    assert rows_of(numpy.array([("a", 0.1)], dtype=[("t", "U1"), ("n", "f4")])) == [{"t": "a", "n": 0.1}]


@pytest.mark.parametrize("kind", ["float16", "Float32", "float[pyarrow]"])
def test_other_kinds_of_pandas_with_less_than_double_precision_are_as_they_are_written(kind):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"t": list("abc"), "n": pandas.Series([0.1, None, 4.8], dtype=kind), "m": [1, 2, 3]})
    assert rows_of(frame) == [{"t": "a", "n": 0.1, "m": 1}, {"t": "b", "n": None, "m": 2}, {"t": "c", "n": 4.8, "m": 3}]
    assert str(frame["n"].dtype) == ("float[pyarrow]" if kind == "float[pyarrow]" else kind)


def test_a_map_of_a_table_in_memory_is_an_object():
    pyarrow = pytest.importorskip("pyarrow")
    kind = pyarrow.map_(pyarrow.string(), pyarrow.float32())
    maps = pyarrow.array([[("a", 0.1), ("b", 2)], [], None], kind)
    assert rows_of(pyarrow.table({"t": list("abc"), "o": maps})) == [
        {"t": "a", "o": {"a": 0.1, "b": 2.0}},
        {"t": "b", "o": {}},
        {"t": "c", "o": None},
    ]
    twice = pyarrow.table({"t": ["a", "b"], "o": pyarrow.array([None, [("a", 1), ("a", 2)]], kind)})
    with pytest.raises(TunecurveError, match="data: row 2: a map or an object in column 'o' has a key twice"):
        rows_of(twice)


def test_numbers_of_single_precision_of_a_data_set_are_as_they_are_written():
    datasets = pytest.importorskip("datasets")
    kinds = {"t": datasets.Value("string"), "n": datasets.Value("float32"), "d": datasets.Value("float64")}
    kinds |= {"l": [datasets.Value("float32")], "o": {"x": {"y": datasets.Value("float16")}, "z": [kinds["d"]]}}
    rows = [
        {"t": "a", "n": 4.8, "d": 0.10000000149011612, "l": [0.1, None], "o": {"x": {"y": 0.1}, "z": [0.1]}},
        {"t": "b", "n": None, "d": None, "l": [], "o": {"x": {"y": None}, "z": []}},
        {"t": "c", "n": 1e-30, "d": 2.0, "l": None, "o": {"x": {"y": 4.8}, "z": None}},
    ]
    assert rows_of(datasets.Dataset.from_list(rows, features=datasets.Features(kinds))) == rows
