"""How a study is prepared, beside what its file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tunecurve.learners.base import Learner
from tunecurve.study.progress import Progress


@dataclass(frozen=True)
class StudyOptions:
    """Where a study is kept and computed, and who is told.

    Attributes
    ----------
    out : path, optional
        The run's folder; default ``runs/<name>``.
    device, threads
        Where local models compute.
    share : int, default 1
        How many workers of this machine will share its cores.
    learners : mapping of str to Learner, optional
        Learners of your own by model name; the study's other models are built by their names.
    accept_data_changes : bool, default False
        Whether frozen rows that were changed or are gone are taken as the data hold them now.
    origin : str
        Where the study's values come from, for messages.
    progress : Progress
        Told what happens, while the study is prepared and while it runs.
    """

    out: str | Path | None = None
    device: str = "auto"
    threads: int | None = None
    share: int = 1
    learners: Mapping[str, Learner] | None = None
    accept_data_changes: bool = False
    origin: str = "study"
    progress: Progress = field(default_factory=Progress)
