"""Makes the files of the corpus that are no texts; the others are written by hand.

Run as `python tests/data/corpus/make_corpus.py`. The files are committed: libraries may write other bytes another day.
"""

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import zstandard

HERE = Path(__file__).parent
ROWS = [
    {"text": "The tap drips again.", "label": "water"},
    {"text": "Smoke in the hall.", "label": "fire"},
    {"text": "The cellar is flooded.", "label": "water"},
    {"text": "A spark at the socket.", "label": "fire"},
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
SENTENCES = [
    ("Ada Quill lives in Porto .", [1, 2, 0, 0, 5, 0]),
    ("Nobody came .", [0, 0, 0]),
    ("Osric met Wenna Thorn .", [1, 0, 1, 2, 0]),
    ("Brindle Works closed .", [3, 4, 0, 0]),
]


def as_csv(rows):
    return ("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows)).encode()


def write_compressed():
    (HERE / "rows.jsonl.gz").write_bytes(gzip.compress(LINES, mtime=0))
    (HERE / "rows.csv.gz").write_bytes(gzip.compress(as_csv(ROWS), mtime=0))
    (HERE / "rows.jsonl.zst").write_bytes(zstandard.compress(LINES))
    (HERE / "rows.jsonl.bz2").write_bytes(bz2.compress(LINES))
    (HERE / "rows.jsonl.xz").write_bytes(lzma.compress(LINES))
    (HERE / "truncated.jsonl.gz").write_bytes(gzip.compress(LINES, mtime=0)[:-40])


def write_zip(name, parts):
    with zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(zipfile.ZipInfo(path), content)


def write_archives():
    write_zip("one-file.zip", {"rows.csv": as_csv(ROWS)})
    write_zip("mac.zip", {"rows.csv": as_csv(ROWS), "__MACOSX/._rows.csv": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"})
    write_zip("two-files.zip", {"train.csv": as_csv(ROWS[:3]), "test.csv": as_csv(ROWS[3:])})
    write_zip("encrypted.zip", {"rows.csv": as_csv(ROWS)})
    write_zip("leads-out.zip", {"../rows.csv": as_csv(ROWS)})
    locked = bytearray((HERE / "encrypted.zip").read_bytes())
    locked[6] |= 1  # the flag in the file's own header, and in the directory at the end
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (HERE / "encrypted.zip").write_bytes(locked)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("export/rows.jsonl")
        member.size = len(LINES)
        archive.addfile(member, io.BytesIO(LINES))
    (HERE / "one-file.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def with_features(table, features):
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def write_tables():
    text = {"dtype": "string", "_type": "Value"}
    names = ["fire", "water"]
    numbers = [names.index(row["label"]) for row in ROWS] + [-1]
    table = pa.table(
        {"text": [row["text"] for row in ROWS] + ["Not labelled yet."], "label": pa.array(numbers, pa.int64())}
    )
    features = {"text": text, "label": {"names": names, "_type": "ClassLabel"}}
    pa.parquet.write_table(with_features(table, features), HERE / "class-names.parquet")
    tokens = [words.split() for words, _ in SENTENCES]
    table = pa.table({"tokens": tokens, "ner_tags": [tags for _, tags in SENTENCES]})
    tags = {"feature": {"names": TAGS, "_type": "ClassLabel"}, "_type": "Sequence"}
    features = {"tokens": {"feature": text, "_type": "Sequence"}, "ner_tags": tags}
    pa.parquet.write_table(with_features(table, features), HERE / "class-names-tags.parquet")
    folder = HERE / "saved-to-disk"
    folder.mkdir(exist_ok=True)
    table = pa.Table.from_pylist(ROWS)
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as shard:
        shard.write_table(table)
    (folder / "dataset_info.json").write_text(json.dumps({"features": {"text": text, "label": text}}))
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "c0", "_split": "train"}
    (folder / "state.json").write_text(json.dumps(state))
    pa.feather.write_feather(pa.Table.from_pylist(ROWS), HERE / "rows.feather")


def write_refused():
    (HERE / "rows.pkl").write_bytes(pickle.dumps(ROWS, protocol=4))
    (HERE / "rows.db").unlink(missing_ok=True)
    with sqlite3.connect(HERE / "rows.db") as base:
        base.execute("pragma page_size = 512")
        base.execute("create table rows (text, label)")
        base.executemany("insert into rows values (:text, :label)", ROWS)
    noise = random.Random(7).randbytes(400)
    (HERE / "noise.jsonl").write_bytes(noise)
    (HERE / "noise.csv").write_bytes(noise)


if __name__ == "__main__":
    write_compressed()
    write_archives()
    write_tables()
    write_refused()
