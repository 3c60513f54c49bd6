"""When a study that is at work draws its report: soon enough for who looks, and not before it is worth half a second."""

import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import Interrupted
from tunecurve.results.stored import RESULTS
from tunecurve.run import run_study
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
