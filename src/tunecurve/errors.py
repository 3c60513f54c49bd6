"""Every exception a user can meet, and the exit code each one ends a command with.

A message is one line: the value that was met, what was expected, and the next step. The command line prints the
message without a traceback; anything that is not a `TunecurveError` is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TunecurveError(Exception):
    """Base of all errors that are shown to the user as one line."""

    exit_code = 1


class UsageError(TunecurveError):
    """A wrong option, argument or combination of them."""

    exit_code = 2


class DataError(TunecurveError):
    """The data cannot be read, or cannot carry the study that was asked for."""

    exit_code = 3


class SpecError(TunecurveError):
    """The study file is wrong."""

    exit_code = 4


class ModelError(TunecurveError):
    """The model cannot be fetched, verified, loaded or used."""

    exit_code = 5


class TrialsFailedError(TunecurveError):
    """At least one trial failed; the others are finished and kept."""

    exit_code = 6


class EnvironmentProblem(TunecurveError):
    """The machine lacks something: disk space, a writable folder, an optional package."""

    exit_code = 7


class StudyStateError(TunecurveError):
    """The run folder holds something this command cannot work with."""

    exit_code = 8


class Interrupted(TunecurveError):
    """The user pressed Ctrl-C; finished work is kept."""

    exit_code = 130


EXIT_CODES = {
    0: "success",
    1: "internal error (a bug: the traceback is shown)",
    2: "wrong option or argument",
    3: "the data cannot be read, or cannot carry the study",
    4: "the study file is wrong",
    5: "the model cannot be fetched, verified, loaded or used",
    6: "some trials failed; the others are finished and kept",
    7: "the machine lacks something: disk, a writable folder, an optional package",
    8: "the run folder holds something this command cannot work with",
    130: "interrupted; the same command continues",
}


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or an empty string."""
    candidates = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(given.casefold(), list(candidates), n=1, cutoff=0.6)
    return f" Did you mean '{candidates[close[0]]}'?" if close else ""
