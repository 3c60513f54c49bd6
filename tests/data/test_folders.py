"""Folders and patterns of files are one data set in its order, or are named for what they are."""

import gzip
import json
import os

import datasets
import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError


def read(source, **options):
    findings = []
    rows = [
        (place, dict(cells)) for place, cells in read_rows(str(source), ReadingOptions(**options), findings=findings)
    ]
    return rows, [finding.line for finding in findings]


def texts(source, **options):
    return [cells["text"] for _, cells in read(source, **options)[0]]


def write(folder, *names, n_rows=1):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join(json.dumps({"text": f"{name} {n}"}) + "\n" for n in range(n_rows)).encode()
        if path.suffix == ".csv":
            content = f"text\n{name} 0\n".encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def test_a_folder_of_parts_is_read_in_the_order_of_their_names(tmp_path):
    write(tmp_path, "b.jsonl", "a.jsonl", n_rows=2)
    (tmp_path / "README.md").write_text("about")
    found, notes = read(tmp_path)
    assert [place for place, _ in found] == ["a.jsonl, line 1", "a.jsonl, line 2", "b.jsonl, line 1", "b.jsonl, line 2"]
    assert [row["text"] for _, row in found] == ["a.jsonl 0", "a.jsonl 1", "b.jsonl 0", "b.jsonl 1"]
    assert "a.jsonl, b.jsonl" in notes[0]


def test_numbers_in_names_are_counted_as_numbers(tmp_path):
    write(tmp_path, *(f"part-{n}.jsonl" for n in (10, 9, 1, 2)))
    assert texts(tmp_path) == [f"part-{n}.jsonl 0" for n in (1, 2, 9, 10)]


@pytest.mark.parametrize("pattern", ["*.jsonl.gz", "d?/../*.jsonl.gz", "part-[0-9]*.gz", "**/part*.gz"])
def test_a_pattern_names_its_files(tmp_path, pattern):
    write(tmp_path, *(f"part-{n}.jsonl.gz" for n in range(12)), "other.csv", "d1/x.csv")
    found, notes = read(f"{tmp_path}/{pattern}")
    assert [cells["text"] for _, cells in found] == [f"part-{n}.jsonl.gz 0" for n in range(12)]
    assert "the 12 files" in notes[0]
    assert "part-0.jsonl.gz, line 1" in found[0][0]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("*.parquet", "no file is called like"),
        ("*", "also names 'readme.md', which is no data file"),
        ("*.[jc]s*", "several kinds"),
        ("t*.jsonl", "several splits"),
    ],
)
def test_a_pattern_that_names_no_data_set_is_named(tmp_path, pattern, said):
    write(tmp_path, "train.jsonl", "test.jsonl", "a.csv")
    (tmp_path / "readme.md").write_text("about")
    with pytest.raises(DataError, match=said):
        read(f"{tmp_path}/{pattern}")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    write(tmp_path, "rows[1].jsonl")
    assert texts(tmp_path / "rows[1].jsonl") == ["rows[1].jsonl 0"]


@pytest.mark.parametrize("numbers", [[0, 1, 3, 4], [1, 2, 3, 4], [0, 1, 2, 3]])
def test_a_missing_part_of_a_numbered_set_is_named(tmp_path, numbers):
    write(tmp_path, *(f"train-{n:05d}-of-00005.jsonl" for n in numbers))
    missing = ({0, 1, 2, 3, 4} - set(numbers)).pop()
    with pytest.raises(
        DataError, match=f"lacks 1 of the 5 parts of 'train...jsonl': number {missing}".replace("...", ".*")
    ):
        read(tmp_path)
    with pytest.raises(DataError, match="lacks 1 of the 5 parts"):
        read(f"{tmp_path}/*.jsonl")


@pytest.mark.parametrize("first", [0, 1])
def test_a_whole_numbered_set_is_read(tmp_path, first):
    write(tmp_path, *(f"train-{n:05d}-of-00003.jsonl" for n in range(first, first + 3)))
    assert len(texts(tmp_path)) == 3


@pytest.mark.parametrize(
    ("names", "part"),
    [
        ([], "is a folder without a data file"),
        (["a.txt"], "is a folder without a data file"),
        (["deep/a.jsonl"], "name one of its folders: deep"),
        (["a.jsonl", "b.csv"], "several kinds"),
        (["a.jsonl", "a.jsonl.gz"], "same part twice: 'a.jsonl' and 'a.jsonl.gz'"),
        (["train.jsonl", "test.jsonl"], "several splits: .*--test-data '.*!/test'"),
        (["train-00000-of-00001.jsonl", "validation-00000-of-00001.jsonl"], "several splits"),
    ],
)
def test_a_folder_that_is_no_data_set_is_named_for_what_it_is(tmp_path, names, part):
    write(tmp_path, *names)
    with pytest.raises(DataError, match=part):
        read(tmp_path)


@pytest.mark.parametrize("names", [["train.jsonl", "test.jsonl"], ["train/a.jsonl", "test/a.jsonl"]])
def test_the_splits_of_a_folder_are_named_behind_it(tmp_path, names):
    write(tmp_path, *names)
    assert texts(f"{tmp_path}!/train") == [f"{names[0]} 0"] if "/" not in names[0] else ["train/a.jsonl 0"]
    assert texts(f"{tmp_path}!/test") == [f"{names[1]} 0"]
    assert texts(tmp_path, split="test") == [f"{names[1]} 0"]
    with pytest.raises(DataError, match=r"no split 'dev'; it has: test, train|no split 'dev'; it has: train, test"):
        read(f"{tmp_path}!/dev")


def made(n_rows=10):
    return datasets.Dataset.from_dict(
        {"text": [f"t{n}" for n in range(n_rows)], "label": [n % 2 for n in range(n_rows)]},
        features=datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["a", "b"])}),
    )


@pytest.mark.parametrize("n_shards", [1, 3])
def test_what_save_to_disk_writes_is_read(tmp_path, n_shards):
    made().save_to_disk(tmp_path / "saved", num_shards=n_shards)
    found, notes = read(tmp_path / "saved")
    assert [cells for _, cells in found][:2] == [{"text": "t0", "label": "a"}, {"text": "t1", "label": "b"}]
    assert [cells["text"] for _, cells in found] == [f"t{n}" for n in range(10)]
    assert "0 = a, 1 = b" in " ".join(notes)


def test_rows_that_were_left_out_before_saving_stay_out(tmp_path):
    made().filter(lambda row: row["text"] > "t4").select([4, 0, 2]).save_to_disk(tmp_path / "saved")
    assert texts(tmp_path / "saved") == ["t9", "t5", "t7"]


def test_the_order_of_saved_shards_is_the_one_that_is_noted(tmp_path):
    folder = tmp_path / "saved"
    made().save_to_disk(folder, num_shards=2)
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    assert texts(folder)[:2] == ["t5", "t6"]
    state["_data_files"] = state["_data_files"][:1]
    (folder / "state.json").write_text(json.dumps(state))
    assert texts(folder) == [f"t{n}" for n in range(5, 10)]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([{"filename": "gone.arrow"}], "lacks 1 of its 1 files: gone.arrow"),
        ([{"filename": "../other.arrow"}], "names no files of this folder"),
        ([{"filename": "/etc/passwd"}], "names no files of this folder"),
        ([], "names no files of this folder"),
    ],
)
def test_a_saved_folder_that_is_not_whole_is_named(tmp_path, files, said):
    made().save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text(json.dumps({"_data_files": files}))
    with pytest.raises(DataError, match=said):
        read(tmp_path / "saved")


def test_the_splits_of_a_saved_dictionary(tmp_path):
    datasets.DatasetDict({"train": made(6), "test": made(2)}).save_to_disk(tmp_path / "saved")
    with pytest.raises(
        DataError, match=r"several splits: train .*name the sides: --data '.*!/train' --test-data '.*!/test'"
    ):
        read(tmp_path / "saved")
    assert len(texts(f"{tmp_path / 'saved'}!/train")) == 6
    assert len(texts(tmp_path / "saved", split="test")) == 2


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    write(tmp_path, "elsewhere/secret.jsonl", "rows/a.jsonl")
    (tmp_path / "rows" / "b.jsonl").symlink_to(tmp_path / "elsewhere" / "secret.jsonl")
    with pytest.raises(DataError, match=r"b\.jsonl' is a link that leads out of its folder"):
        read(tmp_path / "rows")
    (tmp_path / "rows" / "b.jsonl").unlink()
    (tmp_path / "rows" / "b.jsonl").symlink_to(tmp_path / "rows" / "a.jsonl")
    assert len(texts(tmp_path / "rows")) == 2


@pytest.mark.parametrize("how", ["folder", "pattern"])
@pytest.mark.parametrize("odd", ["loop", "dangling", "pipe"])
def test_what_is_called_like_a_part_and_is_no_file_is_named(tmp_path, odd, how):
    write(tmp_path / "d", "a.jsonl")
    path = tmp_path / "d" / "b.jsonl"
    if odd == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("b.jsonl" if odd == "loop" else "gone.jsonl")
    source = tmp_path / "d" if how == "folder" else f"{tmp_path}/d/*.jsonl"
    with pytest.raises(DataError, match=r"b.jsonl' is a (link that leads to no file|pipe or device)"):
        read(source)


def test_a_folder_that_links_to_itself_is_no_part(tmp_path):
    write(tmp_path / "d", "a.jsonl")
    (tmp_path / "d" / "loop").symlink_to("../d")
    assert texts(tmp_path / "d") == ["a.jsonl 0"]


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["part-0.jsonl", "part-1.jsonl", "part-3.jsonl"], "2"),
        (["rows_001.jsonl.gz", "rows_002.jsonl.gz", "rows_004.jsonl.gz"], "3"),
        ([f"a{n}.jsonl" for n in (1, 2, 3, 5, 6, 8)], "4, 7"),
    ],
)
def test_a_number_that_is_left_out_is_a_warning(tmp_path, names, missing):
    write(tmp_path, *names)
    rows, notes = read(tmp_path)
    assert len(rows) == len(names)
    assert any(f"and {missing} is not among them" in note for note in notes)


@pytest.mark.parametrize(
    "names",
    [
        ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"],
        ["2019.jsonl", "2021.jsonl"],
        ["rows-2024-01-31.jsonl", "rows-2024-02-02.jsonl"],
        ["v1.jsonl", "v10.jsonl"],
    ],
)
def test_years_dates_and_versions_are_no_gaps(tmp_path, names):
    write(tmp_path, *names)
    assert not any("not among them" in note for note in read(tmp_path)[1])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_part_without_rows_is_named(tmp_path, content):
    write(tmp_path, "a.jsonl", "c.jsonl")
    (tmp_path / "b.jsonl").write_bytes(content)
    rows, notes = read(tmp_path)
    assert len(rows) == 2
    assert any("'b.jsonl'" in note and "holds no rows" in note for note in notes)


@pytest.mark.parametrize("total", ["00003", "2"])
def test_a_part_that_is_read_alone_is_said(tmp_path, total):
    write(tmp_path, f"train-0-of-{total}.jsonl")
    rows, notes = read(tmp_path / f"train-0-of-{total}.jsonl")
    assert len(rows) == 1
    assert f"is one of {int(total)} parts" in notes[0]
