"""The folder of a trial: the names of its files, and what they say of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunecurve.study.plan import PlannedTrial, Trial
from tunecurve.study.trial import CONFIG, is_finished

FAILURE = "failure.txt"


def known_failures(planned: Sequence[PlannedTrial]) -> dict[Trial, str]:
    """Return the reasons kept by earlier runs, of trials that are not finished."""
    return {
        item.trial: (item.folder / FAILURE).read_text(encoding="utf-8").partition("\n")[0]
        for item in planned
        if (item.folder / FAILURE).exists() and not is_finished(item.folder)
    }


def state_of_folder(folder: Path) -> str:
    """Return ``finished``, ``failed``, ``started`` (running or interrupted) or ``waiting``."""
    if is_finished(folder):
        return "finished"
    if (folder / FAILURE).exists():
        return "failed"
    return "started" if (folder / CONFIG).exists() else "waiting"
