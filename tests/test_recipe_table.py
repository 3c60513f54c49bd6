"""Recipes paired seed by seed: the same training twice differs by nothing, and what is not measured has no cell."""

from __future__ import annotations

import csv
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

from tests.support.class_rows import class_rows
from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder import tagger
from tunecurve.learners.encoder.learner import EncoderLearner
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.lm.training import backends, packed
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.loop import Training
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.spec.training import EncoderSpec

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "curves"))

import label_weights
import mixed_weights
import other_values
import placeholder_weights
import recipes
from sets import CurveSet

TOY = CurveSet("toy", "classification", "toy", "", "", "en", exam=False, train="toy.csv", largest=20)


def measured(folder, recipe, seeds):
    """Measure a set whose learner knows no recipe: what is said of two recipes is what is said of two equal trainings."""
    path = folder / "toy.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(class_rows(120))
    run_study(
        {
            "task": "classification",
            "data": {"source": str(path), "input_column": "text", "target_column": "label"},
            "models": ["tfidf"],
            "shots": [],
            "train_sizes": [10, 20],
            "seeds": seeds,
            "split": {"test_size": 40, "method": "random"},
        },
        out=folder / f"toy--{recipe}",
    )


@pytest.mark.slow
def test_equal_trainings_differ_by_nothing_and_pairs_are_those_of_one_seed(tmp_path):
    measured(tmp_path, "default", 2)
    measured(tmp_path, "auto", 1)
    lines = list(recipes.table([TOY], ["default", "auto", "development"], [10, 20, 50], tmp_path))
    assert lines[0].startswith("| set | rows | default | auto - default | development - default | seconds")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[1] for row in cells] == ["10", "20"]  # 50 was not measured
    for row in cells:
        assert row[0] == "toy, Accuracy"
        assert row[3].startswith("+0.0 [")
        assert row[3].endswith("(one seed)")
        assert row[4] == ""
    runs = load(tmp_path / "toy--default"), load(tmp_path / "toy--auto")
    item, *_ = recipes.paired(runs[0], runs[0], 10)
    assert len(item.seed_scores) == 2
    assert item.estimate == 0.0
    assert recipes.paired(*runs, 50) is None


def test_losses_of_words_weigh_labels_or_hard_words_and_are_put_back():
    shares = torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.5, 0.3]])
    gold, weights = torch.tensor([0, 1]), torch.tensor([0.5, 2.0, 1.0])
    nats = [-math.log(0.9), -math.log(0.5)]
    expected = {
        "1": (0.5 * nats[0] + 2 * nats[1]) / 2.5,
        "4": (0.5 * nats[0] + 8 * nats[1]) / 8.5,
        "focal": (0.5 * 0.1**2 * nats[0] + 2 * 0.5**2 * nats[1]) / 2.5,
    }
    for name, loss in expected.items():
        with label_weights.loss_called(name):
            assert float(tagger.loss_of_tags(shares.log(), gold, weights)) == pytest.approx(loss)
    assert float(tagger.loss_of_tags(shares.log(), gold, weights)) == pytest.approx(expected["1"])
    assert weights.tolist() == [0.5, 2.0, 1.0]


def test_tokens_of_placeholders_are_told_however_brackets_are_cut():
    texts = ["Hi", " [", "FIRST", "NAME", "]", ",", " [[", "X", "],", " a", " ][", "Y", "]"]
    inside = placeholder_weights.inside_placeholders(texts)
    assert [text for text, one in zip(texts, inside, strict=True) if not one] == ["Hi", ",", " a"]


def test_losses_of_tokens_weigh_placeholders_or_hard_tokens_and_are_put_back():
    nats, inside = torch.tensor([0.1, 2.0, 0.5]), torch.tensor([False, True, False])
    lacking = [1 - math.exp(-float(one)) for one in nats]
    expected = {
        "1": 2.6 / 3,
        "3": (0.1 + 3 * 2.0 + 0.5) / 5,
        "focal": sum(share**2 * float(one) for share, one in zip(lacking, nats, strict=True)) / 3,
    }
    for way, loss in expected.items():
        assert float(placeholder_weights.weighted_loss(nats, way, inside)) == pytest.approx(loss)
    own, check = packed.answer_loss, backends.raise_difference
    with placeholder_weights.loss_called("3"):
        assert packed.answer_loss is not own
    assert (packed.answer_loss, backends.raise_difference) == (own, check)


def test_other_values_stand_where_they_are_said_to_and_labels_keep_their_own():
    source = "Ann lives in Rome, Bo in Oslo."
    places = [("Ann", "NAME"), ("Rome", "CITY"), ("Bo", "NAME"), ("Oslo", "CITY")]
    spans = [LabelledSpan(source.index(value), source.index(value) + len(value), label) for value, label in places]
    versions = other_values.versions_of([(source, spans), ("none", [])])
    assert versions[0] == [(source, spans), ("none", [])]
    assert len(versions) == other_values.N_VERSIONS
    seen = set()
    for (text, placed), untouched in versions:
        assert untouched == ("none", [])
        values = [text[span.start : span.end] for span in placed]
        assert text == "{} lives in {}, {} in {}.".format(*values)
        assert [span.label for span in placed] == [label for _, label in places]
        assert {values[0], values[2]} <= {"Ann", "Bo"}
        assert {values[1], values[3]} <= {"Rome", "Oslo"}
        seen.add(text)
    assert len(seen) > 4


def test_ways_to_train_with_other_values_are_put_back():
    own = TaggerLearner.training_task
    for way, task in (("1", own), ("values", other_values.training_task)):
        with other_values.values_called(way):
            assert TaggerLearner.training_task is task
    assert TaggerLearner.training_task is own


def test_weights_are_mixed_with_those_at_the_start_and_what_is_no_weight_is_not(tmp_path):
    start = {"w": torch.tensor([0.0, 4.0]), "places": torch.tensor([1, 2])}
    end = {"w": torch.tensor([2.0, 0.0]), "places": torch.tensor([3, 4])}
    (tmp_path / "encoder").mkdir()
    save_file(end, tmp_path / "encoder" / "model.safetensors")
    save_file({**end, "w": torch.tensor([1.0, 1.0])}, tmp_path / mixed_weights.AVERAGE_FILE)
    expected = {
        "1.0": [2.0, 0.0],
        "0.25": [0.5, 3.0],
        "0.0": [0.0, 4.0],
        "average": [1.0, 1.0],
        "average*0.5": [0.5, 2.5],
    }
    for way, values in expected.items():
        found = mixed_weights.weights_of(way, start, tmp_path)
        assert found["w"].tolist() == values
        assert found["places"].tolist() == [3, 4]


def steps_of(n_steps, first=1):
    """Yield a training after each of its steps: the weights are the step's number, those of words 1 and 3 alone are trained."""
    weights = {"head": torch.zeros(2), "words": torch.zeros(2, 1)}
    for step in range(first, n_steps + 1):
        for values in weights.values():
            values.fill_(step)
        yield SimpleNamespace(state=SimpleNamespace(step=step), steps=[[0]] * n_steps, parameters=weights)


def test_weights_are_averaged_over_the_second_half_of_the_last_training_and_words_that_none_has_stay():
    trained = {"head": torch.full((2,), 5.0), "words": torch.tensor([[9.0], [5.0], [9.0], [5.0]])}
    average = mixed_weights.Average(pieces=[1, 3])
    for training in [*steps_of(8)][:6]:  # one that was given up
        average.add(training)
    for training in steps_of(5):
        average.add(training)
    found = average.whole(trained)
    assert found["head"].tolist() == [4.0, 4.0]  # of steps 3, 4 and 5
    assert found["words"].flatten().tolist() == [9.0, 4.0, 9.0, 4.0]
    assert trained["head"].tolist() == [5.0, 5.0]


def test_a_training_of_which_steps_were_not_seen_has_no_average():
    average = mixed_weights.Average()
    for training in steps_of(5, first=4):
        average.add(training)
    with pytest.raises(SystemExit, match="interrupted"):
        average.whole({})


def test_ways_to_make_weights_are_put_back(tmp_path):
    own = Training.take_step, EncoderLearner._save, EncoderLearner.fine_tune
    for way in ("1", "0.5"):
        with mixed_weights.way_called(way, tmp_path):
            assert (Training.take_step, EncoderLearner._save, EncoderLearner.fine_tune) != own
        assert (Training.take_step, EncoderLearner._save, EncoderLearner.fine_tune) == own


@pytest.mark.slow
def test_a_mixture_of_the_trained_weights_alone_answers_as_they_do(tiny_encoder, rows_file, tmp_path, undrawn):
    study = tmp_path / "toy.yaml"
    study.write_text(
        f"{{name: toy, task: masking, data: {{source: '{rows_file}'}}, split: {{method: random, test_size: 40}}}}"
    )
    options = mixed_weights.parse_options([str(study), "--out", str(tmp_path), "--sizes", "20", "--model", "tagger"])
    ways = ["1", "1.0", "0.0", "average"]
    said = {}
    for way in ways:
        compute = Compute(torch.device("cpu"), torch.float32, 1)
        learner = TaggerLearner("tagger", tiny_encoder, compute, EncoderSpec(epochs=4, learning_rate=0.02))
        with mixed_weights.way_called(way, tmp_path / "toy--1"):
            run_study(
                mixed_weights.study_with(study, way, options),
                out=tmp_path / f"toy--{way}",
                learners={"tagger": learner},
            )
        [answers] = (tmp_path / f"toy--{way}").glob("trials/tagger-*/predictions.jsonl")
        said[way] = [json.loads(line)["prediction"] for line in answers.read_text().splitlines()]
    assert said["1.0"] == said["1"]
    assert said["0.0"] != said["1"] != said["average"]
    lines = list(mixed_weights.table(["toy"], ways, [20, 50], tmp_path))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[2] for row in cells] == ["as it is", *ways[1:]]
    assert all(cell.startswith("+0.0 [") for cell in cells[1][3:])
