"""Damaged files of a run: found by their checksums, named, quarantined, and only what they held is done again.

They are moved to the study's ``damaged`` folder; nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tunecurve.errors import DamagedFile, StudyStateError
from tunecurve.study.frozen import changes
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.trial_folder import CONFIG, RESULT, TRAINING, TrialFolder


def inspect_trials(planned: Sequence[PlannedTrial], on_message: Callable[[str], None]) -> None:
    """Check every file of the trials' folders that has a checksum; quarantine what is damaged, and say what follows."""
    for item in planned:
        if item.folder.path.is_dir():
            _inspect(item.folder, item.config, on_message)


def _inspect(folder: TrialFolder, expected: Mapping[str, object], on_message: Callable[[str], None]) -> None:
    def quarantine(damage: list[DamagedFile], what_follows: str) -> None:
        for damaged in damage:
            moved = f"moved to '{folder.quarantine(damaged.path)}'; " if damaged.path.exists() else ""
            on_message(f"'{damaged.path}' is damaged ({damaged.reason}); {moved}{what_follows}")

    quarantine(_wrong_config(folder, expected), "it is written anew")
    if folder.is_finished:
        damage = folder.damage(RESULT)
        quarantine(damage, "its trial is scored again; what was trained is kept")
        if damage and folder.is_finished:  # the predictions that it vouches for are gone
            folder.quarantine(folder.path / RESULT)
    if folder.is_trained:
        damage = folder.damage(TRAINING)
        if folder.is_finished:
            quarantine(
                [damaged for damaged in damage if damaged.path.exists()],
                "its trial's scores are kept; delete the trial's folder and run the same command to train its model again",
            )
        else:
            quarantine(damage, "its trial is trained again from its last checkpoint")
            if damage and folder.is_trained:
                folder.quarantine(folder.path / TRAINING)


def _wrong_config(folder: TrialFolder, expected: Mapping[str, object]) -> list[DamagedFile]:
    path = folder.path / CONFIG
    try:
        return (
            [DamagedFile(path, "it describes another trial")] if path.exists() and folder.config() != expected else []
        )
    except DamagedFile as damaged:
        return [damaged]


def verify_model(folder: Path) -> None:
    """Check the model files of a finished trial before they are used.

    Raises
    ------
    StudyStateError
        Naming the first file that is damaged or gone.
    """
    trial = TrialFolder(folder)
    for damaged in trial.damage(TRAINING) if trial.is_trained else [DamagedFile(folder / TRAINING, "it is gone")]:
        raise StudyStateError(
            f"'{damaged.path}' is damaged ({damaged.reason}); delete '{folder}' and run the same command to train its model "
            "again"
        )


def tell_of_forks(planned: Sequence[PlannedTrial], on_message: Callable[[str], None]) -> None:
    """Say which trials are measured anew although there is an earlier one of their name, and what has changed.

    Everything that determines a trial is in its config, whose hash ends its folder's name: results are never mixed.
    """
    names = {item.folder.name for item in planned}
    said: dict[str, list[str]] = {}
    for item in planned:
        if item.folder.path.exists():
            continue
        for earlier in item.folder.namesakes():
            if earlier.name not in names:
                said.setdefault(_changes(earlier, item.config), []).append(item.trial.label)
    for difference, labels in said.items():
        on_message(
            f"measured anew, because the earlier trials differ ({difference}): {', '.join(dict.fromkeys(labels))}"
        )


def _changes(earlier: TrialFolder, now: Mapping[str, object]) -> str:
    try:
        return "; ".join(changes(earlier.config(), now))
    except (DamagedFile, OSError):
        return "their config cannot be read"
