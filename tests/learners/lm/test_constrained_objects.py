"""Answers held to JSON of the shape of the training rows: always such objects, the same by every way of decoding."""

import json
from copy import copy
from dataclasses import replace

import pytest
import torch

from tests.learners.lm.test_constrained import Scripted, answers
from tests.learners.lm.training.test_training import tiny
from tunecurve.errors import ModelError, SpecError
from tunecurve.formats.json_objects import read_object
from tunecurve.formats.json_shapes import JsonShape, shape_of_paths, shape_of_targets
from tunecurve.learners.base import predict
from tunecurve.learners.lm.constrained import ObjectConstraint, ObjectLearner
from tunecurve.learners.lm.decoding.generate import AnswerLimits
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.learners.torch.device import choose_compute
from tunecurve.predictor import load_predictor
from tunecurve.prompts import PromptRenderer
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec

NAMES = ("Ada", "Bo", "Zoë", "日本", "Eve 😀", 'The "Who"', "", "Gus\\Hal")


def row(number):
    order = {"name": NAMES[number % 8], "n": number % 5, "where": {"city": f"c{number}"}, "tags": ["a"] * (number % 3)}
    keys = list(order)[number % 4 :] + list(order)[: number % 4]
    return f"{NAMES[number % 8]} wants {number % 5} in c{number}", {key: order[key] for key in keys}


ROWS = [row(number) for number in range(60)]
SHAPE = shape_of_targets((json.dumps(value), source) for source, value in ROWS)
RENDERER = PromptRenderer("Extract {labels}.", labels=("name", "n", "where.city", "tags"), shape=SHAPE)
PROMPTS = [RENDERER.prompt(source) for source, _ in ROWS[:8]]


class Closing(ObjectConstraint):
    """The constraint of a model that likes to end what it has begun; the tiny one would write a text for ever."""

    def choose(self, logits, likeliest, guesses):
        fond = logits.clone()
        for text, more in ((b'"', 300.0), (b"}", 200.0), (b"]", 100.0)):
            fond[:, self.tokens.longest_at(text, 0)] += more
        fond[:, self.end_id] += 400.0
        return super().choose(fond, fond.argmax(dim=-1).tolist(), guesses)


@pytest.fixture
def _closing(monkeypatch):
    monkeypatch.setattr("tunecurve.learners.lm.constrained.ObjectConstraint", Closing)


def constrained(learner):
    return ObjectLearner(learner.files, learner.compute, AnswerLimits(max_extra_tokens=120))


@pytest.mark.usefixtures("_closing")
@pytest.mark.parametrize("shape", [SHAPE, shape_of_paths(RENDERER.labels)], ids=["rows", "labels"])
def test_every_finished_answer_is_an_object_of_the_shape_and_the_ways_of_decoding_agree(tiny_model_folder, shape):
    learner = constrained(tiny(tiny_model_folder))
    prompts = [replace(prompt, shape=shape) for prompt in PROMPTS]
    written = answers(learner, prompts)
    assert [one.text for one in written] == [one.text for one in answers(learner, prompts, only="reference")]
    assert all(one.constraint_seconds > 0 for one in written)
    finished = [one.text for one in written if one.stop_reason == "end"]
    assert len(finished) > len(prompts) // 2
    assert all(shape.has(read_object(text)) for text in finished)
    free = predict(tiny(tiny_model_folder), prompts)
    assert not any(read_object(one.text) for one in free)
    assert {one.constraint_seconds for one in free} == {0.0}


@pytest.mark.parametrize("only", ["packed", "reference"])
@pytest.mark.parametrize("n_extra", [0, 1, 3, 60])
def test_an_object_is_closed_at_the_cap_by_a_model_that_would_go_on_for_ever(tiny_model_folder, only, n_extra):
    """The tiny model writes at random; its answers are whole wherever the cap holds the shortest object."""
    shape = replace(SHAPE, needed=frozenset())
    learner = tiny(tiny_model_folder)
    learner = ObjectLearner(learner.files, learner.compute, AnswerLimits(0, 2 + n_extra))
    written = answers(learner, [replace(prompt, shape=shape) for prompt in PROMPTS], only=only)
    assert [one.stop_reason for one in written] == ["end"] * len(PROMPTS)
    assert all(shape.has(read_object(one.text)) and one.tokens_out <= 2 + n_extra for one in written)


@pytest.mark.parametrize("n_extra", [-1, 0, 1, 20])
def test_the_keys_that_are_needed_are_written_wherever_the_cap_holds_them(tiny_model_folder, n_extra):
    learner = constrained(tiny(tiny_model_folder))
    shortest = learner.constraint(PROMPTS[0])._shortest_way_out(learner.constraint(PROMPTS[0]).automaton.start)
    held = ObjectLearner(learner.files, learner.compute, AnswerLimits(0, len(shortest) + n_extra))
    written = answers(held, PROMPTS)
    whole = [SHAPE.has(read_object(one.text)) for one in written]
    assert whole == [n_extra >= 0] * len(PROMPTS)
    assert all((one.stop_reason == "end") is is_whole for one, is_whole in zip(written, whole, strict=True))
    assert [one.is_closed for one in written] == whole


def test_a_cap_too_small_for_any_object_cuts(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    learner = ObjectLearner(learner.files, learner.compute, AnswerLimits(0, 4))
    written = answers(learner, PROMPTS)  # four keys are needed
    assert {(one.stop_reason, one.is_closed, one.tokens_out) for one in written} == {("length", False, 4)}


@pytest.mark.parametrize("n_more", [0, 1, 9])
def test_an_answer_that_fits_is_not_closed(real, n_more):
    for source, value in ROWS[:5]:
        wanted = [*real.encoder.token_ids(json.dumps(value)), real.encoder.end_token_id]
        model = Scripted(held_to(real, len(wanted) - 1 + n_more), RENDERER.prompt(source))
        assert model.write(wanted) == wanted
        assert not model.constraint.is_closed


@pytest.fixture(scope="module")
def real(smollm2):
    return ObjectLearner(smollm2, replace(choose_compute("cpu"), dtype=torch.float32), AnswerLimits())


def held_to(learner, n_tokens):
    """Return a learner with the tokenizer and the table of tokens of another one, which takes a second, and a cap of its own."""
    held = copy(learner)
    held.limits = AnswerLimits(0, n_tokens)
    return held


@pytest.mark.parametrize("written", [{}, {"indent": 2}, {"ensure_ascii": False}, {"separators": (",", ":")}])
def test_an_answer_of_the_shape_is_left_as_it_is(real, written):
    real = held_to(real, 400)  # longer ones are closed
    for source, value in ROWS:
        wanted = [*real.encoder.token_ids(json.dumps(value, **written)), real.encoder.end_token_id]
        assert Scripted(real, RENDERER.prompt(source)).write(wanted) == wanted


def test_tokens_that_span_the_structure_are_taken_apart(real):
    """The token ``"},`` ends a text, an object and begins the next key: it is taken only where all of it may stand."""
    token = {text: real.encoder.token_ids(text)[0] for text in ('{"', "name", '":', ' "', "Ada", '"},', '"}', '",')}
    model = Scripted(real, RENDERER.prompt("x"))
    for text in ('{"', "name", '":', ' "', "Ada"):
        assert model.next(token[text]) == token[text]
    # The outermost object cannot be followed by a comma, and needs its other keys before it ends.
    assert model.next(token['"},'], token['"}'], token['",']) == token['",']


def test_a_model_that_wants_prose_begins_an_object_and_can_end_it(real):
    prompt = replace(RENDERER.prompt("x"), shape=shape_of_paths(["a"]))
    model = Scripted(real, prompt)
    prose, end = real.encoder.token_ids("Sure")[0], real.encoder.end_token_id
    first = model.next(prose)
    assert real.tokens[first].lstrip()[:1] in (b"{", b"")
    assert model.next(end, prose) != end


def test_what_the_training_rows_lack_is_told_of_the_perfect_model(real):
    examples = [RENDERER.tuning_example(source, json.dumps(value)) for source, value in ROWS]
    targets = [json.dumps(ROWS[0][1]), '{"other": 1}', json.dumps(ROWS[1][1])]
    found = real.return_targets(PROMPTS[:3], targets, examples)
    assert [(loss.step, loss.rows) for loss in found.losses] == [("shape", (1,))]
    assert found.texts[1] == ""
    assert all(found.texts[::2])
    assert not real.return_targets(PROMPTS[:3], targets, []).losses


def test_a_prompt_without_a_shape_and_other_tasks_are_refused(tiny_model_folder):
    with pytest.raises(ModelError, match="the constraint needs an extraction task"):
        predict(constrained(tiny(tiny_model_folder)), [replace(PROMPTS[0], shape=None)])
    with pytest.raises(SpecError, match="expected task: masking or extraction"):
        parse_spec({"task": "summarization", "models": ["constrained:x"]})
    options = LearnerOptions(task=parse_spec({"task": "extraction"}).kind, device="cpu")
    name = f"constrained:{tiny_model_folder}"
    assert isinstance(build_learners([name], options)[name], ObjectLearner)


@pytest.mark.usefixtures("_closing")
def test_a_study_trains_once_and_holds_each_size_to_its_own_rows(tiny_model_folder, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"mail": source, "fields": value}) + "\n" for source, value in ROWS))
    study = {
        "name": "both", "task": "extraction", "split": {"test_size": 4, "method": "random"},
        "data": {"source": str(path), "input_column": "mail", "target_column": "fields"},
        "models": [str(tiny_model_folder), f"constrained:{tiny_model_folder}"], "shots": [0], "train_sizes": [2, 30],
        "recipe": {"epochs": 1, "lora_rank": 2}, "bootstrap": {"draws": 100}, "answers": {"max_extra_tokens": 120},
    }  # fmt: skip
    done = run_study(study, out=tmp_path / "run", device="cpu")
    assert not done.outcome.failures
    trials = {(trial.learner.split(":")[0], trial.label): trial for trial in done.results.trials}
    plain, held = trials[str(tiny_model_folder), "fine-tune-n30-seed0"], trials["constrained", "fine-tune-n30-seed0"]
    assert held.training.taken_from == plain.folder.removeprefix("trials/")
    assert 0 < held.answers.constraint_seconds < held.answer_seconds
    assert plain.answers.constraint_seconds is None
    shapes = {}
    for (name, label), trial in trials.items():
        config = json.loads((tmp_path / "run" / trial.folder / "config.json").read_text())
        config = config.get("content", config)
        assert ("answer_shape" in config) is (name == "constrained")
        shapes[name, label] = JsonShape.from_json(config.get("answer_shape") or {})
    assert not shapes["constrained", "fine-tune-n2-seed0"].needed
    assert shapes["constrained", "fine-tune-n30-seed0"].needed == {"name", "n", "where", "tags"}
    for label in ("zero-shot", "fine-tune-n2-seed0", "fine-tune-n30-seed0"):
        lines = (tmp_path / "run" / trials["constrained", label].folder / "predictions.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        ended = [one["prediction"] for one in found if one["stop_reason"] == "end"]
        assert ended
        assert all(shapes["constrained", label].has(read_object(text)) for text in ended)
    answer = load_predictor(
        tmp_path / "run", trial=f"constrained:{tiny_model_folder}/fine-tune-n30-seed0", device="cpu"
    )
    assert answer("Ada wants 3 in c9").lstrip().startswith("{")


@pytest.mark.model
def test_the_real_model_writes_objects_and_its_own_where_they_are_of_the_shape(real):
    shots = [(source, json.dumps(value, ensure_ascii=False)) for source, value in ROWS[:3]]
    prompts = [RENDERER.prompt(source, shots) for source, _ in ROWS[10:14]]
    written = answers(real, prompts)
    finished = [one.text for one in written if one.stop_reason == "end"]
    assert finished
    assert all(SHAPE.has(read_object(text)) for text in finished)
    free = predict(LocalLearner(real.files, real.compute, real.limits), prompts)
    own = [number for number, one in enumerate(free) if SHAPE.has(read_object(one.text))]
    assert [written[number].text for number in own] == [free[number].text for number in own]
