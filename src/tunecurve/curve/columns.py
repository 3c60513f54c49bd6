"""Columns of a curves file: which of them are read, and what people call them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunecurve.errors import DataError, did_you_mean

COLUMNS = ("curve_id", "n", "score", "replicate", "n_test", "kind", "direction", "target_n")
# What people call them.
USUAL_NAMES = {
    "curve_id": (
        "curve",
        "curve_name",
        "id",
        "name",
        "dataset",
        "data",
        "task",
        "model",
        "learner",
        "method",
        "system",
    ),
    "n": ("size", "n_train", "train_size", "train_rows", "rows", "examples", "samples", "train_n"),
    "score": ("value", "metric_value", "accuracy", "f1", "bleu", "loss", "test_score", "mean"),
    "replicate": ("seed", "run", "repeat", "fold", "draw", "trial"),
    "n_test": ("test_rows", "test_size", "test_n", "tests", "n_eval", "eval_rows"),
    "kind": ("type", "strategy", "stage"),
    "direction": ("goal", "mode", "better", "minimise", "minimize", "lower_is_better"),
    "target_n": ("target", "at", "wanted_n", "forecast_n", "ask"),
}
# What holds the name of a row's metric, where scores of several stand below each other.
METRIC_NAMES = ("metric", "metrics", "metric_name", "measure", "score_name", "score_type")


def columns_of(header: Sequence[str], path: str) -> dict[str, int]:
    """Return where each column that is read stands, however its name is written: ``N_Test``, ``n test``.

    Raises
    ------
    DataError
        For a column that stands there twice, and where there is no size or no score.
    """
    columns = {}
    for name in COLUMNS:
        places = [place for place, one in enumerate(header) if plain(one) == name]
        if len(places) > 1:
            raise DataError(f"{path}: column {name!r} stands {len(places)} times in the header; expected once.")
        if places:
            columns[name] = places[0]
    for name in ("n", "score"):
        if name not in columns:
            others = [one for place, one in enumerate(header) if place not in columns.values()]
            meant = next((one for one in others if plain(one) in USUAL_NAMES[name]), None)
            hint = f" If {meant!r} is it, call it {name}." if meant else did_you_mean(name, others)
            if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
                hint = " Columns must be separated by commas; save it as CSV with commas."
            if header and header[0].startswith(("{", "[")):
                raise DataError(f"{path}: is JSON; expected a CSV file with columns n and score, one row a run.")
            if not header:
                raise DataError(f"{path}: is empty; expected a CSV file with columns n and score, one row a run.")
            hint = hint or " Expected a header line with n and score, then one row a run."
            raise DataError(f"{path}: no column {name!r} among {', '.join(header[:12])}.{hint}")
    return columns


def metric_column(header: Sequence[str]) -> slice:
    """Return where the column stands that names each row's metric, as a slice of a row; an empty one without it."""
    place = next((place for place, name in enumerate(header) if plain(name) in METRIC_NAMES), None)
    return slice(0) if place is None else slice(place, place + 1)


def plain(name: str) -> str:
    """Return a column's name in small letters, with one underscore for blanks and dashes."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())
