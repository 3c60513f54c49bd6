"""Keeping results.json, report and picture up to date while trials end, without spending more time on it than on them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
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
# A long trial may come next, and a kill: by then the numbers of the trials before it are written, whatever else the machine does.
MOST_SECONDS_BEHIND = 5.0
# Drawing takes half a second: a study that has run for less than this has its numbers alone until it ends, unless the rest of it
# takes so long by estimate that somebody will look meanwhile.
SECONDS_TO_FIRST_DRAWING, LONG = 10.0, 60.0


class LiveReport:
    """Writes what a study finds: after a trial at once where that takes a tenth of the time at most, else soon after.

    The numbers are at most `MOST_SECONDS_BEHIND` behind the trials, also while the next one runs; the report may be later. What is put
    off is written by a thread.
    """

    def __init__(
        self, folder: Path, builder: ResultsBuilder, on_message: Callable[[str], None], seconds: float
    ) -> None:
        self.folder, self.builder, self.on_message = folder, builder, on_message
        self._numbers = _Pace(MOST_SECONDS_BEHIND)
        first_drawing = time.monotonic() + (SECONDS_TO_FIRST_DRAWING if seconds < LONG else 0.0)
        self._drawing = _Pace(math.inf, not_before=first_drawing)
        self._failures: Mapping[Trial, str] = {}
        self._writing = threading.Lock()
        self._later = _Later(self._write_what_was_put_off)
        self._has_told_of_damage = False

    def plan_changed(self) -> None:
        """Write after the next trial, however short ago the last time was: what is there names other trials."""
        self._numbers.next_at = self._drawing.next_at = 0.0

    def after_a_trial(self, failures: Mapping[Trial, str]) -> None:
        """Write; where the last time was too short ago for what it took, or is not over, a little later."""
        self._failures = failures
        self._numbers.fall_behind()
        self._drawing.fall_behind()
        if self._writing.acquire(blocking=False):
            try:
                self._write_what_is_due()
            finally:
                self._writing.release()
        self._come_again()

    def write(self, failures: Mapping[Trial, str]) -> Results:
        """Write, and return what was written."""
        with self._writing:
            return self._write(failures, is_drawn=True)

    def stop(self) -> None:
        """Write nothing any more."""
        self._later.stop()
        with self._writing:  # a writing that has begun ends first
            pass

    def _write_what_was_put_off(self) -> None:
        # What goes wrong here goes wrong again, and is told, after the next trial or at the end.
        with suppress(Exception):
            with self._writing:
                self._write_what_is_due()
            self._come_again()

    def _write_what_is_due(self) -> None:
        is_drawn = self._drawing.is_due
        if is_drawn or self._numbers.is_due:
            self._write(self._failures, is_drawn=is_drawn)

    def _come_again(self) -> None:
        due_at = min(self._numbers.due_at, self._drawing.due_at)
        if due_at < math.inf:
            self._later.at(due_at)

    def _write(self, failures: Mapping[Trial, str], *, is_drawn: bool) -> Results:
        started = time.monotonic()
        self._numbers.catch_up()
        if is_drawn:
            self._drawing.catch_up()
        results = self.builder.build(failures)
        results = replace(
            results, forecast_history=self._what_was_forecast(results, is_drawn=is_drawn), folder=self.folder
        )
        write_checked_json(self.folder / RESULTS, results)
        self._numbers.took(started)
        if is_drawn:
            started = time.monotonic()
            write_report(self.folder, results)
            self._drawing.took(started)
        return results

    def _what_was_forecast(self, results: Results, *, is_drawn: bool) -> list[JudgedForecast]:
        """Keep the forecasts that are about to be shown, and return what became of the earlier ones."""
        kept = keep_forecasts(self.folder, results) if is_drawn else read_forecasts(self.folder)
        if kept.n_damaged and not self._has_told_of_damage:
            self.on_message(damage_line(self.folder, kept))
            self._has_told_of_damage = True
        return judge_forecasts(kept.entries, results)


@dataclass
class _Pace:
    """When something that takes time is done again: after ten times what it took, or when it is too far behind."""

    most_behind: float
    not_before: float = 0.0
    next_at: float = 0.0
    behind_since: float = math.inf

    def fall_behind(self) -> None:
        self.behind_since = min(self.behind_since, time.monotonic())

    def catch_up(self) -> None:
        """Note that what is there now is about to be done; what comes meanwhile is not in it."""
        self.behind_since = math.inf

    def took(self, started: float) -> None:
        ended = time.monotonic()
        self.next_at = ended + (ended - started) / SHARE_OF_TIME

    @property
    def due_at(self) -> float:
        if self.behind_since == math.inf:
            return math.inf
        return max(self.not_before, min(self.next_at, self.behind_since + self.most_behind))

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self.due_at


class _Later:
    """Calls a function in a thread when a moment has come; of several moments at the earliest."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call, self._lock = call, threading.Lock()
        self._timer: threading.Timer | None = None
        self._moment, self._is_stopped = math.inf, False

    def at(self, moment: float) -> None:
        with self._lock:
            if self._is_stopped or self._moment <= moment:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._moment = moment
            self._timer = threading.Timer(max(0.0, moment - time.monotonic()), self._run)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            if self._timer is not None:
                self._timer.cancel()

    def _run(self) -> None:
        with self._lock:
            if self._is_stopped:
                return
            self._moment = math.inf
        self._call()
