"""Where a model of this machine lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelFiles:
    """A model on disk."""

    name: str
    """As the user wrote it."""
    folder: Path
    """Folder that transformers loads."""
    weights_sha256: str
    """Hash over the model's files; part of every result."""
    origin: str
    """Where the files came from, in words."""
    is_known: bool = False
    """Whether this program knows the hash of its weights, and has compared it: what they hold was looked at before."""


def is_path(name: str) -> bool:
    """Whether a model's name is a path of this machine: it begins as one, or a folder lies there."""
    try:
        return name.startswith((".", "/", "~")) or Path(name).is_dir()
    except (OSError, ValueError):  # too long a name
        return False
