"""Measure curves with losses beside the scores: `tfidf` on classification sets, doubling sizes, three seeds.

    python benchmarks/forecast/second_signal_curves.py DATA OUT [SET ...]

DATA holds a folder a set with train.jsonl and test.jsonl. OUT gets a run folder a set, for `second_signal.py`. Started again it
goes on where it was.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOUBLING = [25, 50, 100, 200, 400, 800, 1600, 2800]
# Set: columns, further options, largest size.
SETS: dict[str, tuple[str, str, list[str], int]] = {
    "snips": ("text", "label", [], 2800),
    "hate_forum": ("text", "label", ["--group-column", "user_id"], 2800),
    "xsid": ("text", "label", ["--group-column", "utterance_id"], 1600),
    "goemotions": ("text", "label", [], 2800),
    "medical_abstracts": ("text", "label", [], 800),
    "hwu64": ("text", "label", [], 2800),
    "banking77": ("source_text", "target_text", [], 2800),
}


def main() -> None:
    """Run the studies one after the other."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in sys.argv[3:] or SETS:
        source, target, more, largest = SETS[name]
        sizes = [size for size in DOUBLING if size <= largest]
        command = [sys.executable, "-m", "tunecurve", "run", "--data", str(data / name / "train.jsonl")]
        command += ["--test-data", str(data / name / "test.jsonl"), "--input-column", source, "--target-column", target]
        command += ["--task", "classification", "--model", "tfidf", "--seeds", "3", "--no-texts", *more]
        command += ["--test-size", "500" if name != "medical_abstracts" else "250"]
        command += ["--train-sizes", ",".join(map(str, sizes)), "--out", str(out / name)]
        subprocess.run(command, check=False)


if __name__ == "__main__":
    main()
