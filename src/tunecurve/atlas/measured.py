"""The curves that this program measured on public data sets (the curve farm): one row a run, with device, version and date.

measured.csv is what `benchmarks/curves/to_atlas.py` writes; a set's family stands in families.csv as ``farm-SET``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MEASURED_COLUMNS = (
    "set",
    "task",
    "learner",
    "strategy",
    "n",
    "seed",
    "metric",
    "score",
    "loss",
    "n_test",
    "floor",
    "seconds",
    "device",
    "version",
    "date",
)
LESS_IS_BETTER = frozenset({"leak_documents"})
FAMILY_PREFIX = "farm-"


def as_points(row: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the points of points.csv that a measured run stands for: itself, and what doing nothing scores."""
    common = {
        "family": FAMILY_PREFIX + row["set"],
        "learner": row["learner"],
        "metric": row["metric"],
        "direction": "min" if row["metric"] in LESS_IS_BETTER else "max",
        "n_test": row["n_test"],
        "seeds": "",
    }
    if row["floor"]:
        yield common | {"kind": "floor", "n": "0", "score": row["floor"], "replicate": ""}
    n = "0" if row["strategy"] == "zero-shot" else row["n"]
    yield common | {"kind": row["strategy"], "n": n, "score": row["score"], "replicate": row["seed"]}
