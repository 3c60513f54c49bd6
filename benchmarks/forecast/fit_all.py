"""The shipped table, made anew from measured curves by one command.

    python benchmarks/forecast/fit_all.py LANGUAGE_MODELS.csv CLASSICAL.csv LCDB_EXTRA.csv --work FOLDER

Writes `src/tunecurve/curve/priors.json`: classical learners and losses (`fit_tables.py`), their levels and coverage
(`fit_coverage.py`), language models and the rule for the kinds, from all sources (`leave_one_source_out.py --out`). The third file is
made by `lcdb_curves.py`. An hour of one core at most; language models learned for each left-out source are kept in FOLDER.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "src" / "tunecurve" / "curve" / "priors.json"


def main() -> None:
    """Run the three steps in their order; the first that fails ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("language_models")
    parser.add_argument("classical")
    parser.add_argument("lcdb_extra")
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    table, classical = str(TABLE), options.classical
    others = ["--classical", classical, "--work", options.work, "--out", table]
    steps = (
        ["fit_tables.py", classical, options.lcdb_extra, "--out", table],
        ["fit_coverage.py", classical, table],
        ["leave_one_source_out.py", options.language_models, *others],
    )
    for script, *arguments in steps:
        subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


if __name__ == "__main__":
    main()
