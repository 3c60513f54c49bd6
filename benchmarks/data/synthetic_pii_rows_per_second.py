"""How fast `builtin:pii` makes rows, on one core: prints rows/s per language.

Run:  python benchmarks/data/synthetic_pii_rows_per_second.py [n_rows]

The pools drawn from Faker are timed apart, since they are paid once a process.
"""

from __future__ import annotations

import sys
import time

from tunecurve.data.synthetic_pii import LANGUAGES, generate_rows


def main() -> None:
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{'language':<10}{'pools [s]':>10}{'rows':>9}{'rows/s':>9}{'words/row':>11}{'distinct':>10}")
    for language in LANGUAGES:
        started = time.perf_counter()
        generate_rows(1, language=language)
        pool_seconds = time.perf_counter() - started
        started = time.perf_counter()
        rows = generate_rows(n_rows, language=language)
        rows_per_second = n_rows / (time.perf_counter() - started)
        words = sum(len(row["source_text"].split()) for row in rows) / n_rows
        distinct = len({row["source_text"] for row in rows}) / n_rows
        print(f"{language:<10}{pool_seconds:>10.2f}{n_rows:>9}{rows_per_second:>9.0f}{words:>11.1f}{distinct:>10.1%}")


if __name__ == "__main__":
    main()
