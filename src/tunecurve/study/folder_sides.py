"""Folders that hold training and test rows apart: their splits are the sides of the study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunecurve.data.folders import SPLITS, splits_of
from tunecurve.data.options import PART
from tunecurve.findings import Finding

_NAMES_SIDES = ("test_source", "split_column", "dev_source")


def with_sides_of_folder(values: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Finding]]:
    """Return a study's values with the splits of its folder named as sides, and a note that says so.

    What the study names itself stays. A folder with other splits than one to train on, one to test on and perhaps a development split
    stays as it is: reading it asks which to take.
    """
    data = values.get("data")
    if not isinstance(data, Mapping):
        return values, []  # a mistake, which parsing names
    source = data.get("source")
    if not isinstance(source, str) or any(data.get(key) for key in _NAMES_SIDES) or not _is_folder(source):
        return values, []
    splits = list(splits_of(Path(source)))
    sides = _sides_of(splits)
    if test := data.get("hub_test_split"):
        sides = {"train": data.get("hub_split") or "train", "test": test}
    if not sides or not set(sides.values()) <= set(splits):
        return values, []
    named = {"source": sides["train"], "test_source": sides["test"], "dev_source": sides.get("dev")}
    kept = {key: value for key, value in data.items() if key not in ("hub_split", "hub_test_split")}
    kept |= {key: f"{source}{PART}{split}" for key, split in named.items() if split}
    words = {"train": "training rows", "test": "test rows", "dev": "development rows"}
    said = ", ".join(f"'{split}' are the {words[side]}" for side, split in sides.items())
    note = Finding("folder-sides", f"of the splits of '{source}', the rows of {said}", is_note=True)
    return {**values, "data": kept}, [note]


def _is_folder(source: str) -> bool:
    try:
        return Path(source).is_dir()
    except (OSError, ValueError):
        return False


def _sides_of(splits: list[str]) -> dict[str, str]:
    """Return the split of each side, where every split is one, and each side has one at most; else nothing."""
    sides = {SPLITS.get(split, ""): split for split in splits}
    is_clear = len(sides) == len(splits) and "" not in sides and {"train", "test"} <= sides.keys()
    return {side: sides[side] for side in ("train", "test", "dev") if side in sides} if is_clear else {}
