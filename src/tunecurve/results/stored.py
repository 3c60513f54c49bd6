"""Results as they lie in a run folder: read again, and compared without their times."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunecurve.errors import StudyStateError, TrialsLeftOut
from tunecurve.results.decision import decide_study
from tunecurve.results.model import Results
from tunecurve.results.records.trials import FinishedTrial, TrialResult
from tunecurve.storage.files import read_checked_json
from tunecurve.storage.records import Record
from tunecurve.study.study_file import continue_command
from tunecurve.study.trial_folder import TrialFolder, trials_of
from tunecurve.wording import counted

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
    """Return the results of a run folder; warn of trials that have finished since these were written.

    Warns
    -----
    TrialsLeftOut
        That is so for seconds while a run is at work, and after one was killed until the same command is started again.

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
    results = read_results(folder)
    line = left_out_line(results)
    if line:
        warnings.warn(line, TrialsLeftOut, stacklevel=2)
    return results


def read_results(folder: str | Path) -> Results:
    """Return what `load` does, for those who say themselves what is left out."""
    path = Path(folder) / RESULTS
    if not path.is_file():
        raise StudyStateError(_why_there_are_none(Path(folder)))
    results = replace(Results.from_json(read_checked_json(path), f"'{path}'"), folder=Path(folder))
    return results if results.decision else replace(results, decision=decide_study(results))


def left_out(results: Results) -> list[TrialResult]:
    """Return the trials that are finished by now, as their folders tell it, and were not when the results were written."""
    if results.folder is None:
        return []
    others = [trial for trial in results.trials if not isinstance(trial, FinishedTrial)]
    return [trial for trial in others if TrialFolder(results.folder / trial.folder).is_finished]


def left_out_line(results: Results) -> str:
    """Return how many finished trials the results do not know, and the way on; empty where they know all."""
    n_trials = len(left_out(results))
    if not n_trials or results.folder is None:
        return ""
    trials, are = counted(n_trials, "finished trial"), "is" if n_trials == 1 else "are"
    taken = _taken_up(n_trials, continue_command(results.folder, results.study))
    return f"{trials} of '{results.folder}' {are} not in its {RESULTS} yet, and left out here; {taken}"


def _why_there_are_none(folder: Path) -> str:
    n_trials = sum(trial.is_finished for trial in trials_of(folder))
    if not n_trials:
        return f"no {RESULTS} in '{folder}'; expected the folder of a study, e.g. runs/pii-quick"
    taken = _taken_up(n_trials, continue_command(folder))
    return f"no {RESULTS} in '{folder}' yet, but {counted(n_trials, 'finished trial')}; {taken}"


def _taken_up(n_trials: int, command: str) -> str:
    them = "it" if n_trials == 1 else "them"
    how = f": {command}" if command else ""
    return f"a run that is at work takes {them} up in seconds, after a kill the same command does{how}"


def without_times(results: Any) -> Any:
    """Return the results without durations: what two runs of one study must agree on."""
    if isinstance(results, Record):
        return without_times(results.to_json())
    if isinstance(results, Mapping):
        return {key: without_times(value) for key, value in results.items() if key not in TIME_KEYS}
    if isinstance(results, list | tuple):
        return [without_times(value) for value in results]
    return results
