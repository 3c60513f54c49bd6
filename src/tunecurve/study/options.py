"""How a study is prepared, beside what its file says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tunecurve.learners.base import Learner
from tunecurve.spec.study import StudySpec
from tunecurve.study.progress import Progress


@dataclass(frozen=True)
class StudyOptions:
    """Where a study is kept and computed, and who is told."""

    out: str | Path | None = None
    """The run's folder; default ``runs/<name>``."""
    device: str = "auto"
    threads: int | None = None
    """Where local models compute."""
    share: int = 1
    """How many workers of this machine will share its cores."""
    learners: Mapping[str, Learner] | None = None
    """Learners of your own by model name; the study's other models are built by their names."""
    accept_data_changes: bool = False
    """Whether frozen rows that were changed or are gone are taken as the data hold them now."""
    origin: str = "study"
    """Where the study's values come from, for messages."""
    progress: Progress = field(default_factory=Progress)
    """Told what happens, while the study is prepared and while it runs."""
    before_models: Callable[[StudySpec], None] = lambda spec: None
    """Called with the study as it is asked for before a model or its packages are loaded; raises what refuses it."""
    will_run: bool = False
    """Whether it is run at once: a key or an address that it lacks is an error before a model computes anything."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """Options on the command line that said keys, by key: ``{"models": "--model"}``; for messages."""
