"""What callers in Python may ask of a tuned model: a wrong kind of value is one line, never an answer to something else."""

import numpy as np
import pytest

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.errors import UsageError
from tunecurve.predictor import Predictor, load_predictor
from tunecurve.prompts import PromptRenderer


@pytest.fixture
def predictor():
    return Predictor(LookupLearner("lookup", {"Ann": "NAME"}), PromptRenderer("Mask."), "lookup/fine-tune-n8-seed0")


def refused(call, *arguments, **options):
    with pytest.raises(UsageError) as told:
        call(*arguments, **options)
    line = str(told.value)
    assert "expected" in line
    assert "; " in line, "a next step stands behind the expectation"
    assert "\n" not in line
    assert len(line) < 300
    return line


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("a text", "the text 'a text'; give ['a text']"),
        ("", "the text ''"),
        ("long " * 100, "long ...'"),
        (b"a text", "type bytes"),
        (None, "got None"),
        (3, "got 3"),
        ({"text": "Ann"}, "type dict"),
        ({"Ann", "Bob"}, "type set"),
        (np.array([["Ann", "Bob"]]), "type ndarray"),
        (["Ann", None], "text 2 of 2 is None"),
        (["Ann", float("nan")], "text 2 of 2 is nan"),
        ([["Ann"]], "text 1 of 1 is a value of type list"),
    ],
)
@pytest.mark.parametrize("method", ["complete", "prompts"])
def test_what_is_no_list_of_texts_is_refused(predictor, method, texts, said):
    assert said in refused(getattr(predictor, method), texts)
    assert predictor.learner.n_answers == 0


def test_a_table_is_no_list_of_texts_and_its_column_is(predictor):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["Ann", "no"]})
    refused(predictor.complete, frame)
    assert [answer.text for answer in predictor.complete(frame["text"])] == ["[NAME]", "no"]


@pytest.mark.parametrize("texts", [["Ann"], ("Ann",), np.array(["Ann"]), (text for text in ["Ann"])])
def test_columns_and_lists_of_texts_are_answered(predictor, texts):
    assert [answer.text for answer in predictor.complete(texts)] == ["[NAME]"]


@pytest.mark.parametrize("text", [["Ann", "Bob"], None, 7, b"Ann", ("Ann",), {"text": "Ann"}])
def test_the_predictor_itself_takes_one_text(predictor, text):
    assert ".complete([...])" in refused(predictor, text)
    assert predictor("Ann") == "[NAME]"


def test_half_a_character_is_no_text(predictor):
    assert "text 2 has half a character" in refused(predictor.complete, ["Ann", "Call \ud83d"])


@pytest.mark.parametrize("prompts", ["Ann", ["Ann"], None, [None]])
def test_prompts_are_made_of_texts_first(predictor, prompts):
    assert "prompts([...])" in refused(predictor.complete_prompts, prompts)
    assert predictor.complete_prompts(predictor.prompts(["Ann"]))[0].text == "[NAME]"


@pytest.mark.parametrize(
    "arguments", [{"folder": None}, {"folder": 3}, {"trial": 5}, {"trial": ["a"]}, {"learners": ["a"]}]
)
def test_load_predictor_says_what_is_no_folder_trial_or_learner(arguments):
    refused(load_predictor, **{"folder": "runs/x", **arguments})
