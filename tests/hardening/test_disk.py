"""A disk that is full at any moment, folders that cannot be written: one line, a documented code, nothing lost."""

import os
import resource
import shutil
import subprocess

import pytest

from tests.fakes.slow_learner import SlowLearner, run
from tests.hardening.runs import start_process, write_rows
from tunecurve.errors import EnvironmentProblem
from tunecurve.results.stored import without_times


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    rows = write_rows(folder)
    results = without_times(run(rows, folder / "out", None, SlowLearner()).results)
    return rows, folder / "out", results


def limit(n_bytes):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


def sizes(out, n_points):
    """File sizes spread over all that a run writes, so that every kind of file is the first not to fit."""
    drawn = {"report.html", "curve.png", "curve.svg"}  # left out by the processes of this test
    files = [path for path in out.rglob("*") if path.is_file() and path.name not in drawn]
    written = sorted({path.stat().st_size for path in files if path.stat().st_size > 1})
    # Results name folders and times, which are not equally long every time.
    return [written[round(place * (len(written) - 1) / (n_points - 1))] * 9 // 10 for place in range(n_points)]


def fill_and_continue(whole, tmp_path, n_points):
    rows, finished, results = whole
    for number, size in enumerate(sizes(finished, n_points)):
        out = tmp_path / str(number)
        process = start_process(rows, out, preexec_fn=limit(size))
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 7, (size, stderr)
        assert stderr.count("\n") == 1, stderr
        assert "no space left on the disk" in stderr
        assert without_times(run(rows, out, None, SlowLearner()).results) == results
        assert not list(out.rglob("*.tmp"))
        shutil.rmtree(out)


def test_a_disk_that_is_full_at_three_points(whole, tmp_path):
    fill_and_continue(whole, tmp_path, 3)


@pytest.mark.hardening
def test_a_disk_that_is_full_at_twenty_points(whole, tmp_path):
    fill_and_continue(whole, tmp_path, 20)


@pytest.mark.hardening
def test_a_small_file_system_that_fills_up(whole, tmp_path):
    rows, _, results = whole
    place = tmp_path / "small"
    place.mkdir()
    for kilobytes in (64, 128, 256, 320):
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place], capture_output=True, check=False
        )
        if mounted.returncode:
            pytest.skip("mounting needs rights that this user lacks")
        try:
            process = start_process(rows, place / "out")
            _, stderr = process.communicate(timeout=120)
            assert process.returncode == 7, stderr
            assert "no space left on the disk" in stderr
            subprocess.run(["mount", "-o", "remount,size=100m", place], check=True)
            assert without_times(run(rows, place / "out", None, SlowLearner()).results) == results
        finally:
            subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    rows = write_rows(tmp_path)
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(EnvironmentProblem, match="not allowed to write"):
        run(rows, tmp_path / "locked" / "out", None, SlowLearner())


def test_a_read_only_file_system_is_one_line(tmp_path, monkeypatch):
    def refuse(path, *arguments, **options):
        raise OSError(30, "Read-only file system", str(path))

    rows = write_rows(tmp_path)
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(
        EnvironmentProblem, match=r"not allowed to write at '.*'; choose another folder or change its rights$"
    ):
        run(rows, tmp_path / "out", None, SlowLearner())
