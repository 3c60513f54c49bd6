"""The third panel: drawn only where there are losses, explained in words, with what is left out and what failed."""

import copy
from typing import Any

import pytest
from matplotlib.colors import to_hex

from tests.study.test_losses import Knowing, run
from tunecurve.report.loss_panel import has_losses, loss_lines, loss_sentences
from tunecurve.report.plots import LEARNER_COLOURS, study_figure
from tunecurve.report.write import write_report
from tunecurve.results.model import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    import json

    from tests.conftest import simple_rows

    folder = tmp_path_factory.mktemp("losses")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(150)))
    return run(folder / "rows.jsonl", folder / "out", Knowing(left_out="train")).results


def test_test_and_training_losses_stand_where_they_were_measured(results: Results, tmp_path):
    figure = study_figure(results)
    assert len(figure.axes) == 3
    panel: Any = figure.axes[2]
    drawn = {tuple(line.get_xdata()): list(line.get_ydata()) for line in panel.lines if len(line.get_xdata()) == 3}
    points = {point.train_size: point.loss for point in results.points if point.strategy == "fine-tune"}
    test, training = [[getattr(points[size], side).mean for size in (5, 20, 80)] for side in ("test", "train")]
    lines = [list(line.get_ydata()) for line in panel.lines if list(line.get_xdata()) == [5, 20, 80]]
    assert lines == [test, training]
    assert list(drawn) == [(5, 20, 80)]
    assert {to_hex(line.get_color()).upper() for line in panel.lines} == {LEARNER_COLOURS[0]}
    assert panel.get_xscale() == panel.get_yscale() == "log"
    assert "token" in panel.get_ylabel()


def test_the_sentence_says_unit_and_what_is_left_out(results: Results, tmp_path):
    first, second = loss_sentences(results)
    assert "nats" in first
    assert "lookup (made up) per token" in first
    n_out = next(point for point in results.points if point.label == "tuned on 5").loss.test.left_out["told so"]
    assert f"{n_out} rows: told so" in second
    (line,) = loss_lines(results)
    mean = next(point for point in results.points if point.label == "tuned on 20").loss.test.mean
    assert f"20 {mean:.3g} / " in line
    assert "zero-shot 1," in line
    write_report(tmp_path, results, with_texts=False)
    assert "lookup (made up) per token" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("what", ["none", "failed", "zero", "prompted only"])
def test_without_losses_there_are_two_panels(results: Results, what):
    bare = results.to_json()
    for point in bare["points"]:
        if what == "zero" and point["loss"]:
            point["loss"]["test"]["mean"] = 0.0
        elif what != "prompted only" or point["strategy"] == "fine-tune":
            point["loss"] = None
    for trial in bare["trials"]:
        if what == "failed" and trial.get("loss"):
            trial["loss"] = {"unit": "token", "note": "", "failure": "RuntimeError: odd", "test": None, "train": None}
    without = Results.from_json(bare)
    assert not has_losses(without)
    assert len(study_figure(without).axes) == 2
    said = loss_sentences(without)
    assert all("could not be measured: RuntimeError: odd" in sentence for sentence in said)
    assert len(said) == (5 if what == "failed" else 0)


def test_of_several_learners_with_one_missing_the_others_are_drawn(results: Results):
    more = results.to_json()
    for point in list(more["points"]):
        if point["strategy"] in ("zero-shot", "fine-tune"):
            more["points"].append(copy.deepcopy(point) | {"learner": "second", "loss": None})
        if point["strategy"] == "fine-tune":
            more["points"].append(copy.deepcopy(point) | {"learner": "third"})
            more["points"][-1]["loss"].update(unit="row", train=None)
    several = Results.from_json(more)
    panel: Any = study_figure(several).axes[2]
    assert len([line for line in panel.lines if list(line.get_xdata()) == [5, 20, 80]]) == 3
    assert panel.get_ylabel() == "loss, nats"
    assert "third" in loss_sentences(several)[0]
    assert len(loss_lines(several)) == 2
