"""Odd surroundings: another locale, spaces and unicode in paths, no home, no terminal, clocks that jump, ANSI in names."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.cli.test_commands import invoke, options, with_lookup  # noqa: F401  (a fixture)
from tests.hardening.runs import run_small, start_process, write_rows
from tunecurve.privacy.redact import shown
from tunecurve.results.stored import without_times
from tunecurve.storage.files import read_checked_json


@pytest.mark.parametrize("folder", ["with blanks", "ünïcödé 数据 😀", "quote'\"$(x)", "-dash", "new\nline"])
def test_paths_of_all_kinds(tmp_path, folder):
    place = tmp_path / folder
    done = run_small(write_rows(place), place / "out")
    assert done.results.complete
    assert run_small(place / "rows.jsonl", place / "out").outcome.n_run == 0


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"},
        {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "", "XDG_STATE_HOME": ""},
        {"TERM": "dumb", "COLUMNS": "1"},
    ],
)
def test_other_locales_no_home_no_terminal(tmp_path, environment):
    rows = write_rows(tmp_path)
    process = start_process(rows, tmp_path / "out", environment=environment, stdin=subprocess.DEVNULL)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    whole = without_times(read_checked_json(tmp_path / "out" / "results.json"))
    assert whole["complete"]


def test_a_home_that_cannot_be_written_is_one_line_with_the_way_on(tmp_path):
    rows = write_rows(tmp_path)
    command = [sys.executable, "-m", "tunecurve", "run", "--data", str(rows), "--split", "random", "--test-size", "5",
               "--train-sizes", "5", "--out", str(tmp_path / "out")]  # fmt: skip
    environment = {**os.environ, "HOME": "/proc/nowhere", "TUNECURVE_CACHE": "", "XDG_CACHE_HOME": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "set TUNECURVE_CACHE to a writable folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_clocks_that_jump_change_nothing(tmp_path, monkeypatch):
    rows = write_rows(tmp_path)
    plain = without_times(run_small(rows, tmp_path / "plain").results)
    real, calls = time.time, []

    def jumping():
        calls.append(1)
        return real() + (-1) ** len(calls) * 1e8

    monkeypatch.setattr(time, "time", jumping)
    assert without_times(run_small(rows, tmp_path / "jumping").results) == plain


def test_control_sequences_in_names_labels_and_rows_are_shown_not_obeyed(tmp_path, with_lookup):  # noqa: F811
    bad = "$\\frac{\x1b[31m\x9b2J\u202e"
    rows = [
        {"source_text": f"{bad} Bo{n} ran", "target_text": f"{bad} [NAME] ran", f"{bad}kind": "x"} for n in range(80)
    ]
    path = tmp_path / f"{bad}rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / f"out{bad}"
    given = [
        "--data",
        path,
        "--split",
        "random",
        "--train-sizes",
        "5",
        "--test-size",
        "20",
        "--model",
        f"m{bad}",
        "--out",
        out,
    ]
    for command in (
        ["validate", *given], ["plan", *given, "--show-prompts"], ["run", *given], ["status", out], ["report", out],
        ["export", out], ["run", *given, "--json"],
        ["validate", *given, "--input-column", f"x{bad}", "--out", tmp_path / "other"],
    ):  # fmt: skip
        code, stdout, stderr = invoke(*command)
        assert code in (0, 3), stderr
        for control in ("\x1b", "\x9b", "\u202e"):
            assert control not in stdout + stderr, command
    assert shown("a\tb\nc é 数 \u200d") == "a\tb\nc é 数 \u200d"
