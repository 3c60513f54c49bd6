"""A run's own learner is used again: given in Python once more, or named as code on the command line."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import invoke
from tests.fakes.lookup_learner import LookupLearner
from tunecurve import own_code
from tunecurve.errors import ModelError, SpecError, StudyStateError, UsageError
from tunecurve.predictor import load_predictor
from tunecurve.run import run_study

pytestmark = pytest.mark.usefixtures("undrawn")

pytest.importorskip("sklearn")

MODULE = """
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.fakes.lookup_learner import LookupLearner

CLASSIFIER = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10.0))
LOOKUP = LookupLearner("mine")
NUMBER = 3


class Needy(LookupLearner):
    def __init__(self, table):
        super().__init__("needy")
"""
WORDS = {"weather": ("rain", "wind", "snow"), "food": ("bread", "butter", "cheese")}
ROWS = [(f"{word} {number}", label) for label, words in WORDS.items() for word in words for number in range(9)]
MASKED = [(f"Call Ann{number % 3} at {number}", f"Call [NAME] at {number}") for number in range(40)]
SPLIT = {"method": "random", "test_size": 15}


@pytest.fixture(autouse=True)
def _nothing_is_allowed(monkeypatch, tmp_path):
    """Give every test a process that has loaded no code, and a current folder with the module."""
    monkeypatch.setattr(own_code, "_settings", {"is_allowed": False})
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_learners.py").write_text(MODULE)
    yield
    sys.modules.pop("my_learners", None)


def classifier(strength=1.0):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TfidfVectorizer(), LogisticRegression(C=strength))


def classes(name="mine", out="out", **options):
    return run_study(ROWS, out=out, task="classification", models=[name], train_sizes=[10, 30], split=SPLIT, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run whose learner was given as an object."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    classes(out=folder, learners={"mine": classifier()})
    return folder


def test_a_classifier_answers_after_the_run_as_one_fitted_on_the_same_rows(finished):
    answer = load_predictor(finished, trial="fine-tune-n30-seed0", learners={"mine": classifier()})
    assert [answer(text) for text in ("butter and cheese", "snow and wind")] == ["food", "weather"]
    small = load_predictor(finished, trial="fine-tune-n10-seed0", learners={"mine": classifier()})
    assert small("rain") in WORDS
    assert len(small.learner._fitted.named_steps["tfidfvectorizer"].vocabulary_) < len(ROWS)


def test_a_learner_of_an_own_class_answers_with_what_it_stored():
    learner = LookupLearner("mine")
    run_study(
        MASKED, out="out", task="masking", models=["mine"], learners={"mine": learner}, train_sizes=[20], split=SPLIT
    )
    assert load_predictor("out", learners={"mine": LookupLearner("mine")})("Call Ann1 now") == "Call [NAME] now"
    assert learner.known == {}, "the object that was given stays untrained"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (
            lambda: {"mine": classifier(9.0)},
            StudyStateError,
            "parameters: logisticregression = .*C=9.0.*expected .*run",
        ),
        (lambda: {"mine": LookupLearner("mine")}, StudyStateError, "'mine' is not the one this run was tuned with"),
        (lambda: {"min": classifier()}, UsageError, "'min' is not among the run's models.*Did you mean 'mine'"),
        (lambda: {"mine": classifier}, UsageError, "'mine' is a function, expected an object"),
        (dict, ModelError, 'If it was a learner of your own.*learners={"mine": ...}'),
        (lambda: None, ModelError, 'If it was a learner of your own.*learners={"mine": ...}'),
    ],
)
def test_another_object_or_none_is_refused_in_one_line(finished, given, error, said):
    with pytest.raises(error, match=said) as told:
        load_predictor(finished, learners=given())
    assert "\n" not in str(told.value)


def test_the_command_line_says_in_one_line_that_it_does_not_know_an_object(finished):
    code, stdout, stderr = invoke("predict", str(finished), "--text", "rain")
    assert (code, stdout, len(stderr.splitlines())) == (ModelError.exit_code, "", 1)
    assert 'load it in Python: tunecurve.load_predictor(folder, learners={"mine": ...})' in stderr


def test_a_learner_with_a_built_in_name_is_not_taken_for_that():
    classes("tfidf", learners={"tfidf": classifier()})
    code, _, stderr = invoke("predict", "out", "--text", "rain")
    assert (code, len(stderr.splitlines())) == (StudyStateError.exit_code, 1)
    assert "the run's 'tfidf' is scikit, and the one of that name here is tfidf" in stderr
    assert load_predictor("out", learners={"tfidf": classifier()})("rain") == "weather"


def run_by_command(model, rows, task):
    lines = (json.dumps({"source_text": source, "target_text": target}) for source, target in rows)
    Path("rows.jsonl").write_text("\n".join(lines))
    arguments = ("--data", "rows.jsonl", "--task", task, "--train-sizes", "20", "--test-size", "15")
    return invoke("run", *arguments, "--split", "random", "--out", "out", "--model", model, "--allow-code")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "rows", "task", "asked", "answer"),
    [
        ("my_learners:CLASSIFIER", ROWS, "classification", "butter and cheese", "food"),
        ("my_learners:LOOKUP", MASKED, "masking", "Call Ann2 now", "Call [NAME] now"),
        ("tests.fakes.lookup_learner:LookupLearner", MASKED, "masking", "Call Ann0 now", "Call [NAME] now"),
    ],
)
def test_a_learner_named_as_code_runs_and_answers_where_code_is_allowed(model, rows, task, asked, answer):
    code, _, stderr = run_by_command(model, rows, task)
    assert code == 0, stderr
    code, stdout, _ = invoke("predict", "out", "--text", asked, "--allow-code")
    assert (code, stdout.strip()) == (0, answer)
    own_code._settings["is_allowed"] = False
    sys.modules.pop("my_learners", None)
    code, _, stderr = invoke("predict", "out", "--text", asked)
    assert (code, len(stderr.splitlines())) == (ModelError.exit_code, 1)
    assert "add --allow-code" in stderr
    assert "my_learners" not in sys.modules


def test_code_that_has_changed_since_the_run_is_refused(tmp_path):
    classes("my_learners:CLASSIFIER", allow_code=True)
    assert load_predictor("out", allow_code=True)("rain") == "weather"
    (tmp_path / "my_learners.py").write_text(MODULE.replace("C=10.0", "C=0.01"))
    sys.modules.pop("my_learners")
    with pytest.raises(StudyStateError, match=r"C=0\.01"):
        load_predictor("out", allow_code=True)


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("my_learners:NUMBER", UsageError, "model 'my_learners:NUMBER' is a int, expected an object"),
        ("my_learners:ABSENT", SpecError, "my_learners.py has no 'ABSENT'"),
        ("my_learner:LOOKUP", SpecError, "cannot import my_learner"),
        ("my_learners:Needy", ModelError, "'my_learners:Needy' cannot be made .TypeError.*needs no arguments"),
    ],
)
def test_a_name_of_something_else_is_told_in_one_line(name, error, said):
    with pytest.raises(error, match=said) as told:
        classes(name, allow_code=True)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_study_file_loads_no_learner_by_itself(tmp_path, command):
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS))
    (tmp_path / "study.yaml").write_text(
        "task: classification\nmodels: [my_learners:LOOKUP]\ndata: {source: rows.csv}\nsplit: {method: random, test_size: 15}\n"
    )
    code, _, stderr = invoke(command, "study.yaml")
    assert code == SpecError.exit_code
    assert "study.yaml: models: unknown model" in stderr
    assert "If it is a learner of your own, and you trust my_learners, add --allow-code" in stderr
    assert "my_learners" not in sys.modules
