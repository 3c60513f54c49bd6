"""Development rows: which they are, stopping, the best state, the choice of a learning rate, and kills at any step."""

import itertools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import simple_rows
from tunecurve.errors import Interrupted, SpecError
from tunecurve.learners.base import TrainingJob, Workload
from tunecurve.learners.development_settings import FEWEST_DEVELOPMENT_ROWS, steps_in_all
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.recipe import resolve_encoder_recipe
from tunecurve.learners.encoder.tagger import TaggerLearner
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.loop import Training
from tunecurve.learners.torch.training_with_development import LOOKS, PATIENCE, development_rows
from tunecurve.prompts import PromptRenderer
from tunecurve.report.training_words import training_in_words
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.spec.training import EncoderSpec
from tunecurve.study.options import StudyOptions
from tunecurve.study.prepare import prepare_study

FLOAT32 = Compute(torch.device("cpu"), torch.float32, 2)
RENDERER = PromptRenderer("unused", labels=("NAME", "CITY"))
MASKINGS = [RENDERER.tuning_example(row["source_text"], row["target_text"]) for row in simple_rows(60)]
CLASSES = [RENDERER.tuning_example(row["source_text"], row["kind"]) for row in simple_rows(60)]
KINDS = {"tagger": (TaggerLearner, MASKINGS), "classifier": (ClassifierLearner, CLASSES)}


@given(st.lists(st.integers(0, 40).map(str), max_size=120), st.sampled_from([0.1, 0.2, 0.3, 0.5]))
def test_development_rows_are_whole_groups_and_at_most_half(groups, share):
    chosen = development_rows(groups, share)
    assert {groups[row] for row in chosen}.isdisjoint(group for row, group in enumerate(groups) if row not in chosen)
    assert chosen == sorted(set(chosen))
    assert not chosen or FEWEST_DEVELOPMENT_ROWS <= len(chosen) <= len(groups) / 2
    assert chosen == development_rows(groups, share)


@pytest.mark.parametrize(
    ("n", "share", "expected"),
    [(50, 0.2, 10), (200, 0.2, 40), (200, 0.1, 20), (10, 0.5, 5), (24, 0.2, 5), (23, 0.2, 5), (22, 0.2, 0)],
)
def test_rows_without_groups_give_the_share(n, share, expected):
    assert len(development_rows([str(row) for row in range(n)], share)) == expected


@pytest.mark.parametrize("groups", [["a"] * 50, ["a"] * 40 + ["b"] * 40, [str(row) for row in range(7)], []])
def test_too_few_rows_or_groups_give_none(groups):
    assert development_rows(groups, 0.2) == []


def learner_of(kind, tiny_encoder, **settings):
    build, examples = KINDS[kind]
    return build(kind, tiny_encoder, FLOAT32, EncoderSpec(**{"epochs": 6, "batch_size": 8} | settings)), examples


def tune(learner, examples, folder, on_step=lambda step: None, groups=()):
    folder.mkdir(exist_ok=True)
    job = TrainingJob(examples, learner.resolve_recipe({}, len(examples)), 0, folder, groups)
    record = learner.fine_tune(job, on_step).record
    return record, (folder / "encoder" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{"development_share": 0.2}, {"learning_rate": "auto"}])
def test_a_killed_training_ends_with_the_same_bits(tiny_encoder, tmp_path, kind, settings):
    learner, examples = learner_of(kind, tiny_encoder, **settings)
    seen = []
    whole, weights = tune(learner, examples, tmp_path / "whole", lambda step: seen.append((step.phase, step.step)))
    for count in sorted({2, len(seen) // 3, len(seen) // 2, len(seen) - 1}):
        folder, left = tmp_path / f"killed-{count}", itertools.count(1)

        def stop(step, left=left, count=count):
            if next(left) == count:
                raise Interrupted("stopped")

        with pytest.raises(Interrupted):
            tune(learner, examples, folder, stop)
        again, weights_again = tune(learner, examples, folder)
        assert weights_again == weights
        assert json.dumps(again.development.to_json()) == json.dumps(whole.development.to_json())
        assert again.losses == whole.losses
        assert not (folder / "learning-rates").exists()


def test_the_best_of_three_rates_goes_on_from_where_it_was(tiny_encoder, tmp_path):
    learner, examples = learner_of("classifier", tiny_encoder, learning_rate="auto")
    steps = []
    record, _ = tune(learner, examples, tmp_path / "auto", steps.append)
    seen = record.development
    assert record.kept_aside == development_rows([str(row) for row in range(60)], 0.2)
    assert [one.learning_rate for one in seen.tried] == [6.67e-5, 2e-4, 6e-4]
    best = min(seen.tried, key=lambda one: one.development_loss)
    assert seen.learning_rate == best.learning_rate
    assert seen.rows == 12  # of 60: they count in n
    assert {one.steps for one in seen.tried} == {8}  # a fifth of 36 steps, 48 rows, 8 a step, 6 epochs
    assert len(steps) == 3 * 8 + record.steps - 8 == record.steps + seen.steps_of_others
    assert "16 more steps at other learning rates, 12 development rows" in training_in_words(record)
    # Two routes: what the chosen rate gives when it is the only one, on the same development rows.
    alone, _ = learner_of("classifier", tiny_encoder, learning_rate=best.learning_rate, development_share=0.2)
    same, _ = tune(alone, examples, tmp_path / "alone")
    assert same.losses == record.losses
    assert same.development.losses == seen.losses


def planned_steps(learner, rows, folder, size):
    """Return how many steps `plan` says for tuning on so many rows, in a study of its own."""
    folder.mkdir()
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    values = {
        "data": {"source": str(folder / "rows.jsonl")},
        "split": {"test_size": 10, "method": "random"},
        "train_sizes": [size],
        "shots": [],
        "models": ["tagger"],
        "encoder": learner.settings.model_dump(exclude_unset=True),
    }
    prepared = prepare_study(values, StudyOptions(out=folder / "run", learners={"tagger": learner}))
    return next(work.steps for trial, work in prepared.workloads.items() if trial.strategy == "fine-tune")


def test_rows_for_a_threshold_and_for_development_are_no_early_end(tiny_encoder, tmp_path):
    """50 rows: 10 for the threshold, 8 for development, 32 in 2 steps of 16, 10 times."""
    settings = {"over_masking": 5.0, "learning_rate": "auto", "batch_size": 16, "epochs": 10}
    learner, examples = learner_of("tagger", tiny_encoder, **settings)
    record, _ = tune(learner, examples[:50], tmp_path / "trial")
    assert len(record.kept_aside) == 18
    assert record.recipe["n_steps"] == 20
    steps = f"20 × {record.epochs}" if record.steps == 20 else f"{record.steps} of 20 × "
    assert training_in_words(record).startswith(steps)
    assert planned_steps(learner, simple_rows(60), tmp_path / "study", 50) == 20 + 2 * 4


def test_windows_of_long_rows_are_steps_of_the_plan_and_of_the_record(tiny_encoder, tmp_path):
    rows = [{name: f"{text} " * 40 for name, text in row.items()} for row in simple_rows(34)]
    learner, _ = learner_of("tagger", tiny_encoder, epochs=2)
    examples = [RENDERER.tuning_example(row["source_text"], row["target_text"]) for row in rows[:24]]
    record, _ = tune(learner, examples, tmp_path / "trial")
    assert record.steps == record.recipe["n_steps"] > 2 * 24 / 8
    assert training_in_words(record) == f"{record.steps} × 2"
    planned = planned_steps(learner, rows, tmp_path / "study", 24)
    assert planned == pytest.approx(record.steps, rel=0.1)  # other rows of the same kind


def test_training_stops_and_keeps_the_best_state(tiny_encoder, tmp_path):
    """At an absurd learning rate rows that were not trained on get worse; the state of the best look stays."""
    learner, examples = learner_of("classifier", tiny_encoder, learning_rate=0.05, development_share=0.2, epochs=20)
    record, _ = tune(learner, examples, tmp_path / "trial")
    looks = record.development.losses
    best = looks.index(min(looks))
    assert record.development.best_step == (best + 1) * record.development.steps_between
    assert len(looks) == min(LOOKS, best + 1 + PATIENCE)
    assert record.steps == len(looks) * record.development.steps_between == len(record.losses)
    assert f", model of step {record.development.best_step}, 12 development rows, " in training_in_words(record)


@pytest.mark.parametrize("settings", [{"development_share": 0.2}, {"learning_rate": "auto"}])
@pytest.mark.parametrize(
    ("n", "groups", "reason"), [(10, (), "are too few"), (60, ["one"] * 60, "are in too few groups")]
)
def test_too_few_rows_are_said_and_trained_as_usual(tiny_encoder, tmp_path, settings, n, groups, reason):
    learner, examples = learner_of("tagger", tiny_encoder, **settings)
    record, weights = tune(learner, examples[:n], tmp_path / "asked", groups=groups)
    assert record.development is None
    assert record.kept_aside is None
    assert record.path.endswith(f"no development rows, the usual learning rate and all steps: {n} rows {reason}")
    usual, _ = learner_of("tagger", tiny_encoder)
    _, expected = tune(usual, examples[:n], tmp_path / "usual")
    assert weights == expected


def test_sizes_without_development_rows_are_a_finding_where_they_were_asked_for(tiny_encoder, tmp_path, rows_file):
    values = {
        "data": {"source": str(rows_file)},
        "split": {"test_size": 20, "method": "random"},
        "shots": [],
        "models": ["tagger"],
    }
    told = {}
    for name, settings, sizes in (
        ("usual", {}, [8, 60]),
        ("enough", {"development_share": 0.2}, [23, 60]),
        ("mixed", {"development_share": 0.2}, [8, 22, 60]),
        ("none", {"learning_rate": "auto"}, [8]),
    ):
        learner, _ = learner_of("tagger", tiny_encoder, **settings)
        options = StudyOptions(out=tmp_path / name, learners={"tagger": learner})
        found = prepare_study({**values, "train_sizes": sizes}, options).data.findings
        told[name] = [(one.text, one.remedy) for one in found if one.code == "no-development-rows"]
    assert told["usual"] == told["enough"] == []
    [(text, remedy)] = told["mixed"]
    assert text.startswith(
        "tagger: 2 sizes (8, 22) have too few rows for development rows (fewer than 5 would be kept)"
    )
    assert text.endswith("the other sizes are of another recipe, on the same curve")
    assert remedy.startswith("compare sizes of one kind")
    [(text, remedy)] = told["none"]
    assert text.startswith("tagger: 1 size (8) has too few rows")
    assert "on the same curve" not in text + remedy


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_that_asks_for_nothing_is_what_it_was(tiny_encoder, kind):
    usual, _ = learner_of(kind, tiny_encoder)
    asks, _ = learner_of(kind, tiny_encoder, learning_rate="auto")
    assert not {"development_share", "tried_learning_rates"} & usual.resolve_recipe({}, 60).keys()
    assert steps_in_all(usual.resolve_recipe({}, 60), 100) == 100
    assert steps_in_all(asks.resolve_recipe({}, 60), 100) == 140
    assert steps_in_all(asks.resolve_recipe({}, 60), 12) == 18, "each of the two others takes a fifth, rounded up"
    assert usual.estimate_seconds(Workload(0, 0, 0, 0)) >= 0


@pytest.mark.parametrize("section", ["recipe", "encoder"])
@pytest.mark.parametrize("values", [{"learning_rate": "best"}, {"development_share": 0}, {"development_share": 0.6}])
def test_values_out_of_range_are_errors_of_the_study_file(section, values):
    with pytest.raises(SpecError, match=f"{section}.{next(iter(values))}"):
        parse_spec({section: values}, "study")


@pytest.mark.parametrize("recipe", [{"learning_rate": "auto"}, {"development_share": 0.2}])
def test_trainings_computed_together_are_not_looked_at(recipe):
    with pytest.raises(SpecError, match="expected train_together: false"):
        parse_spec({"recipe": recipe, "train_together": True}, "study")


def test_what_is_tried_is_in_the_plan(tiny_encoder, tmp_path, rows_file):
    values = {"data": {"source": str(rows_file)}, "split": {"test_size": 20, "method": "random"}, "train_sizes": [60]}
    work, steps = {}, {}
    for name, settings in {
        "usual": {},
        "watched": {"development_share": 0.2},
        "auto": {"learning_rate": "auto"},
    }.items():
        learner, _ = learner_of("tagger", tiny_encoder, **settings)
        options = StudyOptions(out=tmp_path / name, learners={"tagger": learner})
        study = prepare_study({**values, "shots": [], "models": ["tagger"]}, options)
        [item] = [item for item in study.planned if item.trial.strategy == "fine-tune"]
        work[name], steps[name] = study.workloads[item.trial], item.config["recipe"]["n_steps"]
    assert steps == {"usual": 48, "watched": 36, "auto": 36}  # 60 or 48 rows, 8 a step, 6 passes
    assert (work["usual"].steps, work["watched"].steps, work["auto"].steps) == (
        48,
        36,
        36 + 2 * 8,
    )  # a fifth of 36 steps, rounded up, at the two other rates
    assert work["auto"].tokens_trained == pytest.approx(52 / 36 * work["watched"].tokens_trained, rel=0.01)
    assert work["watched"].tokens_trained == pytest.approx(48 / 60 * work["usual"].tokens_trained, rel=0.01)
    sources = sum(learner.count_tokens(row.source) + 2 for row in study.data.pool[:60])  # an encoder reads no targets
    assert work["usual"].tokens_trained == pytest.approx(6 * sources, rel=0.05)
    assert {own.n_training_rows for own in work.values()} == {60}  # all of them were labelled


@pytest.mark.parametrize(("n_steps", "expected"), [(0, 0), (1, 1), (6, 1), (7, 2), (36, 6)])
def test_the_epochs_of_a_training_that_ended_early_are_those_it_began(n_steps, expected):
    parameters = {"one": torch.nn.Parameter(torch.zeros(1))}
    recipe = resolve_encoder_recipe({"epochs": 6, "batch_size": 8}, 48)
    training = Training(
        parameters=parameters, optimizer=torch.optim.SGD(parameters.values()), recipe=recipe, seed=0, lengths=[3] * 48
    )
    training.state.step = n_steps
    record = training.record([3] * 48, "")
    assert (record.epochs, record.examples_seen) == (expected, 8 * n_steps)


def test_the_time_of_a_training_is_that_of_all_rates_that_were_tried(tiny_encoder, tmp_path, monkeypatch):
    """A clock that goes on by one second a call: two calls a step."""
    ticks = itertools.count()
    monkeypatch.setattr("tunecurve.learners.torch.loop.time.perf_counter", lambda: float(next(ticks)))
    learner, examples = learner_of("classifier", tiny_encoder, learning_rate="auto")
    record, _ = tune(learner, examples, tmp_path / "auto")
    n_steps_left = 2 * record.development.tried[0].steps
    assert record.train_seconds >= record.steps + n_steps_left
    watched, _ = learner_of("classifier", tiny_encoder, development_share=0.2)
    record, _ = tune(watched, examples, tmp_path / "watched")
    assert record.steps <= record.train_seconds < record.steps + n_steps_left


@pytest.mark.parametrize(
    ("settings", "n_aside"),
    [
        ({}, 0),
        ({"development_share": 0.2}, 12),
        ({"over_masking": 5}, 12),
        ({"development_share": 0.2, "over_masking": 5}, 22),
    ],
)
def test_rows_kept_from_training_are_in_n_and_no_rows_that_the_model_has_seen(
    tiny_encoder, tmp_path, rows_file, settings, n_aside
):
    learner, _ = learner_of("tagger", tiny_encoder, **settings)
    values = {
        "data": {"source": str(rows_file)}, "split": {"test_size": 20, "method": "random"}, "train_sizes": [60],
        "shots": [], "models": ["tagger"], "training_score_rows": 60,
    }  # fmt: skip
    results = run_study(values, out=tmp_path / "run", learners={"tagger": learner}).results
    [trial] = [trial for trial in results.finished if trial.strategy == "fine-tune"]
    [point] = [point for point in results.points if point.strategy == "fine-tune"]
    assert trial.train_size == point.train_size == 60
    assert len(trial.training.kept_aside or ()) == n_aside
    assert point.training_scores.n_rows == trial.loss.train.n_rows == 60 - n_aside
    assert trial.training.examples_seen == trial.training.epochs * (60 - n_aside)
    page = (tmp_path / "run" / "report.html").read_text()
    assert (", 12 rows for thresholds" in page) == ("over_masking" in settings)
