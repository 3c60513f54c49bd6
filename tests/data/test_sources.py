"""Every way a file can be broken ends in one clear line with place, value and next step."""

import json

import pyarrow
import pyarrow.parquet
import pytest

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
    "array.json": (b'[\n{"a": 1}\n]\n', ["line 1", "one object a line"]),
    "number.jsonl": (b"17\n", ["line 1", "JSON object", "int"]),
    "latin.jsonl": (b'{"a": "\xe9"}\n', ["not UTF-8", "0xe9", "save it as UTF-8"]),
    "ragged.csv": (b"a,b\n1,2\n1,2,3\n", ["line 3", "3 cells", "expected 2", "double quotes"]),
    "quote.csv": (b'a,b\n"1,2\n', ["not CSV"]),
    "no.parquet": (b"not parquet", ["not a readable Parquet file"]),
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
        ("no/such-data-set", "cannot load 'no/such-data-set' from the hub"),
    ],
)
def test_sources_that_are_not_there(source, part):
    with pytest.raises(DataError, match=part.replace("(", r"\(")):
        cells(source)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        cells(tmp_path)


def test_hub_rows_come_through_datasets(monkeypatch):
    import datasets

    def load(path, **options):
        assert (path, options) == ("owner/name", {"name": None, "split": "train", "revision": "abc"})
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert cells("owner/name", revision="abc") == ROWS


def test_builtin_rows_have_the_columns():
    rows = cells("builtin:pii", limit=5)
    assert len(rows) == 5
    assert {"source_text", "target_text", "privacy_mask", "language", "template_id"} <= set(rows[0])
