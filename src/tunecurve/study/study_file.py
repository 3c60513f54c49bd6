"""The study file that a run keeps in its folder, with a checksum in its last line."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import yaml

from tunecurve.errors import StudyStateError
from tunecurve.learners.registry import names_code
from tunecurve.own_code import is_reference
from tunecurve.spec.study import StudySpec

STUDY_FILE = "study.yaml"
_HEAD = "# The study as it was run, with every default written out. Run it again with: tunecurve run study.yaml\n"
_CHECKSUM = "# SHA-256 of the lines above: "


def continue_command(folder: Path, spec: StudySpec | None = None) -> str:
    """Return the command that continues a run, to be pasted into a shell; empty where its study file is gone.

    Parameters
    ----------
    folder : Path
        The run.
    spec : StudySpec, optional
        Where it is known: whether the study names code, which must be allowed again.
    """
    path = folder / STUDY_FILE
    if not path.is_file():
        return ""
    named = spec is not None and any(map(is_reference, [spec.task, *(spec.metrics or ())]))
    code = ["--allow-code"] if named or (spec is not None and any(map(names_code, spec.models))) else []
    return shlex.join(["tunecurve", "run", str(path), "--out", str(folder), *code])


def resolved_yaml(spec: StudySpec) -> str:
    """Return the study file with every default written out."""
    text = _HEAD + yaml.safe_dump(spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text + _CHECKSUM + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() + "\n"


def check_study_file(path: Path) -> None:
    """Refuse to continue from a study file that is not as the last run left it.

    Raises
    ------
    StudyStateError
        With the two ways on.
    """
    text, found, checksum = path.read_bytes().rpartition(_CHECKSUM.encode())
    if not found or hashlib.sha256(text).hexdigest().encode() + b"\n" != checksum:
        raise StudyStateError(
            f"'{path}' is not as the last run left it: damaged, or changed by hand; to run what it says now, give it as the "
            "study file; else delete it and name all models, sizes, shots and seeds again: finished trials are kept"
        )
