"""The panel at the foot of the terminal while a study runs: a bar, the trials under way, money, and the curve so far.

It draws what `RunState` knows, twice a second, and keeps nothing itself. The cursor stays visible, so that whatever ends
the process leaves the terminal as it was.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from tunecurve.cancellation import Cancellation
from tunecurve.cli.main import STOPPING, visible
from tunecurve.cli.wide import broken
from tunecurve.learners.hosted.prices import money
from tunecurve.report.text_chart import BETWEEN, FLOOR, MARKS, SMALLEST_HEIGHT, TextChart
from tunecurve.spec.durations import duration
from tunecurve.study.plan import Trial
from tunecurve.study.run_state import RunningTrial, RunState

REDRAWN_A_SECOND = 2
MOST_TRIALS_SHOWN = 4
WIDEST = 100
HIGHEST_CHART = 10
_SHORTEST_BAR, _LONGEST_BAR = 8, 40
_COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")


class PanelConsole(Console):
    """A console that prints for one thread at a time.

    Rich moves the cursor to the top of the panel by the height it had last: two threads that print at once would each
    believe in another height, and erase lines above it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.one_at_a_time = threading.RLock()

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, as `Console.print`."""
        with self.one_at_a_time:
            super().print(*objects, **options)


class Panel:
    """Draws a study that runs, by default on standard error, until it is closed; others change the state of it."""

    def __init__(self, state: RunState, cancellation: Cancellation, console: PanelConsole | None = None) -> None:
        self._state, self._cancellation = state, cancellation
        self.console = console or PanelConsole(stderr=True, highlight=False, markup=False, emoji=False)
        self._live = Live(
            self, console=self.console, auto_refresh=False, transient=True, redirect_stdout=sys.stdout.isatty()
        )
        self._live.start()
        self.console.show_cursor(True)
        self._is_closing = threading.Event()
        self._redrawing = threading.Thread(target=self._redraw, name="tunecurve-panel", daemon=True)
        self._redrawing.start()

    def _redraw(self) -> None:
        while not self._is_closing.wait(1 / REDRAWN_A_SECOND):
            with self.console.one_at_a_time, suppress(OSError):  # a terminal that is gone is nobody's trouble
                self._live.refresh()

    def print_above(self, line: str) -> None:
        """Print a line that stays; it is broken between words."""
        style = "red" if ": FAILED: " in line else ""
        text = broken(line, min(self.console.width, WIDEST))
        self.console.print(Text(text, style=style), soft_wrap=True)

    def close(self) -> None:
        """Take the panel away."""
        self._is_closing.set()
        self._redrawing.join()
        with self.console.one_at_a_time:
            self._live.stop()

    def __rich__(self) -> RenderableType:
        """Return the panel as it is now; a fault in drawing it is shown in its place and ends no study."""
        try:
            return panel_of(self._state, self.console, is_stopping=self._cancellation.is_requested)
        except Exception as error:
            return Text(f"(the panel cannot be drawn: {type(error).__name__}: {error})")


def panel_of(state: RunState, console: Console, *, is_stopping: bool = False) -> Group:
    """Return the panel for the console's present size."""
    width, height = min(console.width, WIDEST), console.height
    plain = not console.encoding.lower().startswith("utf")
    parts: list[RenderableType] = [_bar(state, width, plain), *_trials(state, plain)]
    if state.paid_usd is not None:
        cap = "" if state.at_most_usd is None else f" of at most {money(state.at_most_usd)}"
        parts.append(Text(f"paid so far: {money(state.paid_usd)}{cap}"))
    if is_stopping:
        parts.append(Text(STOPPING, style="bold yellow"))
    used = sum(len(console.render_lines(part, console.options.update(width=console.width))) for part in parts)
    chart = chart_of(state)
    drawn = [] if chart is None else _highest(chart, width - 1, height - used - 2, plain)
    if chart is not None and drawn:
        parts += [Text(""), *_coloured(chart, drawn, plain)]
    return Group(*parts)


def _highest(chart: TextChart, width: int, room: int, plain: bool) -> list[str]:
    """Return the chart as high as there is room for it; nothing where there is none."""
    drawings = (chart.lines(width, height, plain=plain) for height in range(HIGHEST_CHART, SMALLEST_HEIGHT - 1, -1))
    return next((lines for lines in drawings if len(lines) <= room), [])


def _bar(state: RunState, width: int, plain: bool) -> Text:
    """Return how much is done, drawn and in words; on a narrow terminal the words alone."""
    words = Text(f"{state.n_trials - len(state.unfinished)} of {state.n_trials} trials")
    if state.failures:
        words.append(f", {len(state.failures)} failed", style="red")
    words.append(f", about {duration(state.study_seconds_left())} to go" if state.unfinished else ", writes the report")
    length = min(_LONGEST_BAR, width - len(words) - 3)
    if length < _SHORTEST_BAR:
        return words
    done = round(state.share_done() * length)
    full, empty = ("#", ".") if plain else ("█", "░")
    return Text.assemble((full * done, "green"), (empty * (length - done), "dim"), "  ", words)


def _trials(state: RunState, plain: bool) -> list[RenderableType]:
    """Return a line for every trial that runs, or waits for work done elsewhere; of many the first."""
    running = [(trial, _doing(own)) for trial, own in list(state.running.items())]
    waiting = [
        (trial, f"waits: {reason}") for trial, reason in list(state.waits_for.items()) if trial not in state.running
    ]
    told = [*running, *waiting]
    lines: list[RenderableType] = [_trial_line(trial, doing, plain) for trial, doing in told[:MOST_TRIALS_SHOWN]]
    if told[MOST_TRIALS_SHOWN:]:
        lines.append(Text(f"  and {len(told) - MOST_TRIALS_SHOWN} more"))
    return lines


def _trial_line(trial: Trial, doing: str, plain: bool) -> Text:
    return Text.assemble("> " if plain else "▸ ", (visible(trial.name), "bold"), f": {visible(doing)}")


def _doing(own: RunningTrial) -> str:
    return own.doing if own.left is None else f"{own.doing}, ends in {duration(own.left)}"


def chart_of(state: RunState) -> TextChart | None:
    """Return the curve so far: means over seeds, and of what is not trained the best; None where nothing is scored."""
    metric = state.metric
    if metric is None or not state.scores:
        return None
    scores = [(replace(trial, learner=visible(trial.learner)), score) for trial, score in list(state.scores.items())]
    return TextChart.of_scores(
        metric.title, metric.direction, scores, {trial.train_size for trial in list(state.unfinished)}
    )


def _coloured(chart: TextChart, lines: list[str], plain: bool) -> list[RenderableType]:
    """Return the chart's lines with every learner's marks in its colour; in plain ASCII marks are letters, and stay as they are."""
    colours = dict(zip(MARKS, _COLOURS, strict=True))
    drawn: list[RenderableType] = []
    for number, line in enumerate(lines):
        text = Text(line, style="bold" if number == 0 else "", no_wrap=True, overflow="crop")
        if not plain:
            for mark in chart.marks():
                text.highlight_words([mark], f"bold {colours[mark]}")
            text.highlight_words([FLOOR, BETWEEN], "dim")
        drawn.append(text)
    return drawn
