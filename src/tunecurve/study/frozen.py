"""What a study froze at its first run: `split.json`. It must be the same ever after.

A study whose test set could change under it would compare scores on different rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunecurve.errors import StudyStateError
from tunecurve.spec import StudySpec
from tunecurve.study.decisions import Decisions
from tunecurve.study.storage import TRIALS, read_sealed_json, write_sealed_json

if TYPE_CHECKING:
    from tunecurve.study.dataset import StudyData

FROZEN = "split.json"


def frozen_decisions(folder: Path | None) -> Decisions:
    """Return what the study in a folder has decided before; nothing where none is frozen there."""
    if folder is None or not (folder / FROZEN).exists():
        return Decisions()
    return Decisions(read_sealed_json(folder / FROZEN)["decided"])


def freeze(data: StudyData, spec: StudySpec, folder: Path) -> None:
    """Write the split and what it was made for, at the first run."""
    path = folder / FROZEN
    if path.exists():
        return
    check_no_other_split(data, folder)
    ids = {"test": [row.row_id for row in data.test], "pool": [row.row_id for row in data.pool]}
    write_sealed_json(
        path,
        {"comparable": spec.comparable_part(), "decided": data.decisions.to_json(), "facts": data.facts, **ids},
    )


def check_no_other_split(data: StudyData, folder: Path) -> None:
    """Refuse to freeze a split where trials were finished on another one, whose file is gone.

    Raises
    ------
    StudyStateError
        Naming such a trial.
    """
    for result in sorted((folder / TRIALS).glob("*/result.json")):
        config = result.with_name("config.json")
        if config.exists() and read_sealed_json(config)["test_sha256"] != data.facts["test_sha256"]:
            raise StudyStateError(
                f"'{folder / FROZEN}' is gone, and '{result.parent}' was scored on other test rows than the data gives now; "
                "restore the file or the data, or start anew in another folder with --out"
            )


def check_comparable(spec: StudySpec, folder: Path) -> None:
    """Refuse to continue a study whose data, split, prompt, answers or metrics were changed; say which.

    Raises
    ------
    StudyStateError
        With the changed keys, their old and new values.
    """
    path = folder / FROZEN
    if not path.exists():
        return
    before, now = flat(read_sealed_json(path)["comparable"]), flat(spec.comparable_part())
    changed = [
        f"{key}: {in_short(before.get(key))} -> {in_short(now.get(key))}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if changed:
        raise StudyStateError(
            f"'{folder}' holds a study with other settings ({'; '.join(changed)}); its results cannot be mixed with new "
            "ones: choose another folder with --out"
        )


def in_short(value: Any) -> str:
    """Return a value for a message, cut to a line's length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        name: leaf for key, item in value.items() for name, leaf in flat(item, f"{prefix}.{key}".strip(".")).items()
    }
