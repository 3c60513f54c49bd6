"""Further tuning curves from LCDB 1.0 (PyPI `lcdb` 0.1.0, MIT), in the format of a curves file.

    pip download --no-deps lcdb==0.1.0 && tar xzf lcdb-0.1.0.tar.gz
    python benchmarks/forecast/lcdb_curves.py lcdb-0.1.0/lcdb --out lcdb_extra.csv

Takes the test scores of the first outer split, five inner seeds, sizes that are powers of two from 32, of three quarters
of the accuracy curves and three tenths of the F1 curves, chosen by a checksum of the curve's name.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from pathlib import Path

SHARE_PER_MILLE = {"accuracy": 750, "f1": 300}
HEADER = ["curve_id", "source", "group", "model", "metric", "direction", "kind", "n", "score", "replicate", "n_test"]
SEEDS = 5


def main() -> None:
    """Convert both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with database-accuracy.csv and database-f1.csv")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(HEADER)
        for metric, share in SHARE_PER_MILLE.items():
            with (options.folder / f"database-{metric}.csv").open(newline="", encoding="utf-8") as source:
                for row in csv.DictReader(source):
                    size, seed, score = int(row["size_train"]), int(row["inner_seed"]), row["score_test"]
                    if size < 32 or size & (size - 1) or row["outer_seed"] != "0" or seed >= SEEDS:
                        continue
                    group, model = row["openmlid"], row["learner"]
                    name = f"lcdb/{metric}/{group}/{model}"
                    if score in ("", "nan") or zlib.crc32(name.encode()) % 1000 >= share:
                        continue
                    points = round(100 * float(score), 5)
                    line = [name, "lcdb", group, model, metric, "max", "finetune", size, points, seed, row["size_test"]]
                    writer.writerow(line)


if __name__ == "__main__":
    main()
