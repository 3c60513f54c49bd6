"""Libraries that report to their makers are told not to, before they are imported."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tunecurve.learners.encoder import runners
from tunecurve.learners.telemetry import silence_onnxruntime

RUNNERS = sorted(Path(runners.__path__[0]).glob("[a-z]*.py"))


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_what_the_user_has_set_stays(before, after):
    with patch.dict(os.environ, {} if before is None else {"ORT_DISABLE_TELEMETRY": before}):
        if before is None:
            os.environ.pop("ORT_DISABLE_TELEMETRY", None)
        silence_onnxruntime()
        assert os.environ["ORT_DISABLE_TELEMETRY"] == after


def head_of(runner: Path) -> str:
    """Return the imports of a program that answers."""
    return runner.read_text(encoding="utf-8").split("HERE =")[0]


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS, ids=lambda path: path.stem)
def test_an_exported_program_leaves_nothing_in_the_users_folders(tmp_path, runner):
    pytest.importorskip("onnxruntime")
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data")}
    subprocess.run([sys.executable, "-c", head_of(runner)], env=environment | homes, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
