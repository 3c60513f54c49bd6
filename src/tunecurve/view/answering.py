"""Asking the tuned models of a run: one model process at a time, and a queue before it."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunecurve import own_code
from tunecurve.errors import EnvironmentProblem, UsageError
from tunecurve.results.model import Results
from tunecurve.storage.records import Record

MOST_QUESTIONS = 20  # in the queue
MOST_CHARACTERS = 50_000
SECONDS_TO_ANSWER, SECONDS_IDLE = 600.0, 300.0


@dataclass(frozen=True)
class TunedModel(Record):
    """A trial whose model can be asked."""

    trial: str
    learner: str
    train_size: int
    seed: int


def models_to_ask(results: Results) -> list[TunedModel]:
    """Return a model of every size that was tuned, of several seeds the first; hosted ones, whose answers cost, are left out."""
    found: dict[tuple[str, int], TunedModel] = {}
    tuned = [trial for trial in results.finished if trial.strategy == "fine-tune" and not trial.is_hosted]
    for trial in sorted(tuned, key=lambda trial: trial.seed):
        model = TunedModel(trial.name, trial.learner, trial.train_size, trial.seed)
        found.setdefault((trial.learner, trial.train_size), model)
    return sorted(found.values(), key=lambda model: (model.learner, model.train_size))


class Answerer:
    """Asks models; a question waits until those before it are answered."""

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._turn, self._counting = threading.Lock(), threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._folder: Path | None = None
        self._idle: threading.Timer | None = None
        self.n_questions = 0

    def ask(self, folder: Path, trial: str, text: str) -> Mapping[str, Any]:
        """Return what a trial's model answers: ``answer``, ``stop_reason``, ``seconds``; or ``problem``.

        Raises
        ------
        UsageError
            When there is nothing to answer, or too much of it.
        EnvironmentProblem
            When the model process is gone.
        """
        if not text.strip() or len(text) > MOST_CHARACTERS:
            raise UsageError(
                f"a text of {len(text):,} characters; expected one that is not blank, of at most {MOST_CHARACTERS:,}"
            )
        with self._counting:
            if self.n_questions >= MOST_QUESTIONS:
                raise EnvironmentProblem(f"{self.n_questions} questions wait already; ask again when they are answered")
            self.n_questions += 1
        try:
            with self._turn:
                return self._ask(folder, trial, text)
        finally:
            with self._counting:
                self.n_questions -= 1

    def close(self) -> None:
        """End the model process."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what it was not asked any more
                        pipe.close()

    def _ask(self, folder: Path, trial: str, text: str) -> Mapping[str, Any]:
        if self._idle is not None:
            self._idle.cancel()
        if self._process is None or self._folder != folder or self._process.poll() is not None:
            self.close()
            self._start(folder)
        try:
            return self._exchange({"trial": trial, "text": text})
        finally:
            self._idle = threading.Timer(SECONDS_IDLE, self._close_when_idle)
            self._idle.daemon = True
            self._idle.start()

    def _close_when_idle(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._turn.release()

    def _start(self, folder: Path) -> None:
        allows_code = "1" if own_code.is_allowed() else "0"
        command = [sys.executable, "-m", "tunecurve.view.model_process", str(folder), self._device, allows_code]
        # Its standard error is kept nowhere: it may hold what was asked.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            start_new_session=True,
        )  # fmt: skip
        self._folder = folder

    def _exchange(self, question: dict[str, str]) -> Mapping[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], SECONDS_TO_ANSWER)[0]:
                self.close()
                raise EnvironmentProblem(
                    f"no answer within {SECONDS_TO_ANSWER:.0f} s; 'tunecurve predict' has no such limit"
                )
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = process.wait()
            self.close()
            memory = " (out of memory?)" if code == -9 else ""
            raise EnvironmentProblem(
                f"the model process ended with code {code}{memory}; 'tunecurve predict' tells more"
            )
        return json.loads(line)
