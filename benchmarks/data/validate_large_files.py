"""Seconds and peak memory of `tunecurve validate` on a large file of each format that is read row by row.

Run: python benchmarks/data/validate_large_files.py [--rows 200000] [--formats jsonl,csv]

The rows are a support mail of about 100 characters and one of eight classes; 0.5 % are copies. Times contain the start of
Python and the check of the whole study; making the files is not counted.
"""

import argparse
import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow
import pyarrow.parquet

FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "json", "csv", "tsv", "parquet", "folder")
WORDS = (
    "order",
    "parcel",
    "refund",
    "invoice",
    "broken",
    "late",
    "missing",
    "thanks",
    "please",
    "account",
    "charge",
    "twice",
)
LABELS = [f"label-{n}" for n in range(8)]


def rows(n_rows):
    """Yield made-up rows, a few of them copies."""
    random.seed(0)
    last = None
    for number in range(n_rows):
        if last is None or random.random() >= 0.005:
            text = f"Ticket {number}: " + " ".join(random.choices(WORDS, k=14))
            last = {"text": text, "label": random.choice(LABELS)}
        yield last


def write(folder, form, n_rows):
    """Write the rows in a format; return the path to validate."""
    path = folder / f"rows.{form}"
    if form == "parquet":
        with pyarrow.parquet.ParquetWriter(
            path, pyarrow.schema({"text": pyarrow.string(), "label": pyarrow.string()})
        ) as writer:
            batch = []
            for row in rows(n_rows):
                batch.append(row)
                if len(batch) == 50_000:
                    writer.write_table(pyarrow.Table.from_pylist(batch))
                    batch = []
            if batch:
                writer.write_table(pyarrow.Table.from_pylist(batch))
        return path
    if form == "folder":
        path.mkdir()
        files = [(path / f"part-{n:05d}-of-00010.jsonl").open("w") for n in range(10)]
        for number, row in enumerate(rows(n_rows)):
            files[number * 10 // n_rows].write(json.dumps(row) + "\n")
        for file in files:
            file.close()
        return path
    with _open(path, form) as file:
        if form in ("csv", "tsv"):
            writer = csv.DictWriter(file, ["text", "label"], delimiter="," if form == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows(n_rows))
        elif form == "json":
            file.write("[" + json.dumps({"text": "first", "label": LABELS[0]}))
            file.writelines("," + json.dumps(row) for row in rows(n_rows - 1))
            file.write("]")
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows(n_rows))
    return path


def _open(path, form):
    if form.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path, "wb", compresslevel=1))
    if form.endswith(".zst"):
        return io.TextIOWrapper(pyarrow.CompressedOutputStream(str(path), "zstd"))
    return path.open("w", newline="")


def measure(path):
    """Return seconds, seconds of one core and peak resident megabytes of validating a file."""
    command = [sys.executable, "-m", "tunecurve", "validate", "--data", str(path), "--task", "classification"]
    command += ["--input-column", "text", "--target-column", "label", "--out", str(path) + ".run"]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{path.name}: {(out + err).decode()[-600:]}")
    return (
        time.monotonic() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    arguments = parser.parse_args()
    print(f"{'format':<12}{'file, MB':>10}{'seconds':>10}{'CPU, s':>10}{'peak, MB':>10}")
    for form in arguments.formats.split(","):
        with tempfile.TemporaryDirectory() as folder:
            path = write(Path(folder), form, arguments.rows)
            size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))
            seconds, cpu, peak = measure(path)
            print(f"{form:<12}{size / 1e6:>10.0f}{seconds:>10.1f}{cpu:>10.1f}{peak:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
