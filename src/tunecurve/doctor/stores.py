"""What is kept on disk: caches with their sizes, models, free space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from tunecurve.doctor.records import Disk, ModelState, Store
from tunecurve.errors import ModelError
from tunecurve.learners.hosted.ledger.calls import default_ledger_path
from tunecurve.storage.files import cache_folder

# A cache of more files is not counted to its end.
MOST_FILES = 50_000


def hub_folder() -> Path:
    """Return where the Hugging Face hub's client keeps models."""
    return Path(os.environ.get("HF_HUB_CACHE") or _hugging_face() / "hub").expanduser()


def stores() -> list[Store]:
    """Return the places where something is kept between studies."""
    datasets = Path(os.environ.get("HF_DATASETS_CACHE") or _hugging_face() / "datasets").expanduser()
    return [
        _store("models that come with tunecurve, warm starts", cache_folder(), "TUNECURVE_CACHE"),
        _store("models of the hub", hub_folder(), "HF_HUB_CACHE"),
        _store("data sets of the hub", datasets, "HF_DATASETS_CACHE"),
        _store("ledger of paid calls", default_ledger_path(), "TUNECURVE_LEDGER"),
    ]


def model_states() -> list[ModelState]:
    """Return which models are on this machine; without the packages that compute them, none is asked for."""
    try:
        from tunecurve.learners.encoder.weights import ENCODERS
        from tunecurve.learners.torch.weights import BUILTIN_MODELS, is_in_cache
    except ImportError:
        return []
    found = []
    state: Literal["here", "not here", "damaged"]
    for name, model in (BUILTIN_MODELS | ENCODERS).items():
        try:
            state = "here" if is_in_cache(name, model) else "not here"
        except (ModelError, OSError):
            state = "damaged"
        found.append(ModelState(name, state, model.megabytes))
    of_hub = {weights.parts[-4] for weights in hub_folder().glob("models--*/snapshots/*/*.safetensors")}
    names = sorted(folder.removeprefix("models--").replace("--", "/") for folder in of_hub)
    return [*found, *(ModelState(name, "here", None) for name in names)]


def disks() -> list[Disk]:
    """Return the free space of the places where a study writes."""
    return [_disk("runs", Path("runs")), _disk("cache", cache_folder())]


def _hugging_face() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("HF_HOME") or cache / "huggingface")


def _store(what: str, path: Path, moved_by: str) -> Store:
    size, n_files = 0, 0
    for size_of_one in _sizes(path):
        size, n_files = size + size_of_one, n_files + 1
        if n_files == MOST_FILES:
            break
    return Store(what, str(path), path.exists(), size, n_files == MOST_FILES, moved_by)


def _sizes(path: Path) -> Iterator[int]:
    """Yield the sizes of the files at or below a path; links are not followed: the hub's client links files to one place."""
    if path.is_file():
        yield path.stat().st_size
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                yield (Path(folder) / name).lstat().st_size
            except OSError:  # gone meanwhile
                continue


def _disk(what: str, path: Path) -> Disk:
    """Return the space below the first of a path's parents that is there: there the path would be made."""
    path = path.absolute()
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    is_writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return Disk(what, str(path), shutil.disk_usage(there).free, is_writable)
