"""Every exception a user can meet, and the exit code each one ends a command with.

A message is one line: the value that was met, what was expected, and the next step. The command line prints the
message without a traceback; anything that is not a `TunecurveError` is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class TunecurveError(Exception):
    """Base of all errors that are shown to the user as one line, whatever names and values they quote."""

    exit_code = 1

    def __str__(self) -> str:
        return " ".join(super().__str__().splitlines())


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


class UnknownModel(ModelError):
    """A name that no model has; where it stands in a study file or is an option, it is wrong as any other value there."""


class TrialsFailedError(TunecurveError):
    """At least one trial failed; the others are finished and kept."""

    exit_code = 6


class CurvesRefused(TunecurveError):
    """At least one curve of a file cannot be forecast; the others are."""

    exit_code = 6


class EnvironmentProblem(TunecurveError):
    """The machine lacks something: memory, disk space, a writable folder, an optional package."""

    exit_code = 7


class OutOfMemory(EnvironmentProblem):
    """The memory of the machine or of its GPU does not suffice for a training or for answers; says what to set."""


class TrialsLeftOut(UserWarning):
    """Trials of a run are finished that its results do not know yet; how many, and which command takes them up."""


class StudyStateError(TunecurveError):
    """The run folder holds something this command cannot work with."""

    exit_code = 8


class DamagedFile(StudyStateError):
    """A file that this program wrote does not hold what was written.

    Attributes
    ----------
    path : Path
        The file.
    reason : str
        What is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"'{path}' is damaged ({reason}); move it away and run the same command again")
        self.path, self.reason = path, reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.reason)


class MoneyError(TunecurveError):
    """Spending was not agreed to, or the cap on it was reached; what is paid for is kept."""

    exit_code = 9


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
    6: "some trials failed, or some curves of a file were refused; the others are finished",
    7: "the machine lacks something: memory, disk, a writable folder, an optional package",
    8: "the run folder holds something this command cannot work with",
    9: "spending was not agreed to, or its cap was reached; what is paid for is kept",
    130: "interrupted; the same command continues",
}


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra, and where it is given: the package is not on an index."""
    return f"pip install '.[{extra}]' in your copy of tunecurve's repository"


@contextmanager
def needing(extra: str, what: str, otherwise: str = "") -> Iterator[None]:
    """Tell which extra to install where an import within fails: `what` begins the line, `otherwise` ends it.

    Raises
    ------
    EnvironmentProblem
        When a package is missing.
    """
    try:
        yield
    except ImportError as error:
        raise EnvironmentProblem(
            f"{what} needs the extra '{extra}' ({error.name or error} is missing); run: {how_to_install(extra)}{otherwise}"
        ) from None


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or an empty string."""
    candidates = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(given.casefold(), list(candidates), n=1, cutoff=0.6)
    return f" Did you mean '{candidates[close[0]]}'?" if close else ""


_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


def explain_os_error(error: OSError) -> EnvironmentProblem | None:
    """Return the one-line error for a full disk or a file or folder that may not be read or written; None for other errors."""
    place = f" at '{error.filename}'" if error.filename else ""
    if error.errno in _NO_SPACE:
        return EnvironmentProblem(
            f"no space left on the disk{place}; free some space and run the same command again: what is finished is kept"
        )
    if error.errno in _NOT_ALLOWED:
        name = error.filename
        if isinstance(name, str | os.PathLike) and Path(name).exists() and not os.access(name, os.R_OK):
            return EnvironmentProblem(f"not allowed to read '{name}'; change its rights")
        return EnvironmentProblem(f"not allowed to write{place}; choose another folder or change its rights")
    return None


def find_os_error(error: BaseException) -> OSError | None:
    """Return the operating system's error behind an exception, also where a library only quotes its number."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause
        quoted = re.search(r"\(os error (\d+)\)", str(cause))  # how safetensors reports it
        if quoted:
            return OSError(int(quoted.group(1)), os.strerror(int(quoted.group(1))))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return None
