"""Where a wrong model's name stands: an option, or a key of a study file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tunecurve.errors import ModelError, SpecError, UnknownModel, UsageError
from tunecurve.study.options import StudyOptions

# Origins of values that are no file.
_NO_FILES = ("options", StudyOptions.origin)
# What begins a line that names its own key: the model is right, and a setting of it is not.
_OWN_KEYS = ("presidio.", "gliner.")


@contextmanager
def naming_place(key: str, values: Mapping[str, Any], options: StudyOptions) -> Iterator[None]:
    """Put the option or the study file's key in front of what is wrong with a model; what neither says stays as it is.

    Raises
    ------
    UsageError
        For a name that is wrong as an option.
    SpecError
        For one that is wrong in the study file.
    ModelError
        For a model that may be right, and cannot be had.
    """
    option, is_in_file = options.typed.get(key), options.origin not in _NO_FILES and _has(values, key)
    try:
        yield
    except (UsageError, SpecError, ModelError) as error:
        if str(error).startswith(_OWN_KEYS) and options.origin not in _NO_FILES:
            raise SpecError(f"{options.origin}: {error}") from error
        # The second is of another option or key.
        if (option is None and not is_in_file) or str(error).startswith(("--", *_OWN_KEYS)):
            raise
        line = f"{option or f'{options.origin}: {key}'}: {error}"
        if isinstance(error, ModelError) and not isinstance(error, UnknownModel):
            raise ModelError(line) from error
        raise (UsageError(line) if option else SpecError(line)) from error


@contextmanager
def naming_file(options: StudyOptions) -> Iterator[None]:
    """Put the study file's name in front of a line that names its own key.

    Raises
    ------
    SpecError
        With the file's name, where the study is of a file.
    """
    try:
        yield
    except SpecError as error:
        if str(error).startswith(_OWN_KEYS) and options.origin not in _NO_FILES:
            raise SpecError(f"{options.origin}: {error}") from error
        raise


def _has(values: Mapping[str, Any], key: str) -> bool:
    """Return whether a key with its section, such as ``optimize.proposer``, is given."""
    section, _, name = key.rpartition(".")
    within = values.get(section) if section else values
    return isinstance(within, Mapping) and name in within
