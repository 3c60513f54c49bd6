"""Keeping results.json, report and picture up to date while trials end, without spending more time on it than on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tunecurve.report.write import write_report
from tunecurve.results.collect import ResultsBuilder
from tunecurve.results.forecast_history import damage_line, judge_forecasts, keep_forecasts, read_forecasts
from tunecurve.results.model import Results
from tunecurve.results.records.advice import JudgedForecast
from tunecurve.results.stored import RESULTS
from tunecurve.storage.files import write_checked_json
from tunecurve.study.plan import Trial

SHARE_OF_TIME = 0.1
# Drawing takes half a second: a study that has run for less than this has its numbers alone until it ends, unless the rest of it
# takes so long by estimate that somebody will look meanwhile.
SECONDS_TO_FIRST_DRAWING, LONG = 5.0, 60.0


class LiveReport:
    """Writes what a study finds; after a trial only when that takes less than a tenth of the time, and the report after seconds."""

    def __init__(
        self, folder: Path, builder: ResultsBuilder, on_message: Callable[[str], None], seconds: float
    ) -> None:
        self.folder, self.builder, self.on_message = folder, builder, on_message
        self._next_at = 0.0
        self._drawn_from = time.monotonic() + (SECONDS_TO_FIRST_DRAWING if seconds < LONG else 0.0)
        self._lock = threading.Lock()
        self._has_told_of_damage = False

    def plan_changed(self) -> None:
        """Write after the next trial, however short ago the last time was: what is there names other trials."""
        self._next_at = 0.0

    def after_a_trial(self, failures: Mapping[Trial, str]) -> None:
        """Write, unless the last time was too short ago for what it took."""
        with self._lock:
            now = time.monotonic()
            if now >= self._next_at:
                self._write(failures, is_drawn=now >= self._drawn_from)

    def write(self, failures: Mapping[Trial, str]) -> Results:
        """Write, and return what was written."""
        with self._lock:
            return self._write(failures, is_drawn=True)

    def _write(self, failures: Mapping[Trial, str], *, is_drawn: bool) -> Results:
        started = time.monotonic()
        results = self.builder.build(failures)
        results = replace(
            results, forecast_history=self._what_was_forecast(results, is_drawn=is_drawn), folder=self.folder
        )
        write_checked_json(self.folder / RESULTS, results)
        if is_drawn:
            write_report(self.folder, results)
        ended = time.monotonic()
        self._next_at = ended + (ended - started) / SHARE_OF_TIME
        return results

    def _what_was_forecast(self, results: Results, *, is_drawn: bool) -> list[JudgedForecast]:
        """Keep the forecasts that are about to be shown, and return what became of the earlier ones."""
        kept = keep_forecasts(self.folder, results) if is_drawn else read_forecasts(self.folder)
        if kept.n_damaged and not self._has_told_of_damage:
            self.on_message(damage_line(self.folder, kept))
            self._has_told_of_damage = True
        return judge_forecasts(kept.entries, results)
