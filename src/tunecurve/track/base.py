"""What all trackers share: a name, the packages that they need, where they keep things, and logging what is not logged yet."""

from __future__ import annotations

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tunecurve.errors import EnvironmentProblem, how_to_install
from tunecurve.privacy.network import is_this_machine, stays_on_this_machine
from tunecurve.privacy.redact import redact
from tunecurve.storage.records import Record
from tunecurve.track.content import TrackedStudy

FOLDER = "trackers"  # of a run
PROJECT = "tunecurve"  # the experiment, or project, of all studies
Artifacts = Callable[[], Sequence[Path]]


@dataclass(frozen=True)
class Logged(Record):
    """What a tracker was told."""

    tracker: str
    new: int
    """Trials logged now."""
    before: int
    """Trials that it knew."""
    where: str
    """Its store."""
    study: str
    """The run that stands for the study."""
    look: str
    """The command that shows it."""


class Tracker(ABC):
    """A tracker, for one run folder.

    Attributes
    ----------
    name : str
        As in ``--track``; the extra is named so, too.
    forgotten : tuple of str
        Variables that the process that logs does not have in its environment.
    """

    name: str
    forgotten: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own_store = (folder / FOLDER / self.name).resolve()

    @property
    @abstractmethod
    def packages(self) -> Sequence[str]:
        """Modules that must be there."""

    @property
    @abstractmethod
    def elsewhere(self) -> str | None:
        """The setting of the user's environment that leads to another machine, as ``VARIABLE=value``; None: nothing leaves this one."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What the process that logs has in its environment, where the user has not set it otherwise."""

    @abstractmethod
    def log(self, study: TrackedStudy, artifacts: Artifacts) -> Logged:
        """Log what is not logged yet; `artifacts` writes files for it, once the tracker has answered.

        Raises
        ------
        Exception
            Whatever the tracker raises; what was logged by then stays, and is not logged twice.
        """

    def check(self) -> None:
        """Refuse a tracker that cannot work, before anything is measured; nothing is imported, and nobody is asked.

        Raises
        ------
        EnvironmentProblem
            When its package is missing, or ``--local-only`` forbids where it would log to.
        """
        for package in self.packages:
            if importlib.util.find_spec(package) is None:
                raise EnvironmentProblem(
                    f"tracking in {self.name} needs the extra '{self.name}' ({package} is missing); run: "
                    f"{how_to_install(self.name)}"
                )
        if self.elsewhere is not None and stays_on_this_machine():
            raise EnvironmentProblem(
                f"--local-only: {redact(self.elsewhere)} leads to another machine; unset it to log to the run's folder, or drop "
                "--local-only"
            )


def is_local(address: str) -> bool:
    """Return whether an address is a file, or a server of this machine."""
    parts = urlsplit(address)
    return parts.scheme in ("", "file", "sqlite") or is_this_machine(parts.hostname or "?")


def given(variable: str) -> str | None:
    """Return an environment variable; None where it is empty or not set."""
    return os.environ.get(variable) or None
