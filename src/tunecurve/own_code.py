"""Code of a user's own that a study file names, ``package.module:name``: loaded only where that is allowed."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import Any

from tunecurve.errors import SpecError

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_settings = {"is_allowed": False}


def allow_code() -> None:
    """Let study files of this process name code, which then runs; modules of the current folder are found, too."""
    _settings["is_allowed"] = True
    if "" not in sys.path:
        sys.path.append("")


def is_allowed() -> bool:
    """Return whether study files of this process may name code."""
    return _settings["is_allowed"]


def is_reference(name: str) -> bool:
    """Return whether a name is written as one of code: ``package.module:name``."""
    return _REFERENCE.fullmatch(name) is not None


def load_object(reference: str, what: str) -> Any:
    """Return the object that a reference, ``package.module:name``, names; `what` it should be is for messages.

    Raises
    ------
    SpecError
        Where code is not allowed, is not there, or fails when it is loaded.
    """
    module_name, _, name = reference.partition(":")
    if not _settings["is_allowed"]:
        raise SpecError(
            f"{what} '{reference}' is code, which a study file may not run by itself; if you trust {module_name}, add "
            "--allow-code (Python: allow_code=True)"
        )
    try:
        module = import_module(module_name)
    except Exception as error:  # what a user's module raises is anything
        raise SpecError(
            f"{what} '{reference}': cannot import {module_name} ({type(error).__name__}: {' '.join(str(error).split())}); it must be "
            "installed, or stand in the current folder"
        ) from error
    if not hasattr(module, name):
        raise SpecError(f"{what} '{reference}': {module.__file__ or module_name} has no '{name}'")
    return getattr(module, name)
