"""Starting, stopping and continuing studies from the live page: ``tunecurve run`` in a process of its own, with its locks and caps."""

from __future__ import annotations

import math
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tunecurve import own_code
from tunecurve.errors import StudyStateError, UsageError
from tunecurve.executors.lock import holder_of
from tunecurve.privacy.redact import redact
from tunecurve.study.study_file import STUDY_FILE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
# Options of a form, by their names on the command line.
FIELDS = {
    "models": "--model",
    "sizes": "--train-sizes",
    "task": "--task",
    "group": "--group-column",
    "cost": "--max-cost",
}
# What a person decides in the terminal: where it goes is decided here.
NOT_HERE = ("--out", "--yes", "--allow-code")
STOPPED = 130
LAST_BYTES = 4000


@dataclass
class Launch:
    """A study that was started here."""

    arguments: list[str]
    """Of ``tunecurve``; the same ones continue it."""
    process: subprocess.Popen[bytes]
    """Its process."""
    output: IO[bytes]
    """What it printed; it has no name on the disk."""
    ended_at: float = math.inf
    """When its process ended, in seconds since 1970."""

    def watch(self) -> None:
        """Wait for the end of the process, and keep when it was: no page may be open then."""
        self.process.wait()
        self.ended_at = time.time()

    @property
    def at_work(self) -> str:
        """Who works; empty where the process has ended."""
        return f"process {self.process.pid}, started from this page" if self.process.poll() is None else ""

    @property
    def problem(self) -> str:
        """Return the line in which it said why it ended; empty where it was stopped, or nothing went wrong."""
        if self.process.poll() in (None, 0, STOPPED, -signal.SIGTERM):
            return ""
        self.output.seek(max(0, self.output.seek(0, os.SEEK_END) - LAST_BYTES))
        lines = self.output.read().decode("utf-8", "replace").split("\n")
        told = [line.strip() for line in lines if line.strip()] or ["it said nothing"]
        return redact(f"ended with code {self.process.returncode}: {told[-1].removeprefix('tunecurve: ')}")


class Launches:
    """The studies that were started here; they go on when the page ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._launched: dict[Path, Launch] = {}
        self._deciding = threading.Lock()  # two pages may ask at once, and a folder is there only after seconds

    def get(self, path: Path) -> Launch | None:
        """Return the last launch of a run from here."""
        return self._launched.get(path)

    def paths(self) -> list[Path]:
        """Return the folders of what was started here, whether they are there yet or not."""
        return list(self._launched)

    def start(self, form: Mapping[str, str]) -> Path:
        """Start a study as a form describes it; return the folder that it will have.

        Raises
        ------
        UsageError, StudyStateError
            When the form cannot be run, or there is such a run.
        """
        study, name = form.get("study", "").strip(), form.get("name", "").strip()
        if not study:
            raise UsageError(
                "no study file or rows given; expected a path on this machine, e.g. rows.jsonl or study.yaml"
            )
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name}' is no name for a run; expected letters, digits, '.', '_' and '-', e.g. short-prompt"
            )
        path = self._folder / name
        if (self._folder / STUDY_FILE).exists():
            raise StudyStateError(f"'{self._folder}' is a run itself; show the folder that it is in to start others")
        options = [
            f"{option}={value}"
            for field, option in FIELDS.items()
            for value in (form.get(field, "").split() if field == "models" else [form.get(field, "").strip()])
            if value
        ]
        arguments = ["run", f"--out={path}", *options, *_more_options(form.get("more", "")), "--", study]
        with self._deciding:
            launch = self.get(path)
            is_there = path.exists() and any(path.iterdir() if path.is_dir() else [path])
            if is_there or (launch and launch.at_work):
                raise StudyStateError(f"there is a '{path}' already; continue it, or choose another name")
            self._launch(path, arguments)
        return path

    def go_on(self, path: Path) -> None:
        """Start the command of a run again: it continues.

        Raises
        ------
        StudyStateError
            When somebody works on it, or there is nothing to go on with.
        """
        with self._deciding:
            launch, holder = self.get(path), holder_of(path)
            if (launch and launch.at_work) or (holder and holder.is_at_work):
                raise StudyStateError(f"'{path}' is being worked on already")
            if (path / STUDY_FILE).exists():
                self._launch(path, ["run", f"--out={path}", "--", str(path / STUDY_FILE)])
            elif launch:
                self._launch(path, launch.arguments)
            else:
                raise StudyStateError(f"there is no {STUDY_FILE} in '{path}'; start the study again")

    def stop(self, path: Path) -> None:
        """Ask the process that works on a run to end at its next step; what is finished is kept.

        Raises
        ------
        StudyStateError
            When there is none that could be asked from here.
        """
        launch, holder = self.get(path), holder_of(path)
        if launch and launch.at_work:
            launch.process.terminate()
            return
        if holder is None or not holder.is_at_work:
            raise StudyStateError(
                f"nobody works on '{path}' alone; what shares a study is stopped where it was started"
            )
        if not holder.is_here or not Path("/proc/stat").exists():
            raise StudyStateError(f"{holder} works on '{path}'; stop it where it was started")
        try:
            os.kill(holder.pid, signal.SIGTERM)
        except OSError as error:
            raise StudyStateError(f"{holder} cannot be stopped from here ({error.strerror})") from None

    def _launch(self, path: Path, arguments: list[str]) -> None:
        code = ["--allow-code"] if own_code.is_allowed() and "--allow-code" not in arguments else []
        output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the study is shown
        command = [sys.executable, "-m", "tunecurve", arguments[0], *code, *arguments[1:]]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        launch = self._launched[path] = Launch(arguments, process, output)
        threading.Thread(target=launch.watch, daemon=True).start()


def _more_options(line: str) -> list[str]:
    """Return the options of a line, as on the command line.

    Raises
    ------
    UsageError
        For what cannot be read, is no option, or is decided elsewhere.
    """
    try:
        options = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"more options: {error}; expected them as on the command line") from None
    if options and not options[0].startswith("--"):
        raise UsageError(f"more options: '{options[0]}' is no option; expected e.g. --seeds 3")
    for option in options:
        if option.partition("=")[0] in NOT_HERE:
            raise UsageError(f"more options: {option.partition('=')[0]} is for the terminal, not for this page")
    return [option for option in options if option != "--"]
