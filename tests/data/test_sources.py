"""Every way a file can be broken ends in one clear line with place, value and next step."""

import bz2
import gzip
import json
import lzma

import numpy as np
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

ROWS = [{"source_text": "Bo ran", "target_text": "[NAME] ran"}, {"source_text": 'é, "x"\n', "target_text": "y"}]


def cells(path, **options):
    return [dict(row) for _, row in read_rows(str(path), **options)]


def write_jsonl(path, rows, encoding="utf-8"):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_jsonl_in_every_unicode_encoding(tmp_path, encoding):
    assert cells(write_jsonl(tmp_path / "a.jsonl", ROWS, encoding)) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_with_quotes_commas_and_line_breaks(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text('source_text,target_text\nBo ran,[NAME] ran\n"é, ""x""\n",y\n', encoding=encoding)
    assert cells(path) == ROWS


def test_parquet(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert cells(tmp_path / "a.parquet") == ROWS


def test_limit_and_places(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", ROWS * 3)
    assert [place for place, _ in read_rows(str(path), limit=3)] == ["line 1", "line 2", "line 3"]


def test_blank_lines_are_skipped_but_counted_as_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert [place for place, _ in read_rows(str(path))] == ["line 1", "line 3"]


BROKEN = {
    "middle.jsonl": (b'{"a": 1}\n{"a": \n{"a": 3}\n', ["middle.jsonl, line 2", "not JSON", "mend or delete"]),
    "cut array.json": (b'[\n{"a": 1},\n{"a": \n', ["line 4", "not JSON", "one array of objects"]),
    "numbers.json": (b"[1, 2]", ["line 1", "list of int", "one object a line"]),
    "commas.json": (b'{"a": 1},\n{"a": 2}\n', ["line 1", "commas between", "[ and end"]),
    "comment.json": (b'[\n// rows\n{"a": 1}]', ["line 2", "comment", "delete"]),
    "comment.jsonl": (b'# rows\n{"a": 1}\n', ["line 1", "comment", "delete"]),
    "mixed.json": (b'[{"a": 1}, 5]', ["list of int", "one object a line"]),
    "number.jsonl": (b"17\n", ["line 1", "JSON object", "int"]),
    "greek.jsonl": ('{"a": "λόγος"}\n'.encode("cp1253"), ["line 1 is not UTF-8", "0xeb", "--encoding", "iconv"]),
    "russian.csv": ("a,b\n1,2\n1,привет\n".encode("cp1251"), ["line 3 is not UTF-8", "0xef", "CSV UTF-8", "Excel"]),
    "polish.tsv": ("a\tb\nbyła gęś\t2\n".encode("cp1250"), ["line 2 is not UTF-8", "0xb3", "CSV UTF-8"]),
    "mixed.csv": (b"a,b\n1,\xfc\n2,\xc3\xbc\n", ["line 2 is not UTF-8", "but line 3 is UTF-8", "two encodings"]),
    "ragged.csv": (b"a,b\n1,2\n1,2,3\n", ["line 3", "3 cells", "expected 2", "double quotes"]),
    "short.csv": (b"a,b,c\n1,2\n", ["line 2", "2 cells", "expected 3"]),
    "ragged.tsv": (b"a\tb\n1\t2\n1\t2\t3\n", ["line 3", "3 cells", "tabs"]),
    "semi.csv": (b"a;b\n1;2\n1;2;3\n", ["line 3", "3 cells", "semicolons", "double quotes"]),
    "quote.csv": (b'a,b\n1,2\n"1,2\n3,4\n', ["line 3", "not CSV", "closed nowhere"]),
    "inner.csv": (b'a,b\n1,2\n"1,2\n3,"4" 5\n', ["line 4", "opened in line 3", "doubled"]),
    "speech.csv": (b'a,b\n"No" he said,2\n', ["line 2", "marks within it are doubled"]),
    "twice.csv": (b"text,text,label\n1,2,3\n", ["line 1", "two columns are called 'text'"]),
    "no.parquet": (b"not parquet", ["not a readable Parquet file"]),
    "excel.xlsx": (b"PK\x03\x04", ["not a readable workbook", ".csv"]),
    "excel.csv": (b"PK\x03\x04\x00", ["zip archive or a spreadsheet"]),
    "rows.zip": (b"PK\x03\x04", ["not a whole archive"]),
    "packed.jsonl": (b"\x1f\x8b\x08\x00", ["compressed by gzip", ".gz"]),
    "cut.jsonl.gz": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab", ["not a whole .gz file"]),
    "not.csv.gz": (b"a,b\n1,2\n", ["not compressed by gzip", "without .gz"]),
    "rows.parquet.gz": (b"x", ["Parquet is compressed itself"]),
    "parquet.csv": (b"PAR1", ["Parquet file", ".parquet"]),
    "what.txt": (b"x", ["unknown ending '.txt'", ".jsonl"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_name_place_and_next_step(tmp_path, name):
    content, expected = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        cells(tmp_path / name)
    message = str(caught.value)
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_the_offset_of_a_byte_that_is_not_text_counts_from_the_start_of_the_file(tmp_path):
    line = '{"a": "é"}\n'.encode()
    good = line * 200_000  # more than one chunk of any reader
    (tmp_path / "late.jsonl").write_bytes(good + b'{"a": "\xe9"}\n')
    with pytest.raises(DataError, match=rf"byte {len(good) + 7}: 0xe9"):
        cells(tmp_path / "late.jsonl")


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("missing.jsonl", "does not exist"),
        ("builtin:nothing", "expected builtin:pii"),
        ("../a/b/c", "neither a file that exists nor a hub id"),
        ("file:///data/rows.csv", "give the path of the file"),
        ("https://huggingface.co/datasets/owner/name", "give its id: --data owner/name"),
        ("missing.csv.gz", "does not exist"),
        ("no/such-data-set", "cannot reach the hub for 'no/such-data-set'"),
    ],
)
def test_sources_that_are_not_there(source, part):
    with pytest.raises(DataError, match=part.replace("(", r"\(")):
        cells(source)


@pytest.mark.parametrize("text", ["[{}, {}]", "[\n {},\n {}\n]\n", "\n\n[{},{}]"])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_an_array_of_objects_holds_the_rows(tmp_path, name, text):
    (tmp_path / name).write_text(text.replace("{}", "%s") % tuple(json.dumps(row) for row in ROWS))
    assert cells(tmp_path / name) == ROWS


def test_one_object_over_several_lines_is_one_row(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROWS[0], indent=2))
    assert cells(tmp_path / "a.json") == ROWS[:1]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_files_hold_their_rows(tmp_path, suffix, pack):
    plain = write_jsonl(tmp_path / "a.jsonl", ROWS)
    (tmp_path / f"a.jsonl.{suffix}").write_bytes(pack(plain.read_bytes()))
    assert cells(tmp_path / f"a.jsonl.{suffix}") == ROWS
    (tmp_path / f"a.tsv.{suffix}").write_bytes(pack(b"a\tb\n1\t2\n"))
    assert cells(tmp_path / f"a.tsv.{suffix}") == [{"a": "1", "b": "2"}]


def test_numbers_of_classes_in_parquet_have_the_names_that_the_file_knows(tmp_path):
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    rows = [{"text": "a", "label": 1, "tags": [0, 1]}, {"text": "b", "label": -1, "tags": []}]
    table = pyarrow.Table.from_pylist(rows).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    findings = []
    found = [dict(row) for _, row in read_rows(str(tmp_path / "a.parquet"), findings=findings)]
    assert found == [
        {"text": "a", "label": "pos", "tags": ["O", "B-PER"]},
        {"text": "b", "label": None, "tags": []},
    ]
    assert "column 'label' are read as the names that the data set gives them: 0 = neg, 1 = pos" in findings[0].line


@pytest.mark.parametrize(("label", "tags"), [(2, [0]), (17, []), (0, [1, 2])])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_number_without_a_name_is_an_error_not_an_empty_cell(tmp_path, label, tags, ending):
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "tags": {"feature": {"names": ["O", "B-PER"], "_type": "ClassLabel"}, "_type": "Sequence"},
    }
    rows = [{"label": -1, "tags": [-100, 1]}, {"label": label, "tags": tags}]
    table = pyarrow.Table.from_pylist(rows).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with pyarrow.ipc.new_file(str(path), table.schema) as writer:
            writer.write_table(table)
    column = "label" if label > 1 else "tags"
    with pytest.raises(DataError, match=f"row 2: column '{column}' holds a class number above 1, .* names 2 classes"):
        cells(path)


def test_a_parquet_file_without_names_keeps_its_numbers(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{"label": 1}]), tmp_path / "a.parquet")
    assert cells(tmp_path / "a.parquet") == [{"label": 1}]


def test_hub_classes_have_their_names(monkeypatch):
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])})
    rows = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)
    assert [row["label"] for row in cells("owner/name")] == ["pos", "neg"]


def test_hub_rows_come_through_datasets(monkeypatch):
    import datasets

    def load(path, **options):
        assert (path, options) == ("owner/name", {"name": None, "split": "train", "revision": "abc"})
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert cells("owner/name", options=ReadingOptions(revision="abc")) == ROWS


def test_builtin_rows_have_the_columns():
    rows = cells("builtin:pii", limit=5)
    assert len(rows) == 5
    assert {"source_text", "target_text", "privacy_mask", "language", "template_id"} <= set(rows[0])


MAILS = [{"text": f"mail {n}", "label": "ab"[n % 2]} for n in range(6)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n".join(map(str, MAILS)), "how Python prints an object"),
        ("text,label\nmail,a\n", "a table with a header is a .csv"),
    ],
)
def test_another_format_by_the_name_of_json_lines_is_named(tmp_path, text, said):
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match="line 1: not JSON") as raised:
        list(read_rows(str(path)))
    assert said in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.jsonl"])
def test_utf16_without_a_byte_order_mark_is_named(tmp_path, encoding, name):
    path = tmp_path / name
    path.write_bytes("text,label\nmail,a\n".encode(encoding))
    with pytest.raises(
        DataError, match=f"UTF-16 without a byte-order mark.*{encoding.upper().replace('UTF-16-', 'UTF-16')}"
    ):
        list(read_rows(str(path)))


@pytest.mark.parametrize(("separator", "name"), [(",", "rows.csv"), (";", "rows.csv"), ("\t", "rows.tsv")])
def test_a_line_with_too_few_cells_ends_too_early(tmp_path, separator, name):
    path = tmp_path / name
    path.write_text(
        "\n".join(separator.join(row) for row in (["id", "text", "label"], ["1", "mail", "a"], ["2", "post"]))
    )
    with pytest.raises(DataError, match="line 3: 2 cells, expected 3 as in the header; the line ends too early"):
        list(read_rows(str(path)))


def written(path, **columns):
    table = pyarrow.table(columns)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_numbers_of_single_precision_are_read_as_they_are_written(tmp_path, suffix):
    single = pyarrow.float32()
    path = written(
        tmp_path / f"a{suffix}",
        score=pyarrow.array([0.1, 4.8, None, -1e-30], single),
        scores=pyarrow.array([[0.1, None], [], None, [2]], pyarrow.list_(single)),
        deep=pyarrow.array(
            [{"x": 0.7, "y": ["a"]}, None, {"x": None, "y": []}, {"x": 3, "y": None}],
            pyarrow.struct([("x", single), ("y", pyarrow.list_(pyarrow.string()))]),
        ),
        half=pyarrow.array(np.array([0.1, 4.8, 2, 0.25], np.float16), mask=np.array([False, False, True, False])),
        shared=pyarrow.array([0.1, 4.8, None, 0.1], single).dictionary_encode(),
        double=pyarrow.array([0.1, 0.10000000149011612, None, 1e300]),
    )
    rows = cells(path)
    assert [row["half"] for row in rows] == [0.1, 4.8, None, 0.25]
    assert [row["shared"] for row in rows] == [0.1, 4.8, None, 0.1]
    assert [row["score"] for row in rows] == [0.1, 4.8, None, -1e-30]
    assert [row["scores"] for row in rows] == [[0.1, None], [], None, [2]]
    assert [row["deep"] for row in rows] == [{"x": 0.7, "y": ["a"]}, None, {"x": None, "y": []}, {"x": 3, "y": None}]
    assert [row["double"] for row in rows] == [0.1, 0.10000000149011612, None, 1e300]


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_maps_are_objects(tmp_path, suffix):
    kind = pyarrow.map_(pyarrow.string(), pyarrow.float32())
    maps = [[("city", 0.1), ("name", 2)], [], None]
    path = written(
        tmp_path / f"a{suffix}",
        fields=pyarrow.array(maps, kind),
        all=pyarrow.array([maps[:1], None, []], pyarrow.list_(kind)),
    )
    assert [row["fields"] for row in cells(path)] == [{"city": 0.1, "name": 2}, {}, None]
    assert [row["all"] for row in cells(path)] == [[{"city": 0.1, "name": 2}], None, []]


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
@pytest.mark.parametrize("within", ["", "list", "object"])
def test_a_map_with_a_key_twice_is_named_with_its_row_and_column(tmp_path, suffix, within):
    kind = pyarrow.map_(pyarrow.string(), pyarrow.float32())
    twice, kind = {
        "": ([("city", 1), ("city", 2)], kind),
        "list": ([[("city", 1), ("city", 2)]], pyarrow.list_(kind)),
        "object": ({"x": [("city", 1), ("city", 2)]}, pyarrow.struct([("x", kind)])),
    }[within]
    path = written(
        tmp_path / f"a{suffix}", n=pyarrow.array(range(1501)), fields=pyarrow.array([None] * 1500 + [twice], kind)
    )
    said = f"a{suffix}': row 1501: a map or an object in column 'fields' has a key twice"
    with pytest.raises(DataError, match=said):
        cells(path)


def test_byte_order_marks_within_joined_files_of_json_lines_are_left_out(tmp_path):
    part = '\ufeff{"text": "a\ufeffb", "label": "x"}\n'
    (tmp_path / "rows.jsonl").write_bytes((part + part + "\ufeff\n" + part.removesuffix("\n")).encode())
    rows = list(read_rows(str(tmp_path / "rows.jsonl")))
    assert [place for place, _ in rows] == ["line 1", "line 2", "line 4"]
    assert all(cells == {"text": "a\ufeffb", "label": "x"} for _, cells in rows)
