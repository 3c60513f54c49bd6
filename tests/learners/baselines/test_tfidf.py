"""TF-IDF and logistic regression: what is stored answers as scikit-learn's own pipeline does."""

import pytest

from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.baselines.tfidf import REGULARISATION, TfidfLearner
from tunecurve.prompts import PromptRenderer

RENDERER = PromptRenderer("unused")
TEXTS = [f"{verb} my {thing} {n}" for n, verb in enumerate(["block", "order", "lost"] * 8) for thing in ("card", "pin")]


def tune(folder, classes):
    examples = [RENDERER.tuning_example(text, classes[place % len(classes)]) for place, text in enumerate(TEXTS)]
    learner = TfidfLearner()
    job = TrainingJob(examples, learner.resolve_recipe({}, len(examples)), 0, folder)
    tuned = learner.fine_tune(job, lambda step: None)
    return examples, (tuned.learner, tuned.record)


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"], ["only"]])
def test_stored_model_answers_like_the_pipeline(tmp_path, classes):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    examples, (learner, record) = tune(tmp_path, classes)
    assert record.steps == 1
    new = [RENDERER.prompt(text) for text in ["block the card", "I lost a pin", "order", "", "zzz"]]
    answers = [answer.text for answer in predict(learner, new)]
    if len(classes) == 1:
        assert set(answers) == {"only"}
        return
    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\S+"),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        LogisticRegression(C=REGULARISATION, max_iter=1000),
    ).fit([example.prompt.source for example in examples], [example.answer for example in examples])
    assert answers == pipeline.predict([prompt.source for prompt in new]).tolist()


def test_no_pickle_is_written(tmp_path):
    tune(tmp_path, ["a", "b"])
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["head.json", "model.safetensors"]
