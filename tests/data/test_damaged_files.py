"""Files of every kind, damaged at random: rows or one line of error, never a traceback or the end of the process."""

import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile

import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from tunecurve.data.options import ReadingOptions
from tunecurve.data.sources import read_rows
from tunecurve.errors import TunecurveError

ROWS = [{"text": f"t{n} é", "label": "ab"[n % 2], "n": n} for n in range(6)]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
CSV = b"text,label\n" + b"".join(f"t{n} é,{'ab'[n % 2]}\n".encode("cp1252") for n in range(6))
N_OF_A_KIND = 15


def written(write):
    out = io.BytesIO()
    write(pyarrow.Table.from_pylist(ROWS), out)
    return out.getvalue()


def stream():
    out, table = io.BytesIO(), pyarrow.Table.from_pylist(ROWS)
    with pyarrow.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return out.getvalue()


WHOLE = {
    ".jsonl": JSONL,
    ".json": json.dumps(ROWS).encode(),
    ".csv": CSV,
    ".tsv": CSV.replace(b",", b"\t"),
    ".conll": b"a B-X\nb O\n\nc O\n",
    ".parquet": written(pyarrow.parquet.write_table),
    ".feather": written(pyarrow.feather.write_feather),
    ".arrow": stream(),
    ".zip": zipped({"a.jsonl": JSONL, "README": b"x"}),
    ".tar.gz": tarred(),
    ".jsonl.gz": gzip.compress(JSONL),
    ".csv.bz2": bz2.compress(CSV),
    ".json.xz": lzma.compress(json.dumps({"data": ROWS}).encode()),
    ".jsonl.zst": pyarrow.compress(JSONL, "zstd", asbytes=True),
}
PIECES = [b"\0", b'"', b"{", b"[", b"\xff\xfe", b"\n", b"\r", b"\x81", b"\xc3"]


def damaged(content, chance):
    """Bytes changed, left out or put in at random, or the end cut off."""
    content = bytearray(content)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        position, kind = chance.randrange(len(content) + 1), chance.random()
        if kind < 0.4:
            content[position : position + 1] = bytes([chance.randrange(256)])
        elif kind < 0.6:
            del content[position : position + chance.randrange(1, 8)]
        elif kind < 0.8:
            content[position:position] = chance.choice(PIECES)
        else:
            del content[position:]
    return bytes(content)


def line_about(path, options):
    """What is said of a file; None where it is read."""
    try:
        list(read_rows(str(path), options))
    except TunecurveError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", WHOLE)
def test_damaged_files_are_read_or_named_in_a_line(tmp_path, suffix):
    chance = random.Random(suffix)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(WHOLE[suffix])
    assert list(read_rows(str(path)))
    for _ in range(N_OF_A_KIND):
        path.write_bytes(damaged(WHOLE[suffix], chance))
        encoding = chance.choice([None, None, None, "cp1252", "utf-16", "shift_jis"])
        message = line_about(path, ReadingOptions(max_unpacked_gb=0.05, encoding=encoding))
        assert message is None or 20 < len(message) < 2000
        assert message is None or len(message.splitlines()) == 1
