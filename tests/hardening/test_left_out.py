"""Runs that were killed between the result of a trial and results.json: every command that reads them says what it leaves out."""

import json

import pytest

import tunecurve
from tests.fakes.slow_learner import SlowLearner, run
from tests.hardening.runs import start_process, write_rows
from tests.hardening.test_kills import kill_at
from tunecurve.cli.main import run_command
from tunecurve.errors import StudyStateError, TrialsLeftOut
from tunecurve.results.stored import left_out, read_results

FIRST_ANSWER = "line-of-predictions.partial.jsonl@2"  # the first line of the file says by what it was made


def killed(tmp_path, *points):
    rows, out = write_rows(tmp_path), tmp_path / "out"
    for point in points:
        kill_at(lambda **options: start_process(rows, out, **options), point)
    return rows, out


def said_by(capsys, *arguments):
    capsys.readouterr()
    code = run_command([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, [line for line in err.splitlines() if "left out here" in line]


def test_every_command_says_once_which_finished_trials_the_results_do_not_know(tmp_path, capsys):
    rows, out = killed(tmp_path, "after-result.json@4")
    n_left_out = len(left_out(read_results(out)))
    assert n_left_out >= 1
    n_trials = len(read_results(out).trials)
    commands = [
        ["status", out], ["status", out, "--json"], ["export", out, "--to", tmp_path / "tables"], ["report", out], ["testset", out],
        ["compare", out, out, "--html", tmp_path / "page.html"], ["forecast", "--history", out], ["predict", out, "--text", "x"],
    ]  # fmt: skip
    for command in commands:
        [line] = said_by(capsys, *command)[2]
        assert line.startswith(f"warning: {n_left_out} finished trial{'s' * (n_left_out > 1)} of '{out}'"), command
        assert f"tunecurve run {out / 'study.yaml'} --out {out}" in line
    _, told, _ = said_by(capsys, "status", out)
    assert f"So far (4 of {n_trials} trials are done, {n_left_out} of them not counted yet): " in told
    assert f"4 of {n_trials} trials finished ({n_left_out} of them not counted in what follows)." in told
    scores = [
        line.split()[3] for line in told.splitlines() if " finished " in line and line.startswith(("floor", "lookup"))
    ]
    assert len(scores) == 4
    assert all(float(score) >= 0.0 for score in scores), "each trial's own result has it"
    summary = json.loads(said_by(capsys, "status", out, "--json")[1])
    assert (summary["n_finished"], summary["n_left_out"], summary["n_trials"]) == (4, n_left_out, n_trials)
    assert [trial["state"] for trial in summary["trials"]].count("finished") == 4
    with pytest.warns(TrialsLeftOut, match=f"^{n_left_out} finished trial"):
        tunecurve.load(out)

    run(rows, out, None, SlowLearner())
    for command in commands[:-1]:  # the model is this test's own
        assert said_by(capsys, *command)[2] == []
    summary = json.loads(said_by(capsys, "status", out, "--json")[1])
    assert (summary["n_finished"], summary["n_left_out"]) == (n_trials, 0)


def test_a_run_without_any_results_yet_says_that_a_trial_is_finished(tmp_path, capsys):
    _, out = killed(tmp_path, "after-result.json")
    assert not (out / "results.json").exists()
    with pytest.raises(StudyStateError, match=r"yet, but 1 finished trial; .* tunecurve run"):
        tunecurve.load(out)
    assert run_command(["status", str(out)]) == 8
    assert "but 1 finished trial" in capsys.readouterr().err


def test_what_a_killed_run_left_out_is_in_the_results_before_the_next_trial_begins(tmp_path):
    _, out = killed(tmp_path, "after-result.json@4", FIRST_ANSWER)
    results = read_results(out)
    assert len(results.finished) == 4
    assert left_out(results) == []
