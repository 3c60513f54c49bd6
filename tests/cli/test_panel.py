"""The panel of a running study, as a terminal shows it; and the plain lines where there is none."""

import io
import sys
import threading
import time

import pytest

from tests.support.terminal import Terminal
from tunecurve.cancellation import Cancellation
from tunecurve.cli.console import ConsoleProgress, can_redraw
from tunecurve.cli.main import STOPPING
from tunecurve.cli.panel import MOST_TRIALS_SHOWN, Panel, PanelConsole, chart_of, panel_of
from tunecurve.learners.base import TrainingProgress
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.spec.durations import duration
from tunecurve.study.plan import Trial
from tunecurve.study.run_state import RunState

FLOOR = Trial("floor", "floor")
ZERO = Trial("smollm2-135m-instruct", "zero-shot")
FEW = Trial("smollm2-135m-instruct", "few-shot", shots=3)
TAGGER = [Trial("tagger", "fine-tune", train_size=size) for size in (24, 72, 192)]
TRIALS = [FLOOR, *TAGGER, ZERO, FEW]


class Screen(io.StringIO):
    """A terminal's file."""

    encoding = "utf-8"

    def isatty(self):
        return True


def console(width, height=30, **options):
    return PanelConsole(
        file=Screen(), force_terminal=True, width=width, height=height, color_system="standard", legacy_windows=False,
        highlight=False, _environ={"TERM": "xterm", **options},
    )  # fmt: skip


def half_done():
    """Return the state of a study that has scored four trials and trains a fifth."""
    state = RunState()
    state.metric = build_metrics(["bleu"])[0]
    state.begin(6, dict.fromkeys(TRIALS, 10.0))
    for trial, score in ((FLOOR, 55.4), (ZERO, 20.0), (FEW, 30.0), (TAGGER[0], 67.4)):
        state.started(trial)
        state.scores[trial] = score
        state.finished(trial, 1.0)
    state.started(TAGGER[1])
    for step in (39, 40):  # one of them is timed
        state.stepped(TAGGER[1], TrainingProgress(step, 80, 0.143, 1234.0))
    return state


@pytest.mark.parametrize("phase", ["", "warm start"])
def test_a_training_that_goes_on_says_no_end_until_a_step_is_timed(phase):
    state = RunState()
    state.begin(1, {TAGGER[0]: 10.0})
    state.started(TAGGER[0])
    assert "step 157/750" in state.stepped(TAGGER[0], TrainingProgress(157, 750, 0.143, 1234.0, phase))
    assert state.running[TAGGER[0]].left is None
    assert state.seconds_left(TAGGER[0]) > 0  # as it was estimated
    state.stepped(TAGGER[0], TrainingProgress(158, 750, 0.143, 1234.0, phase))
    assert state.running[TAGGER[0]].left is not None
    state.stepped(TAGGER[0], TrainingProgress(1, 30, 0.143, 1234.0, "next part"))
    assert state.running[TAGGER[0]].left is None


def shown(state, width, height=30, **options):
    own = console(width, height, **options)
    own.print(panel_of(state, own))
    return Terminal(width).write(own.file.getvalue())


@pytest.mark.parametrize("width", [30, 40, 60, 80, 160])
def test_it_says_where_the_study_is_at_every_width(width):
    text = shown(half_done(), width).text
    flat = " ".join(text.split())
    assert "4 of 6 trials, about 10 s to go" in flat
    assert "tagger fine-tune-n72-seed0: step 40/80, loss 0.143, 1234 tokens/s, ends in " in flat
    assert "●" in text
    assert "▲" in text
    assert "67.4 on 24 rows" in flat
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("height", [6, 10, 14, 20, 50])
def test_it_is_never_higher_than_the_window(height):
    assert len(shown(half_done(), 80, height).rows) <= height
    assert "4 of 6 trials" in shown(half_done(), 80, height).text


def test_no_color_means_none():
    assert shown(half_done(), 80).colours
    assert not shown(half_done(), 80, NO_COLOR="1").colours


def test_the_chart_has_means_over_seeds_and_of_prompts_the_best():
    state = half_done()
    again = Trial("tagger", "fine-tune", train_size=24, seed=1)
    state.scores[again] = 69.4
    chart = chart_of(state)
    assert {curve.name: dict(curve.scores) for curve in chart.curves} == {
        "tagger": {24: pytest.approx(68.4)},
        "smollm2-135m-instruct": {0: 30.0},
    }
    assert chart.sizes == [24, 72, 192], "sizes that are not measured yet have their place"
    assert chart.floor == 55.4


def test_examples_chosen_from_more_rows_are_a_curve_of_their_own():
    state = half_done()
    for size, score in ((24, 40.0), (72, 45.0)):
        state.scores[Trial("tagger", "similar", shots=3, train_size=size)] = score
    curves = {curve.name: dict(curve.scores) for curve in chart_of(state).curves}
    assert curves["tagger similar k3"] == {24: 40.0, 72: 45.0}
    assert curves["tagger"] == {24: 67.4}


def test_where_less_is_better_the_best_prompt_is_the_lowest():
    state = half_done()
    state.metric = build_metrics(["leak_documents"])[0]
    assert chart_of(state).direction == "min"
    assert {curve.name: dict(curve.scores) for curve in chart_of(state).curves}["smollm2-135m-instruct"] == {0: 20.0}


def test_money_failures_and_what_waits_are_said():
    state = half_done()
    state.paid_usd, state.at_most_usd = 1.5, 40.0
    state.failures[TAGGER[2]] = "out of memory"
    state.forget(TAGGER[2])
    waiting = Trial("openai/gpt-x", "fine-tune", train_size=24)
    state.waits(waiting, "tuning job ft-1: running, for 3 min")
    text = shown(state, 100).text
    assert "paid so far: $1.50 of at most $40.00" in text
    assert "5 of 6 trials, 1 failed" in text
    assert "openai/gpt-x fine-tune-n24-seed0: waits: tuning job ft-1: running" in text


def test_of_many_trials_the_first_are_shown_and_the_others_counted():
    state = half_done()
    for seed in range(9):
        state.started(Trial("tagger", "fine-tune", train_size=192, seed=seed))
    text = shown(state, 80, 40).text
    assert text.count("▸") == MOST_TRIALS_SHOWN
    assert f"and {10 - MOST_TRIALS_SHOWN} more" in text


def test_names_that_would_steer_the_terminal_are_shown_not_obeyed():
    state = half_done()
    hostile = Trial("evil\x1b[2J\x07 [bold]name[/bold]", "fine-tune", train_size=24)
    state.started(hostile)
    state.scores[hostile] = 60.0
    text = shown(state, 120).text
    assert "evil\\x1b[2J\\x07 [bold]name[/bold]" in text


def test_lines_stay_above_it_and_nothing_of_it_is_left():
    own, state, cancellation = console(80), half_done(), Cancellation()
    panel = Panel(state, cancellation, own)
    panel.print_above("[2/6] tagger fine-tune-n24-seed0: BLEU 67.40, in 16 s")
    long = "warning  [odd] rows :smile: " + "x" * 100
    panel.print_above(long)
    of_words = "[4/9] smollm2 few-shot-k3-seed0: BLEU 46.90; 6 of 100 answers are cut at the answer cap, in 37 s"
    panel.print_above(of_words)
    cancellation.request()
    panel.print_above("deployment may still stand")
    assert STOPPING in Terminal(80).write(own.file.getvalue()).text
    panel.close()
    terminal = Terminal(80).write(own.file.getvalue())
    first, last = "[2/6] tagger fine-tune-n24-seed0: BLEU 67.40, in 16 s", "deployment may still stand"
    words = [of_words.removesuffix("answer cap, in 37 s").rstrip(), "answer cap, in 37 s"]
    long_word = ["warning  [odd] rows :smile:", "         " + "x" * 71, "x" * 29]
    assert terminal.text.splitlines() == [first, *long_word, *words, last], "a word that is too long is the terminal's"
    assert not terminal.cursor_is_hidden


def test_no_line_is_lost_while_the_panel_changes_its_height(monkeypatch):
    monkeypatch.setattr("tunecurve.cli.panel.REDRAWN_A_SECOND", 500)
    own, state = console(100, 40), half_done()
    panel = Panel(state, Cancellation(), own)

    def say(name):
        for number in range(25):
            extra = Trial(name, "fine-tune", train_size=192, seed=number % 3)
            (state.running.pop(extra) if extra in state.running else state.started(extra))
            panel.print_above(f"{name} {number}")

    speakers = [threading.Thread(target=say, args=(name,)) for name in ("one", "two")]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join()
    panel.close()
    lines = Terminal(100).write(own.file.getvalue()).text.splitlines()
    assert sorted(lines) == sorted(f"{name} {number}" for name in ("one", "two") for number in range(25))


def test_the_cursor_is_never_hidden_for_long_so_that_a_kill_leaves_the_terminal_as_it_was():
    own = console(80)
    panel = Panel(half_done(), Cancellation(), own)
    assert not Terminal(80).write(own.file.getvalue()).cursor_is_hidden
    panel.close()


def test_a_window_that_shrinks_gets_a_panel_that_fits():
    own = console(120)
    wide = Terminal(120)
    own.print(panel_of(half_done(), own))
    wide.write(own.file.getvalue())
    own.file.seek(0)
    own.file.truncate()
    own.width, own.height = 45, 16
    own.print(panel_of(half_done(), own))
    narrow = Terminal(45).write(own.file.getvalue())
    assert max(map(len, narrow.rows)) <= 45 < max(map(len, wide.rows))
    assert len(narrow.rows) <= 16


def test_a_fault_in_drawing_is_shown_and_ends_nothing():
    state, own = half_done(), console(80)
    state.metric, state.scores = object(), {TAGGER[0]: 1.0}
    panel = Panel(state, Cancellation(), own)
    panel.print_above("goes on")
    panel.close()
    assert "the panel cannot be drawn: AttributeError" in own.file.getvalue()


@pytest.mark.parametrize(
    ("is_terminal", "variables", "expected"),
    [
        (True, {"TERM": "xterm-256color"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": ""}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_it_is_drawn_on_terminals_alone(monkeypatch, is_terminal, variables, expected):
    monkeypatch.delenv("CI", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    screen = Screen() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    assert can_redraw() is expected


def tell_a_study(progress):
    """Tell a listener a short study, as executors do."""
    progress.study_started(3, dict.fromkeys([FLOOR, *TAGGER[:2]], 5.0))
    progress.scored_by(build_metrics(["bleu"])[0])
    progress.trial_started(FLOOR)
    progress.scored(FLOOR, 55.0)
    progress.trial_finished(FLOOR, "BLEU 55.00", 0.4)
    progress.trial_started(TAGGER[0])
    progress.trained(TAGGER[0], TrainingProgress(1, 2, 3.0, 10.0))
    progress.answered(TAGGER[0], 30, 30, 5.0)
    progress.scored(TAGGER[0], 67.4)
    progress.trial_finished(TAGGER[0], "BLEU 67.40", 12.0)
    progress.trial_failed(TAGGER[1], "the table\ncaught \x1b[2J fire")


STAYING_LINES = [
    "3 trials; about 15 s to go",
    "[1/3] floor: BLEU 55.00, in 0 s",
    "[2/3] tagger fine-tune-n24-seed0: BLEU 67.40, in 12 s",
    "[3/3] tagger fine-tune-n72-seed0: FAILED: the table caught \\x1b[2J fire",
]


def test_pipes_get_plain_lines(capsys):
    with ConsoleProgress() as progress:
        tell_a_study(progress)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not line.endswith("loading")] == STAYING_LINES
    assert "\x1b" not in "".join(lines)


def test_a_terminal_keeps_the_same_lines_when_the_panel_is_gone(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "30")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with ConsoleProgress() as progress:
        tell_a_study(progress)
        open_panel = Terminal(80).write(screen.getvalue()).text
        assert sys.stderr is not screen, "what others write goes above the panel"
        sys.stderr.write("a library warns\n")
    assert "3 of 3 trials, 1 failed" in open_panel
    assert Terminal(80).write(screen.getvalue()).text.splitlines() == [*STAYING_LINES, "a library warns"]
    assert sys.stderr is screen


def test_a_study_that_is_finished_opens_no_panel(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with ConsoleProgress() as progress:
        progress.study_started(3, {})
    assert screen.getvalue() == "3 trials, 3 of them finished; about 0 s to go\n"


def test_an_error_takes_the_panel_away_too(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = ConsoleProgress()
    progress.study_started(1, {FLOOR: 1.0})
    with pytest.raises(KeyboardInterrupt), progress:
        raise KeyboardInterrupt
    assert Terminal(80).write(screen.getvalue()).text == "1 trial; about 1 s to go"


def test_time_left_is_by_a_trials_own_speed_and_else_as_its_kind_took():
    state = RunState()
    state.begin(3, {TAGGER[0]: 30.0, TAGGER[1]: 60.0, ZERO: 7.0})
    assert state.study_seconds_left() == pytest.approx(97.0)
    state.started(TAGGER[0])
    state.finished(TAGGER[0], 60.0)
    assert state.study_seconds_left() == pytest.approx(127.0), (
        "training takes twice as long as estimated, scoring as estimated"
    )
    state.started(ZERO)
    state.answered(ZERO, 1, 4, 1.0)
    state.running[ZERO].ends_at = time.monotonic() + 3.0
    assert state.study_seconds_left() == pytest.approx(123.0, abs=0.5)
    state.started(TAGGER[1])
    assert state.study_seconds_left() == pytest.approx(120.0, abs=0.5), "two at once: as long as the longer one"


@pytest.mark.parametrize("n_left_over", [0, 1, 60])
def test_answers_of_an_earlier_start_say_nothing_of_the_speed_of_this_one(monkeypatch, n_left_over):
    now = [100.0]
    monkeypatch.setattr("tunecurve.study.run_state.time.monotonic", lambda: now[0])
    state = RunState()
    state.begin(1, {ZERO: 80.0})
    state.started(ZERO)
    state.answered(ZERO, n_left_over + 1, 100, 1.0)
    assert state.study_seconds_left() == pytest.approx(80.0), "nothing is known yet but the estimate"
    now[0] += 10.0
    state.answered(ZERO, n_left_over + 11, 100, 1.0)
    assert state.study_seconds_left() == pytest.approx(100 - n_left_over - 11)


def test_durations():
    assert [duration(seconds) for seconds in (0, 59.4, 65, 3599, 7800)] == [
        "0 s",
        "59 s",
        "1:05 min",
        "59:59 min",
        "2:10 h",
    ]
