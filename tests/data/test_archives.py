"""Archives with one data file are read; what would explode, run or lead elsewhere is refused in one line."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import tarfile
import zipfile

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import DataError

ROWS = [{"text": "Bo ran", "label": "a"}, {"text": 'é, "x"', "label": "b"}]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
CSV = 'text,label\nBo ran,a\n"é, ""x""",b\n'.encode()


def read(source, **options):
    return [dict(cells) for _, cells in read_rows(str(source), ReadingOptions(**options))]


def refused(source, **options):
    with pytest.raises(DataError) as raised:
        read(source, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path, members):
    with tarfile.open(path, "w:" + path.suffix[1:].replace("tgz", "gz").replace("tar", "")) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def parquet(rows=ROWS):
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


def zstd(content):
    return pyarrow.compress(content, "zstd", asbytes=True)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl", JSONL), ("a.csv", CSV), ("a.json", b"[" + JSONL.strip().replace(b"\n", b",") + b"]")],
)
def test_packed_texts_hold_their_rows(tmp_path, packing, name, content):
    (tmp_path / f"{name}.{packing}").write_bytes(PACKERS[packing](content))
    assert read(tmp_path / f"{name}.{packing}") == ROWS


@pytest.mark.parametrize("packing", PACKERS)
def test_packed_texts_in_two_pieces_are_read_to_the_end(tmp_path, packing):
    pack, (first, second) = PACKERS[packing], JSONL.splitlines(keepends=True)
    (tmp_path / f"a.jsonl.{packing}").write_bytes(pack(first) + pack(second))
    assert read(tmp_path / f"a.jsonl.{packing}") == ROWS


@pytest.mark.parametrize("packing", PACKERS)
def test_packed_texts_that_are_cut_are_named(tmp_path, packing):
    content = b"".join(json.dumps({"text": os.urandom(40).hex()}).encode() + b"\n" for _ in range(5000))
    (tmp_path / f"a.jsonl.{packing}").write_bytes(PACKERS[packing](content)[:-2000])
    assert f"not a whole .{packing} file" in refused(tmp_path / f"a.jsonl.{packing}")


@pytest.mark.parametrize("packing", PACKERS)
def test_a_packing_that_the_name_does_not_say_is_told(tmp_path, packing):
    packed = PACKERS[packing](JSONL)
    (tmp_path / "a.jsonl").write_bytes(packed)
    assert f"let its name end in .{packing}" in refused(tmp_path / "a.jsonl")
    (tmp_path / f"b.jsonl.{packing}").write_bytes(JSONL)
    assert f"let its name end without .{packing}" in refused(tmp_path / f"b.jsonl.{packing}")
    other = next(one for one in PACKERS if one != packing)
    (tmp_path / f"c.jsonl.{other}").write_bytes(packed)
    assert f"let its name end in .{packing}" in refused(tmp_path / f"c.jsonl.{other}")
    (tmp_path / f"d.jsonl.{packing}").write_bytes(PACKERS[packing](packed))
    assert "compressed twice" in refused(tmp_path / f"d.jsonl.{packing}")
    assert "compressed twice" in refused_name(tmp_path, f"e.jsonl.gz.{packing}")


def refused_name(folder, name):
    (folder / name).write_bytes(b"x")
    return refused(folder / name)


BESIDE = {
    "__MACOSX/._rows.csv": b"\0\5",
    ".DS_Store": b"\0",
    "README.csv": b"about\nx\n",
    "rows/": b"",
    "notes.txt": b"x",
}


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "deep/er/rows.jsonl", "rows.parquet", "rows.jsonl.gz"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_with_one_data_file_is_read(tmp_path, name, method):
    content = {"l": JSONL, "v": CSV, "t": parquet(), "z": gzip.compress(JSONL)}[name[-1]]
    zipped(tmp_path / "a.zip", {**BESIDE, name: content}, method)
    assert read(tmp_path / "a.zip") == ROWS


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_a_tar_with_one_data_file_is_read(tmp_path, name):
    tarred(tmp_path / name, {"readme.md": b"about", "._rows.csv": b"\0", "data/rows.csv": CSV})
    assert read(tmp_path / name) == ROWS


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_of_several_files_one_is_asked_for(tmp_path, name):
    (zipped if name == "a.zip" else tarred)(tmp_path / name, {"train.csv": CSV, "in/test.csv": b"text,label\nz,a\n"})
    message = refused(tmp_path / name)
    assert "holds 2 data files: train.csv, in/test.csv" in message
    assert f"{name}!/train.csv" in message
    assert read(f"{tmp_path / name}!/train.csv") == ROWS
    assert read(f"{tmp_path / name}!/in/test.csv") == [{"text": "z", "label": "a"}]
    assert "holds no file 'dev.csv'; its files are: train.csv, in/test.csv" in refused(f"{tmp_path / name}!/dev.csv")


def pickled():
    return pickle.dumps(ROWS)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "holds no data file (it is empty)"),
        ({"a.txt": b"x"}, "holds no data file (a.txt)"),
        ({"rows.pkl": pickled()}, "holds 'rows.pkl': a pickle, which can run code"),
        ({"m/data.pkl": pickled(), "m/data/0": b"x"}, "is a PyTorch file, a pickle inside"),
        ({"x.npy": b"x"}, "holds 'x.npy': a NumPy file"),
        ({"inner.zip": b"x"}, "holds another archive, 'inner.zip'"),
        ({"word/document.xml": b"<x/>"}, "is a Word document"),
        ({"xl/workbook.xml": b"<x/>"}, "let its name end in .xlsx"),
        ({"../rows.csv": CSV}, "would be unpacked outside its folder"),
        ({"/etc/rows.csv": CSV}, "would be unpacked outside its folder"),
        ({"..\\..\\rows.csv": CSV}, "would be unpacked outside its folder"),
        ({"rows.csv": pickled()}, "rows.csv' is a pickle"),
        ({"rows.csv": gzip.compress(CSV)}, "is compressed by gzip"),
    ],
)
@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz"])
def test_an_archive_that_is_not_read_is_named(tmp_path, members, said, name):
    (zipped if name == "a.zip" else tarred)(tmp_path / name, members)
    assert said in refused(tmp_path / name)


def test_a_damaged_or_encrypted_zip_is_named(tmp_path):
    path = zipped(tmp_path / "a.zip", {"rows.csv": CSV * 50})
    content = bytearray(path.read_bytes())
    (tmp_path / "cut.zip").write_bytes(content[:-30])
    assert "not a whole archive" in refused(tmp_path / "cut.zip")
    flipped = content.copy()
    flipped[60] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(flipped)
    assert "not a whole" in refused(tmp_path / "flipped.zip")
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    (tmp_path / "secret.zip").write_bytes(content)
    assert "is encrypted" in refused(tmp_path / "secret.zip")


def test_a_link_in_a_tar_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("rows.csv")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    assert "holds a link or device called 'rows.csv'" in refused(tmp_path / "a.tar")


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.slow
def test_a_bomb_ends_at_the_limit(tmp_path, packing):
    row = json.dumps({"text": "0" * 1000, "label": "a"}).encode() + b"\n"
    (tmp_path / f"a.jsonl.{packing}").write_bytes(PACKERS[packing](row * 30_000))
    assert "holds more than 0.01 GB unpacked" in refused(tmp_path / f"a.jsonl.{packing}", max_unpacked_gb=0.01)
    assert len(read(tmp_path / f"a.jsonl.{packing}")) == 30_000


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = zipped(tmp_path / "a.zip", {"rows.jsonl": b"0" * 20_000_000})
    assert "more than 0.01 GB unpacked, the limit" in refused(path, max_unpacked_gb=0.01)
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.parquet", b"PAR1" + b"0" * 20_000_000)
    assert "more than 0.01 GB unpacked, the limit" in refused(tmp_path / "b.zip", max_unpacked_gb=0.01)


def test_ten_gigabytes_of_one_byte_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rows.jsonl", b"x")
    content = (tmp_path / "a.zip").read_bytes()
    at = content.index(b"PK\x01\x02") + 24
    (tmp_path / "a.zip").write_bytes(content[:at] + (4_000_000_000).to_bytes(4, "little") + content[at + 4 :])
    assert "data.max_unpacked_gb" in refused(tmp_path / "a.zip", max_unpacked_gb=2)


@pytest.mark.parametrize("suffix", [".arrow", ".feather", ".ipc"])
@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_arrow_files_and_streams_are_read(tmp_path, suffix, compression):
    table = pyarrow.Table.from_pylist(ROWS)
    pyarrow.feather.write_feather(table, tmp_path / f"a{suffix}", compression=compression)
    assert read(tmp_path / f"a{suffix}") == ROWS
    with pyarrow.ipc.new_stream(tmp_path / f"b{suffix}", table.schema) as stream:
        stream.write_table(table)
    assert read(tmp_path / f"b{suffix}") == ROWS


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_damaged_tables_are_named(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"no table at all")
    assert "not a readable" in refused(tmp_path / f"a{suffix}")


def test_the_index_that_pandas_writes_is_left_out(tmp_path):
    import pandas

    pandas.DataFrame(ROWS, index=["x", "y"]).to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ROWS


def test_pipes_and_devices_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    assert "is a pipe or device" in refused(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to("/dev/zero")
    assert "is a pipe or device" in refused(tmp_path / "b.jsonl")


NAMED = {
    "a.pkl": "a pickle, which can run code",
    "a.pt": "a PyTorch file",
    "a.npz": "a NumPy file",
    "a.xls": "Excel 97-2003",
    "a.docx": "a Word document",
    "a.pdf": "a PDF",
    "a.html": "a web page",
    "a.orc": "pandas.read_orc",
    "a.avro": "fastavro",
    "a.db": "sqlite3 -header -csv",
    "a.7z": "a 7z archive",
    "a.parquet.gz": "Parquet is compressed itself",
    "a.xlsx.gz": "compressed .xlsx",
    "a.numbers": "Apple Numbers",
    "a.gsheet": "File, Download",
}


@pytest.mark.parametrize("name", NAMED)
def test_other_files_are_named_for_what_they_are(tmp_path, name):
    assert NAMED[name] in refused_name(tmp_path, name)


BEGINNINGS = {
    b"<!DOCTYPE html><html>": "is a web page, not data",
    b"\n <HTML><body>Log in": "is a web page, not data",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n": "git lfs pull",
    b"%PDF-1.7": "a PDF",
    b"SQLite format 3\0": "an SQLite database",
    b"ARROW1\0\0": "let its name end in .arrow",
    b"\x80\x04\x95": "a pickle",
    b"\xd0\xcf\x11\xe0": "Excel 97-2003",
}


@pytest.mark.parametrize("start", BEGINNINGS)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json.gz"])
def test_a_file_of_another_kind_than_its_name_says_is_told(tmp_path, start, name):
    (tmp_path / name).write_bytes(gzip.compress(start) if name.endswith("gz") else start)
    assert BEGINNINGS[start] in refused(tmp_path / name)


@pytest.mark.parametrize("position", [4, 8, 12])
def test_offsets_that_lead_out_of_an_arrow_file_are_refused(tmp_path, position):
    column = pyarrow.array(["ab", "cd", "efg", "h"])
    offsets = bytearray(column.buffers()[1].to_pybytes()[:20])
    offsets[position : position + 4] = (2**30).to_bytes(4, "little")
    broken = pyarrow.StringArray.from_buffers(4, pyarrow.py_buffer(bytes(offsets)), column.buffers()[2])
    batch = pyarrow.RecordBatch.from_arrays([broken], names=["text"])
    out = io.BytesIO()
    with pyarrow.ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    (tmp_path / "a.arrow").write_bytes(out.getvalue())
    assert "not a readable Arrow file" in refused(tmp_path / "a.arrow")


@pytest.mark.parametrize("magic", [0x50, 0x57, 0x5F])
def test_zstd_with_frames_to_skip_is_zstd(tmp_path, magic):
    """RFC 8878, 3.1.2: pzstd writes such a frame before each of its own."""
    frame = bytes([magic]) + b"\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    packed = pyarrow.compress(JSONL, codec="zstd", asbytes=True)
    (tmp_path / "a.jsonl.zst").write_bytes(frame + packed + frame)
    assert read(tmp_path / "a.jsonl.zst") == ROWS
