"""The process that answers texts for the live page with the tuned models of one run; ends when nobody asks any more.

Asked on standard input, answers on standard output, a JSON object a line: ``trial`` and ``text``, then ``answer`` or ``problem``.
It is nicer than the studies that run beside it, and lets no connection leave this machine.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunecurve import own_code
from tunecurve.errors import TunecurveError
from tunecurve.predictor import Predictor, load_predictor
from tunecurve.privacy.network import stay_on_this_machine
from tunecurve.privacy.redact import redact

NICER_BY = 5
MOST_MEMORY = 0.25  # of the machine's: models stay loaded as long as they take no more


class Models:
    """The tuned models of a run, loaded when they are asked for."""

    def __init__(self, folder: Path, device: str) -> None:
        self._folder, self._device = folder, device
        self._loaded: dict[str, Predictor] = {}

    def answer(self, trial: str, text: str) -> dict[str, object]:
        """Return the answer of a trial's model, or the problem in a line."""
        started = time.monotonic()
        try:
            completion = self._model(trial).complete([text])[0]
        except TunecurveError as error:
            return {"problem": redact(str(error))}
        except Exception as error:  # what a model raises is anything; the page goes on
            return {"problem": redact(f"{type(error).__name__}: {' '.join(str(error).split())}")[:500]}
        seconds = time.monotonic() - started
        return {"answer": completion.text, "stop_reason": completion.stop_reason, "seconds": round(seconds, 2)}

    def _model(self, trial: str) -> Predictor:
        if trial not in self._loaded:
            if _memory_taken() > MOST_MEMORY:
                self._loaded.clear()
            self._loaded[trial] = load_predictor(self._folder, trial=trial, device=self._device)
        return self._loaded[trial]


def _memory_taken() -> float:
    """Return which share of the machine's memory this process holds; 1 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages / os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 1.0


def main() -> None:
    """Answer until standard input ends."""
    folder, device, allows_code = sys.argv[1:4]
    os.nice(NICER_BY)
    stay_on_this_machine()
    if allows_code == "1":
        own_code.allow_code()
    # What libraries print must not stand between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    models = Models(Path(folder), device)
    for line in sys.stdin:
        asked: Mapping[str, Any] = json.loads(line)
        answers.write(json.dumps(models.answer(asked["trial"], asked["text"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
