"""Keeping results.json, report and picture up to date while trials end, without spending more time on it than on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tunecurve.report.write import write_report
from tunecurve.results.collect import RESULTS, Collector
from tunecurve.results.forecast_history import damage_line, judge_forecasts, keep_forecasts
from tunecurve.storage.files import write_sealed_json
from tunecurve.study.plan import Trial

SHARE_OF_TIME = 0.1


class KeepCurrent:
    """Writes what a collector finds; after a trial only when that takes less than a tenth of the time.

    Parameters
    ----------
    folder : Path
        The study's folder.
    collector : Collector
        Reads the trials.
    say : callable
        Told in a line, once, when kept forecasts are damaged.

    Attributes
    ----------
    results : dict
        What was written last.
    """

    def __init__(self, folder: Path, collector: Collector, say: Callable[[str], None] = lambda line: None) -> None:
        self.folder, self.collector, self.say = folder, collector, say
        self.results: dict[str, Any] = {}
        self._next_at = 0.0
        self._lock = threading.Lock()
        self._has_told_of_damage = False

    def after_a_trial(self, failures: Mapping[Trial, str]) -> None:
        """Write, unless the last time was too short ago for what it took."""
        with self._lock:
            if time.monotonic() >= self._next_at:
                self._write(failures)

    def write(self, failures: Mapping[Trial, str]) -> None:
        """Write."""
        with self._lock:
            self._write(failures)

    def _write(self, failures: Mapping[Trial, str]) -> None:
        started = time.monotonic()
        self.results = self.collector.collect(failures)
        self.results["forecast_history"] = self._what_was_forecast()
        write_sealed_json(self.folder / RESULTS, self.results)
        write_report(self.folder, self.results)
        ended = time.monotonic()
        self._next_at = ended + (ended - started) / SHARE_OF_TIME

    def _what_was_forecast(self) -> list[dict[str, Any]]:
        """Keep the forecasts that are about to be shown, and return what became of the earlier ones."""
        kept = keep_forecasts(self.folder, self.results)
        if kept.n_damaged and not self._has_told_of_damage:
            self.say(damage_line(self.folder, kept))
            self._has_told_of_damage = True
        return judge_forecasts(kept.entries, self.results)
