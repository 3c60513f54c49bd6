"""Damaged files of a run: found by their checksums, named, set aside, and only what they held is done again.

What is set aside lies in the study's ``damaged`` folder; nothing is deleted.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunecurve.errors import DamagedFile, StudyStateError
from tunecurve.storage.files import read_sealed_json, set_aside, sha256_of
from tunecurve.study.frozen import flat, in_short
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.trial import CONFIG, RESULT, TRAINING


def inspect_trials(planned: Sequence[PlannedTrial], say: Callable[[str], None]) -> None:
    """Check every file of the trials' folders that has a checksum; set aside what is damaged, and say what follows.

    Parameters
    ----------
    planned : sequence of PlannedTrial
        All trials.
    say : callable
        Told in a line about every damaged file.
    """
    for item in planned:
        if item.folder.is_dir():
            _inspect(item, say)


def _inspect(item: PlannedTrial, say: Callable[[str], None]) -> None:
    def aside(path: Path, reason: str, what_follows: str) -> None:
        moved = set_aside(path)
        say(f"'{path}' is damaged ({reason}); moved to '{moved}'; {what_follows}")

    config, result, training = (item.folder / name for name in (CONFIG, RESULT, TRAINING))
    if config.exists() and (reason := _wrong_config(config, item.config)):
        aside(config, reason, "it is written anew")
    if result.exists():
        damage = _damage(result)
        for path, reason in damage:
            aside(path, reason, "its trial is scored again; what was trained is kept")
        if damage and result.exists():  # the predictions that it vouches for are gone
            set_aside(result)
    is_finished = result.exists()
    if training.exists():
        damage = _damage(training)
        if is_finished:
            damage = [(path, reason) for path, reason in damage if path.exists()]
        follows = (
            "its trial's scores are kept; delete the trial's folder and run the same command to train its model again"
            if is_finished
            else "its trial is trained again from its last checkpoint"
        )
        for path, reason in damage:
            aside(path, reason, follows)
        if damage and training.exists() and not is_finished:
            set_aside(training)


def _wrong_config(path: Path, expected: dict[str, Any]) -> str | None:
    try:
        return None if read_sealed_json(path) == expected else "it describes another trial"
    except DamagedFile as damaged:
        return damaged.reason


def _damage(manifest: Path) -> list[tuple[Path, str]]:
    """Return what is wrong with a sealed file and with the files that it names, each with the reason."""
    try:
        files = read_sealed_json(manifest)["files"]
    except DamagedFile as damaged:
        return [(manifest, damaged.reason)]
    found = []
    for name, sha256 in files.items():
        path = manifest.parent / name
        if not path.is_file():
            found.append((path, "it is gone"))
        elif sha256_of(path) != sha256:
            found.append((path, "its content does not match its checksum"))
    return found


def verify_model(folder: Path) -> None:
    """Check the model files of a finished trial before they are used.

    Raises
    ------
    StudyStateError
        Naming the first file that is damaged or gone.
    """
    training = folder / TRAINING
    damage = _damage(training) if training.exists() else [(training, "it is gone")]
    for path, reason in damage:
        raise StudyStateError(
            f"'{path}' is damaged ({reason}); delete '{folder}' and run the same command to train its model again"
        )


def tell_of_forks(planned: Sequence[PlannedTrial], say: Callable[[str], None]) -> None:
    """Say which trials are measured anew although there is an earlier one of their name, and what has changed.

    Everything that determines a trial is in its config, whose hash ends its folder's name: results are never mixed.
    """
    names = {item.folder.name for item in planned}
    said: dict[str, list[str]] = {}
    for item in planned:
        if item.folder.exists():
            continue
        stem = item.folder.name.rpartition("-")[0]
        for earlier in sorted(item.folder.parent.glob(f"{glob.escape(stem)}-*")):
            if earlier.name.rpartition("-")[0] == stem and earlier.name not in names:
                changes = _changes(earlier / CONFIG, item.config)
                said.setdefault(changes, []).append(item.trial.label)
    for changes, labels in said.items():
        say(f"measured anew, because the earlier trials differ ({changes}): {', '.join(dict.fromkeys(labels))}")


def _changes(path: Path, now: dict[str, Any]) -> str:
    try:
        before = flat(read_sealed_json(path))
    except (DamagedFile, OSError):
        return "their config cannot be read"
    after = flat(now)
    changed = [
        f"{key}: {in_short(before.get(key))} -> {in_short(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    return "; ".join(changed)
