"""The rooms of the code import downwards only, and what checks it sees a violation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("importlinter")
ROOT = Path(__file__).parents[1]
COMMAND = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.csv", "*.txt"))
    return folder


def check(folder):
    done = subprocess.run(
        COMMAND,
        cwd=folder,
        env={"PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join(done.stdout.split())


def test_the_code_keeps_its_layers(project):
    code, said = check(project)
    assert code == 0, said


@pytest.mark.parametrize(
    ("module", "line", "named"),
    [
        ("storage/files.py", "from tunecurve.cli import console", "tunecurve.storage.files -> tunecurve.cli.console"),
        ("results/points.py", "def late():\n    from tunecurve.report import html", "tunecurve.results.points"),
        ("metrics/base.py", "import tunecurve.curve.points", "tunecurve.metrics.base -> tunecurve.curve.points"),
        ("formats/folding.py", "from tunecurve.formats import alignment", "No cycles are allowed in tunecurve.formats"),
        ("learners/torch/device.py", "from tunecurve.learners.lm import learner", "No cycles are allowed in tunecurve.learners"),
        ("findings.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tunecurve import run", "tunecurve.findings"),
        ("odd_room.py", "", "odd_room"),
    ],
    ids=["upwards", "in a function", "sideways", "circle in a room", "circle of rooms", "upwards for a type", "a room without a layer"],
)  # fmt: skip
def test_a_violation_is_found_and_named(project, module, line, named):
    path = project / "src" / "tunecurve" / module
    before = path.read_text() if path.exists() else None
    path.write_text(f"{before or ''}\n\n{line}\n")
    try:
        code, said = check(project)
    finally:
        path.unlink() if before is None else path.write_text(before)
    assert code != 0
    assert named in said
