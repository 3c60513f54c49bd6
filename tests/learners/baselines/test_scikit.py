"""Classifiers of scikit-learn's interface as learners: scores are scikit-learn's own, a trial continues, mistakes are told."""

import numpy as np
import pytest

from tunecurve.errors import ModelError, StudyStateError, UsageError
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.baselines.scikit import ScikitLearner
from tunecurve.learners.own import own_learners
from tunecurve.prompts import PromptRenderer
from tunecurve.run import run_study

pytestmark = pytest.mark.usefixtures("undrawn")

pipeline = pytest.importorskip("sklearn.pipeline")
TEXTS = [f"{word} {number}" for number in range(15) for word in ("rain and wind", "bread and butter", "goal and ball")]
LABELS = ["weather", "food", "sport"] * 15
RENDERER = PromptRenderer("unused")


def forest(**settings):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer

    return pipeline.make_pipeline(TfidfVectorizer(), RandomForestClassifier(n_estimators=5, **settings))


def tuned(classifier, folder, seed=3):
    examples = [RENDERER.tuning_example(*row) for row in zip(TEXTS, LABELS, strict=True)]
    return ScikitLearner("mine", classifier).fine_tune(TrainingJob(examples, {}, seed, folder), lambda step: None)


def test_it_answers_as_scikit_learn_does_and_again_after_a_restart(tmp_path):
    asked = [RENDERER.prompt(text) for text in ("wind 7", "butter 99", "a ball", "and")]
    learner = tuned(forest(), tmp_path).learner
    found = [answer.text for answer in predict(learner, asked)]
    by_hand = forest(random_state=3).fit(TEXTS, LABELS)
    assert found == by_hand.predict([prompt.source for prompt in asked]).tolist()
    again = ScikitLearner("mine", forest()).load_tuned(tmp_path)
    assert [answer.text for answer in predict(again, asked)] == found


def test_a_seed_of_ones_own_is_kept_and_the_given_object_is_never_fitted(tmp_path):
    classifier = forest(random_state=7)
    learner = tuned(classifier, tmp_path).learner
    by_hand = forest(random_state=7).fit(TEXTS, LABELS)
    probes = ["wind and butter", "goal 3", "and"]
    found = [answer.text for answer in predict(learner, [RENDERER.prompt(text) for text in probes])]
    assert found == by_hand.predict(probes).tolist()
    assert not hasattr(classifier.steps[-1][1], "classes_")


def test_another_parameter_is_another_learner_and_an_address_is_none():
    def one(function):
        from sklearn.feature_extraction.text import TfidfVectorizer

        return ScikitLearner("mine", pipeline.make_pipeline(TfidfVectorizer(tokenizer=function), forest().steps[-1][1]))

    def split():
        return lambda text: text.split()

    assert one(split()).identity() == one(split()).identity(), "the same code at another place of the memory"
    assert ScikitLearner("a", forest()).identity() != ScikitLearner("a", forest(max_depth=2)).identity()


def test_a_classifier_that_wants_numbers_is_told_of_the_vectorizer(tmp_path):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(ModelError, match=r"'mine' \(LogisticRegression\) cannot be fitted on 45 texts.*make_pipeline"):
        tuned(LogisticRegression(), tmp_path)


class Odd:
    """Has scikit-learn's interface, and answers with whatever it is told."""

    def __init__(self, answers=None):
        self.answers = answers

    def get_params(self, deep=True):
        return {"answers": self.answers}

    def set_params(self, **values):
        self.__dict__.update(values)
        return self

    def fit(self, texts, labels):
        return self

    def predict(self, texts):
        if self.answers is None:
            raise ValueError("no idea\nat all")
        return np.asarray(self.answers * len(texts))


@pytest.mark.parametrize(
    ("answers", "said"),
    [(None, "cannot answer 1 texts: no idea$"), ([["a", "b"]], r"shape \(1, 2\)"), (["a", "b"], r"shape \(2,\)")],
)
def test_answers_that_are_not_one_label_a_text_are_refused(tmp_path, answers, said):
    learner = tuned(Odd(answers), tmp_path).learner
    with pytest.raises(ModelError, match=said):
        predict(learner, [RENDERER.prompt("x")])
    assert predict(tuned(Odd(["a"]), tmp_path).learner, [RENDERER.prompt("x")])[0].text == "a"


def test_what_is_no_classifier_is_refused_as_before():
    for wrong in (Odd, object(), "tagger", forest().steps[0]):
        with pytest.raises(UsageError, match="scikit-learn"):
            own_learners({"mine": wrong})


def test_a_study_of_rows_in_memory_and_a_classifier(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": [f"{text} x" for text in TEXTS], "label": LABELS})
    done = run_study(
        frame, task="classification", learners={"forest": forest()}, models=["forest"], train_sizes=[6, 24], out=tmp_path / "run",
        split={"test_size": 15, "method": "random"},
    )  # fmt: skip
    assert done.outcome.failures == {}
    points = {
        point.label: point.scores["accuracy"].estimate for point in done.results.points if point.learner == "forest"
    }
    assert points["tuned on 24"] > 90
    assert done.results.plot() is not None
    assert {"learner", "metric", "score"} <= set(done.results.to_frame().columns)


ROWS = list(zip(TEXTS, LABELS, strict=True))
STUDY = {"task": "classification", "train_sizes": [6, 12], "split": {"test_size": 12, "method": "random"}}


def measured(out, **options):
    found = run_study(ROWS, out=out, **{**STUDY, **options}).results
    return found, {point.learner for point in found.points if point.strategy == "fine-tune"}


@pytest.mark.parametrize("models", [["tfidf", "mine"], ["mine", "tfidf"]])
def test_an_own_classifier_stands_beside_models_by_their_names(tmp_path, models):
    found, learners = measured(tmp_path / "run", models=models, learners={"mine": forest()})
    assert learners == {"tfidf", "mine"}
    assert found.study.models == models
    assert {point.train_size for point in found.points if point.learner == "mine"} == {6, 12}


def test_own_learners_are_the_models_where_none_are_named(tmp_path):
    found, learners = measured(tmp_path / "run", learners={"mine": forest(), "other": forest(max_depth=2)})
    assert learners == {"mine", "other"}
    assert found.study.models == ["mine", "other"]


def test_only_the_named_ones_are_measured_where_no_learner_is_given(tmp_path):
    assert measured(tmp_path / "run", models=["tfidf"], learners={})[1] == {"tfidf"}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (["tfidf"], r"'mine' is not among the models \(tfidf\), and would not be measured"),
        (["tfidf", "min"], r"\(tfidf, min\).*Did you mean 'min'\?"),
        (["Mine"], r"\(Mine\).*Did you mean 'Mine'\?"),
    ],
)
def test_a_learner_that_no_model_names_is_refused(tmp_path, models, said):
    with pytest.raises(UsageError, match=said):
        measured(tmp_path / "run", models=models, learners={"mine": forest()})
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_learner_of_an_earlier_run_is_asked_for_again(tmp_path):
    measured(tmp_path / "run", learners={"mine": forest()})
    with pytest.raises(
        StudyStateError, match=r"'mine' is of an earlier run in .*give it under learners this time, too"
    ):
        measured(tmp_path / "run", models=["tfidf"])
    _, learners = measured(tmp_path / "run", models=["tfidf", "mine"], learners={"mine": forest()})
    assert learners == {"mine", "tfidf"}
