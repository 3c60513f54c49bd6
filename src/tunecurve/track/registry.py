"""The trackers by name."""

from __future__ import annotations

from pathlib import Path

from tunecurve.errors import UsageError, did_you_mean
from tunecurve.track.base import Tracker
from tunecurve.track.to_mlflow import MLflowTracker
from tunecurve.track.to_trackio import TrackioTracker
from tunecurve.track.to_wandb import WandbTracker

TRACKERS: dict[str, type[Tracker]] = {
    tracker.name: tracker for tracker in (MLflowTracker, TrackioTracker, WandbTracker)
}


def tracker_of(name: str, folder: Path) -> Tracker:
    """Return a tracker for a run folder.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    if name not in TRACKERS:
        raise UsageError(f"unknown tracker '{name}'.{did_you_mean(name, TRACKERS)} Known: {', '.join(TRACKERS)}")
    return TRACKERS[name](folder)
