"""Results as they lie in a run folder: read again, and compared without their times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunecurve.errors import StudyStateError
from tunecurve.results.decision import decide_study
from tunecurve.results.model import Results
from tunecurve.storage.files import read_checked_json
from tunecurve.storage.records import Record

RESULTS = "results.json"
# The only values that may differ between two runs of one study: how long things took.
# Calls in doubt are what a kill left behind; the seal is the file's checksum, times included; the date is that of the first run,
# and changes answers only where a model's own chat template asks for it. What was forecast on the way depends on when results were
# written, and in which order sizes were measured.
TIME_KEYS = frozenset(
    {
        "train_seconds",
        "answer_seconds",
        "constraint_seconds",
        "loss_seconds",
        "in_doubt",
        "seal",
        "date",
        "forecast_history",
    }
)


def load(folder: str | Path) -> Results:
    """Return the results of a run folder.

    Raises
    ------
    StudyStateError
        When there are none, or they are of another version.
    DamagedFile
        When they are not what was written.

    Examples
    --------
    >>> load("runs/nothing-here")
    Traceback (most recent call last):
        ...
    tunecurve.errors.StudyStateError: no results.json in 'runs/nothing-here'; expected the folder of a study, e.g. runs/pii-quick
    """
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise StudyStateError(f"no {RESULTS} in '{folder}'; expected the folder of a study, e.g. runs/pii-quick")
    results = replace(Results.from_json(read_checked_json(path), f"'{path}'"), folder=Path(folder))
    return results if results.decision else replace(results, decision=decide_study(results))


def without_times(results: Any) -> Any:
    """Return the results without durations: what two runs of one study must agree on."""
    if isinstance(results, Record):
        return without_times(results.to_json())
    if isinstance(results, Mapping):
        return {key: without_times(value) for key, value in results.items() if key not in TIME_KEYS}
    if isinstance(results, list | tuple):
        return [without_times(value) for value in results]
    return results
