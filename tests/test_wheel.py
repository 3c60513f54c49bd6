"""What is built is what is tested: the wheel holds every file of the package, and works without the source tree."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


def call(*command, **options):
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a folder that holds what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("src", "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    call("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def files_below(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_every_file_of_the_package_is_in_the_wheel(installed):
    assert files_below(installed / "tunecurve") == files_below(ROOT / "src" / "tunecurve")


def test_it_runs_reports_and_predicts(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    where = call("-c", "import tunecurve; print(tunecurve.__file__)", env=environment, cwd=tmp_path)
    assert where.startswith(str(installed))
    words = ("refund please", "new card lost", "top up failed")
    rows = [{"text": f"{words[n % 3]} {n}", "label": words[n % 3].split()[0]} for n in range(90)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    call(
        "-m", "tunecurve", "run", "--data", "rows.jsonl", "--task", "classification", "--input-column", "text", "--target-column",
        "label", "--model", "tfidf", "--split", "random", "--test-size", "30", "--train-sizes", "6,12,24", "--out", "run",
        env=environment, cwd=tmp_path,
    )  # fmt: skip
    report = (tmp_path / "run" / "report.html").read_text()
    assert "tfidf" in report
    assert "<script" in report
    call("-m", "tunecurve", "report", "run", env=environment, cwd=tmp_path)
    said = call("-m", "tunecurve", "predict", "run", "--text", "a refund", env=environment, cwd=tmp_path)
    assert said.strip() == "refund"
