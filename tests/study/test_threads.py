"""Threads are a part of what names a trial: a study keeps to those of its finished trials, and says what others would measure anew."""

import pytest

from tunecurve.learners import cores
from tunecurve.storage.files import write_checked_json
from tunecurve.study.options import StudyOptions
from tunecurve.study.progress import Progress
from tunecurve.study.threads import threads_of_study


class Told(Progress):
    def __init__(self):
        self.lines = []

    def message(self, line):
        self.lines.append(line)


def trial(folder, name, threads, *, is_finished=True):
    path = folder / "trials" / name
    path.mkdir(parents=True)
    learner = {"kind": "m"} if threads is None else {"kind": "m", "compute": {"device": "cpu", "threads": threads}}
    write_checked_json(path / "config.json", {"learner": learner})
    if is_finished:
        (path / "result.json").write_text("{}")


@pytest.mark.parametrize(
    ("trials", "asked", "wanted", "said"),
    [
        ([], None, None, []),
        ([], 3, 3, []),
        ([("m-n10-a", 1)], None, 1, ["threads 1, as the finished trials"]),
        ([("m-n10-a", 1)], 1, 1, []),
        ([("m-n10-a", 1), ("m-n20-b", 1)], 2, 2, ["2 finished trials of this folder were measured with threads 1: --threads 1 uses"]),
        ([("m-n10-a", 1), ("m-n10-b", 2)], 2, 2, []),
        ([("m-n10-a", 1), ("m-n20-b", 2)], 2, 2, ["1 finished trial of this folder was measured with threads 1"]),
        ([("floor-a", None)], None, None, []),
        ([("m-n10-a", 100_000)], None, None, ["more than this machine has"]),
    ],
)  # fmt: skip
def test_a_study_keeps_to_its_threads(tmp_path, monkeypatch, trials, asked, wanted, said):
    monkeypatch.setattr(cores, "physical_cores", lambda: 3)
    for name, threads in trials:
        trial(tmp_path, name, threads)
    trial(tmp_path, "m-n99-f", 7, is_finished=False)
    told = Told()
    assert threads_of_study(tmp_path, StudyOptions(threads=asked, progress=told)) == wanted
    assert len(told.lines) == len(said)
    assert all(part in line for part, line in zip(said, told.lines, strict=True))


@pytest.mark.parametrize(
    ("n_cores", "share", "threads", "is_said"),
    [(1, 1, 1, False), (2, 1, 1, True), (4, 2, 2, False), (4, 1, 2, True), (4, 8, 1, False), (4, 2, 1, True)],
)
def test_threads_of_the_folder_are_said_only_where_others_are_usual(
    tmp_path, monkeypatch, n_cores, share, threads, is_said
):
    monkeypatch.setattr(cores, "physical_cores", lambda: n_cores)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    trial(tmp_path, "m-n10-a", threads)
    told = Told()
    assert threads_of_study(tmp_path, StudyOptions(share=share, progress=told)) == threads
    assert [line.startswith(f"threads {threads}, as the finished trials") for line in told.lines] == [True] * is_said


def test_a_config_that_cannot_be_read_does_not_stop_a_study(tmp_path):
    trial(tmp_path, "m-n10-a", 1)
    (tmp_path / "trials" / "m-n10-a" / "config.json").write_text("{")
    assert threads_of_study(tmp_path, StudyOptions()) is None
