"""Writing what a study freezes: its rows, what it decided, and the settings they were made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunecurve.errors import StudyStateError
from tunecurve.spec.study import StudySpec
from tunecurve.storage.files import read_checked_json, write_checked_json
from tunecurve.study.dataset import StudyData
from tunecurve.study.frozen import FROZEN
from tunecurve.study.trial_folder import CONFIG, trials_of


def freeze(data: StudyData, spec: StudySpec, folder: Path) -> None:
    """Write the frozen rows and what they were made for: at the first run, and whenever they have grown."""
    path = folder / FROZEN
    before = read_checked_json(path) if path.exists() else None
    if before is None:
        check_no_other_split(data, folder)
    assert data.frozen is not None
    frozen = replace(data.frozen, data=spec.data.model_dump(mode="json"))
    now = {
        "comparable": spec.comparable_part(),
        "decided": data.decisions.to_json(),
        "test_groups": numbered([row.group for row in data.test]),
        **frozen.to_json(),
    }
    if before != now:
        write_checked_json(path, now)


def check_no_other_split(data: StudyData, folder: Path) -> None:
    """Refuse to freeze a split where trials were finished on another one, whose file is gone.

    Raises
    ------
    StudyStateError
        Naming such a trial.
    """
    for trial in trials_of(folder):
        if trial.is_finished and trial.has(CONFIG) and trial.config()["test_sha256"] != data.facts.test_sha256:
            raise StudyStateError(
                f"'{folder / FROZEN}' is gone, and '{trial}' was scored on other test rows than the data gives now; "
                "restore the file or the data, or start anew in another folder with --out"
            )


def numbered(groups: Sequence[str]) -> list[int]:
    """Return groups as numbers, in the order in which they first occur."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return [numbers[group] for group in groups]
