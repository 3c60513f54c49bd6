"""When a study that is at work draws its report: soon enough for who looks, and not before it is worth half a second."""

import threading
import time

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import Interrupted
from tunecurve.results.collect import ResultsBuilder
from tunecurve.results.stored import RESULTS, read_results
from tunecurve.run import run_study
from tunecurve.storage.files import write_checked_json
from tunecurve.study.progress import Progress

STUDY = {
    "split": {"test_size": 20, "method": "random"},
    "models": ["lookup"],
    "train_sizes": [5],
    "bootstrap": {"draws": 100},
}


class Slow(LookupLearner):
    def __init__(self, seconds):
        super().__init__("lookup")
        self.seconds = seconds

    def estimate_seconds(self, work):
        return self.seconds


class Looking(Progress):
    """Looks, when the first model's trial begins, at what there is of the trial before it; stops there where it is told to."""

    def __init__(self, folder, *, stops):
        self.folder, self.stops, self.seen, self.stop_requested = folder, stops, None, False

    def answered(self, trial, n_done, n_all, tokens_per_second):
        if trial.learner == "lookup" and self.seen is None:
            self.seen = {name: (self.folder / name).exists() for name in (RESULTS, "report.html")}
            self.stop_requested = self.stops


@pytest.mark.parametrize(("seconds", "is_drawn"), [(0.0, False), (1.0, False), (600.0, True)])
def test_the_first_numbers_are_drawn_at_once_where_the_rest_takes_long(
    rows_file, tmp_path, monkeypatch, seconds, is_drawn
):
    monkeypatch.setattr(
        "tunecurve.report.live.write_report", lambda folder, results: (folder / "report.html").write_text("")
    )
    looking = Looking(tmp_path, stops=False)
    run_study(
        {**STUDY, "data": {"source": str(rows_file)}},
        out=tmp_path,
        learners={"lookup": Slow(seconds)},
        progress=looking,
    )
    assert looking.seen == {RESULTS: True, "report.html": is_drawn}
    assert (tmp_path / "report.html").exists()


def test_a_study_that_is_stopped_in_its_first_seconds_leaves_a_report(rows_file, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tunecurve.report.live.write_report", lambda folder, results: (folder / "report.html").write_text("")
    )
    looking = Looking(tmp_path, stops=True)
    study = {**STUDY, "data": {"source": str(rows_file)}}
    with pytest.raises(Interrupted):
        run_study(study, out=tmp_path, learners={"lookup": Slow(0.0)}, progress=looking)
    assert looking.seen == {RESULTS: True, "report.html": False}
    assert (tmp_path / "report.html").exists()


class Waiting(LookupLearner):
    """Tunes on ten rows only once `is_ready` says so, or after half a minute."""

    def __init__(self, is_ready):
        super().__init__("lookup")
        self.is_ready, self.was_ready = is_ready, None

    def estimate_seconds(self, work):
        return 600.0

    def fine_tune(self, job, on_step):
        if len(job.examples) == 10:
            end = time.monotonic() + 30.0
            while not (found := self.is_ready()) and time.monotonic() < end:
                time.sleep(0.02)
            self.was_ready = found
        return super().fine_tune(job, on_step)


def tuned_on(folder):
    return [trial.train_size for trial in read_results(folder).finished if trial.strategy == "fine-tune"]


def run_waiting(rows_file, folder, is_ready):
    learner = Waiting(is_ready)
    study = {**STUDY, "train_sizes": [5, 10], "data": {"source": str(rows_file)}}
    done = run_study(study, out=folder, learners={"lookup": learner})
    return learner, done.results


def test_what_a_slow_drawing_puts_off_is_written_while_the_next_trial_runs(rows_file, tmp_path, monkeypatch):
    monkeypatch.setattr("tunecurve.report.live.MOST_SECONDS_BEHIND", 0.05)
    monkeypatch.setattr("tunecurve.report.live.write_report", lambda folder, results: time.sleep(0.5))
    learner, _ = run_waiting(rows_file, tmp_path, lambda: tuned_on(tmp_path) == [5])
    assert learner.was_ready


def test_a_report_that_is_put_off_is_drawn_while_the_next_trial_runs(rows_file, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("tunecurve.report.live.SHARE_OF_TIME", 0.5)
    monkeypatch.setattr(
        "tunecurve.report.live.write_report",
        lambda folder, results: drawn.append(len(results.finished)) or time.sleep(0.1),
    )
    learner, results = run_waiting(
        rows_file, tmp_path, lambda: len(tuned_on(tmp_path)) == 1 and drawn[-1] == len(read_results(tmp_path).finished)
    )
    assert learner.was_ready
    assert drawn[-1] == len(results.finished)


def test_a_writing_that_goes_wrong_beside_a_trial_is_done_again(rows_file, tmp_path, monkeypatch):
    def write(path, value):
        if threading.current_thread() is not threading.main_thread():
            tried.append(path)
            raise OSError("no room for it, for a moment")
        write_checked_json(path, value)

    tried = []
    monkeypatch.setattr("tunecurve.report.live.MOST_SECONDS_BEHIND", 0.05)
    monkeypatch.setattr("tunecurve.report.live.write_checked_json", write)
    monkeypatch.setattr("tunecurve.report.live.write_report", lambda folder, results: time.sleep(0.5))
    learner, results = run_waiting(rows_file, tmp_path, lambda: tried)
    assert learner.was_ready
    assert results.complete
    assert tuned_on(tmp_path) == [5, 10]


def test_a_trial_that_ends_while_results_are_made_is_in_the_next_ones(rows_file, tmp_path, monkeypatch):
    """As it is elsewhere, or beside the thread: no results tell of a finished trial that has no scores."""
    points = ResultsBuilder._points

    def end_another(builder, scored, finished):
        ends.extend(item.folder for item in builder.planned if not item.folder.is_finished)
        for folder in ends:
            folder.path.mkdir(parents=True, exist_ok=True)
            (folder.path / "result.json").touch()
        return points(builder, scored, finished)

    def write(path, value):
        n_ended.append(len(ends))
        for folder in ends:
            (folder.path / "result.json").unlink()
        ends.clear()
        write_checked_json(path, value)
        written.append(read_results(tmp_path))

    ends, n_ended, written = [], [], []
    monkeypatch.setattr(ResultsBuilder, "_points", end_another)
    monkeypatch.setattr("tunecurve.report.live.write_checked_json", write)
    monkeypatch.setattr("tunecurve.report.live.write_report", lambda folder, results: None)
    run_study({**STUDY, "data": {"source": str(rows_file)}}, out=tmp_path, learners={"lookup": Slow(0.0)})
    assert n_ended[0] > 0
    for results in written:
        finished = {trial.folder for trial in results.finished}
        assert {trial.folder for trial in results.trials if trial.state == "finished"} == finished
