"""Coverage-guided fuzzing of everything that reads a file, with atheris (which is not a dependency).

    python -m tests.hardening.fuzz_loaders {rows,csv,study,curves} FOLDER -max_total_time=SECONDS [-seed=1]

The reader is instrumented, so that inputs that reach new lines of it are changed further. Any exception but the one line
for bad input ends it with a traceback and a code that is not 0, and leaves the input in FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["tunecurve.data", "tunecurve.curve.table", "tunecurve.spec.study"]):
    from tunecurve.curve.table import read_curves
    from tunecurve.data.cleaning import clean_rows
    from tunecurve.data.sources import read_rows
    from tunecurve.errors import TunecurveError
    from tunecurve.spec.reading import load_spec, parse_spec

READERS = {
    "rows": ("a.jsonl", lambda path: clean_rows(read_rows(str(path)))),
    "csv": ("a.csv", lambda path: clean_rows(read_rows(str(path)))),
    "study": ("study.yaml", lambda path: parse_spec(load_spec(path))),
    "curves": ("curves.csv", lambda path: [table.points() for table in read_curves(str(path))]),
}
SEEDS = {
    "rows": [b'{"source_text": "Ada left.", "target_text": "[NAME] left."}\n', b'[{"source_text": null}]\n'],
    "csv": [b"source_text,target_text\nAda left.,[NAME] left.\n", b'\xef\xbb\xbfa;b\n"x\ny";z\n'],
    "study": [b"data: {source: rows.jsonl}\ntrain_sizes: [5, 10]\nmodels: [tagger]\n", b"hosted: {max_cost: 1}\n"],
    "curves": [b"n,score,kind,n_test\n50,86.4,finetune,100\n0,80,zeroshot,\n", b"curve_id,n,score\na,1e3,5\n"],
}


def main() -> None:
    """Fuzz one reader."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    name, read = READERS[kind]
    seeds = folder / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[kind]):
        (seeds / str(number)).write_bytes(seed)

    def read_once(content: bytes) -> None:
        path = folder / name
        path.write_bytes(content)
        try:
            read(path)
        except TunecurveError as error:
            if "\n" in str(error).strip():
                raise AssertionError(f"not one line: {error}") from error

    arguments = [
        sys.argv[0],
        *sys.argv[3:],
        "-timeout=10",
        "-rss_limit_mb=2000",
        f"-artifact_prefix={folder}/",
        str(seeds),
    ]
    atheris.Setup(arguments, read_once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
