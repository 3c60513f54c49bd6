"""A reader that wants no more, such as `head`, ends a command silently: that is no error of the program."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", [["--help"], ["forecast", "curve.csv", "--json"], ["forecast", "curve.csv"]])
def test_a_closed_pipe_is_no_error(tmp_path, command):
    (tmp_path / "curve.csv").write_text("n,score\n50,60\n100,66\n200,71\n400,74\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "tunecurve", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait() == 0, said
    assert said == ""
