"""The public names: nouns and a few verbs; the names of earlier versions go on for one version and say what to write."""

import json
import subprocess
import sys

import pytest

import tunecurve
from tests.fakes.lookup_learner import LookupLearner
from tunecurve.curve.answer import CurveAnswer

STUDY = {
    "name": "tiny",
    "split": {"test_size": 30, "method": "random"},
    "models": ["lookup"],
    "shots": [0],
    "train_sizes": [5, 20, 80],
    "bootstrap": {"draws": 200},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    from tests.conftest import simple_rows

    folder = tmp_path_factory.mktemp("api")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    values = {**STUDY, "data": {"source": str(folder / "rows.jsonl")}}
    return tunecurve.run(values, out=folder / "out", learners={"lookup": LookupLearner()})


def test_every_public_name_is_there():
    nouns = {"Study", "Results", "Learner", "Metric", "CurvePoints", "forecast_curve", "run", "load", "load_predictor"}
    assert nouns <= set(tunecurve.__all__)
    for name in tunecurve.__all__:
        assert getattr(tunecurve, name) is not None


def test_what_is_run_can_be_loaded_and_is_the_same(finished):
    assert isinstance(finished, tunecurve.Results)
    again = tunecurve.load(finished.folder)
    assert again.to_json() == finished.to_json()
    assert again.folder == finished.folder
    assert again.headline == finished.headline
    assert json.loads((finished.folder / "results.json").read_text()).items() >= finished.to_json().items()


def test_results_are_read_by_attribute(finished):
    best = finished.best_trial()
    assert best is not None
    assert best.train_size == 80
    assert finished.metric().name == finished.primary_metric == "bleu"
    assert finished.points[-1].scores["bleu"].estimate == finished.to_json()["points"][-1]["scores"]["bleu"]["estimate"]
    assert isinstance(finished.forecast["lookup"], CurveAnswer)
    assert finished.study.train_sizes == [5, 20, 80]
    assert {row["metric"] for row in finished.rows} >= {"bleu", "leak_documents"}


def test_results_have_a_table_a_plot_and_a_frame(finished):
    assert "tuned on 80" in repr(finished)
    assert "<table>" in finished._repr_html_()
    axes = finished.plot()
    assert axes.get_xscale() == "log"
    assert finished.plot(axes, metric="leak_documents") is axes
    frame = finished.to_frame()
    assert len(frame[(frame.metric == "bleu") & (frame.strategy == "fine-tune")]) == 3


@pytest.mark.slow
def test_the_module_of_the_name_is_the_function_of_the_name():
    """Whatever was imported first."""
    code = (
        "import tunecurve; import tunecurve.run; from tunecurve.run import run_study; from tunecurve import run\n"
        "assert callable(run) and callable(tunecurve.run) and tunecurve.run.run_study is run_study\n"
        "try:\n    tunecurve.run('nowhere.yaml')\n"
        "except tunecurve.run.TunecurveError as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "study file 'nowhere.yaml' does not exist" in told.stdout


def old_name(name):
    with pytest.warns(DeprecationWarning, match=f"tunecurve.{name} is an old name"):
        return getattr(tunecurve, name)


@pytest.mark.parametrize(
    ("old", "new"),
    [("run_study", "run"), ("learning_curve", "run"), ("load_study", "load"), ("LearningCurve", "Results")],
)
def test_old_names_say_what_to_write(old, new):
    with pytest.warns(DeprecationWarning, match=f"use tunecurve.{new}$"):
        getattr(tunecurve, old)
    assert old not in tunecurve.__all__


@pytest.mark.slow
def test_old_names_go_on_working(finished):
    curve = old_name("load_study")(finished.folder)
    assert curve.results["headline"] == curve.headline == finished.headline
    assert [point["label"] for point in curve.results["points"]] == [point.label for point in finished.points]
    assert curve.rows == finished.rows
    assert old_name("LearningCurve")(finished.to_json()).headline == finished.headline
    done = old_name("run_study")({**finished.spec}, out=finished.folder, learners={"lookup": LookupLearner()})
    assert done.outcome.n_run == 0
    assert done.results.headline == finished.headline


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'learning_curves'"):
        _ = tunecurve.learning_curves


def test_importing_the_package_imports_next_to_nothing():
    code = "import sys, tunecurve; print(sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'pydantic', 'torch')))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


@pytest.mark.parametrize(("fails", "said"), [(20, "failed: lookup, fine-tune-n20-seed0: "), (80, "fine-tune-n80")])
@pytest.mark.slow
def test_a_table_names_the_trials_that_failed(tmp_path, fails, said):
    from tests.conftest import simple_rows

    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    values = {**STUDY, "data": {"source": str(tmp_path / "rows.jsonl")}}
    found = tunecurve.run(values, out=tmp_path / "out", learners={"lookup": LookupLearner(fail_on_size=fails)})
    assert said in repr(found)
    assert said in found._repr_html_()


def test_a_table_of_a_whole_study_names_no_trial(finished):
    assert "failed" not in repr(finished) + finished._repr_html_()
    assert "not finished" not in repr(finished)
