"""SetFit: pairs of one class, the contrastive loss against its definition, the head against scikit-learn's own answers."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from tests.conftest import simple_rows
from tunecurve.errors import UsageError
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.encoder.setfit import (
    REGULARISATION,
    TEMPERATURE,
    SetFitLearner,
    contrastive_loss,
    pairs_of_one_class,
)
from tunecurve.learners.encoder.words import split_words
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.learners.torch.device import Compute
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.training import EncoderSpec
from tunecurve.tasks.lookup import task_of

FLOAT32 = Compute(torch.device("cpu"), torch.float32, 2)
RENDERER = PromptRenderer("unused", labels=("a", "b", "c", "d", "e"))
ROWS = simple_rows(40)


def examples(n_classes):
    return [RENDERER.tuning_example(row["source_text"], "abcde"[int(row["kind"]) % n_classes]) for row in ROWS]


def setfit(tiny_encoder, **settings):
    return SetFitLearner("setfit", tiny_encoder, FLOAT32, EncoderSpec(**{"min_steps": 6, "batch_size": 8} | settings))


def tune(learner, rows, folder):
    folder.mkdir(exist_ok=True)
    return learner.fine_tune(TrainingJob(rows, learner.resolve_recipe({}, len(rows)), 0, folder), lambda step: None)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 200))
def test_pairs_are_of_one_class_and_every_text_has_its_turn(gold, n_pairs):
    pairs = pairs_of_one_class(gold, n_pairs)
    assert len(pairs) == n_pairs
    assert all(gold[first] == gold[second] for first, second in pairs)
    assert all(first != second or gold.count(gold[first]) == 1 for first, second in pairs)
    turns = Counter(first for first, _ in pairs)
    assert max(turns.values()) - min(turns[place] for place in range(len(gold))) <= 1


def test_the_loss_is_the_one_of_the_paper():
    vectors = torch.nn.functional.normalize(torch.randn(7, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    gold = [0, 1, 0, 2, 1, 0, 3]
    losses = []
    for one in range(7):
        others = [other for other in range(7) if other != one]
        near = {other: math.exp(float(vectors[one] @ vectors[other]) / TEMPERATURE) for other in others}
        same = [other for other in others if gold[other] == gold[one]]
        losses.append(-sum(math.log(near[other] / sum(near.values())) for other in same) / max(1, len(same)))
    assert float(contrastive_loss(vectors, torch.tensor(gold))) == pytest.approx(sum(losses) / 7, rel=1e-4)


@pytest.mark.parametrize("n_classes", [1, 2, 3, 5])
def test_the_stored_model_answers_as_the_regression_on_its_vectors(tiny_encoder, tmp_path, n_classes):
    rows = examples(n_classes)
    tuned = tune(setfit(tiny_encoder), rows, tmp_path / "trial")
    assert tuned.record.steps == 6
    assert tuned.record.path.startswith(f"{n_classes} classes; 48 pairs; packed: ")
    answers = [answer.text for answer in predict(tuned.learner, [example.prompt for example in rows])]
    if n_classes == 1:
        assert set(answers) == {"a"}
        return
    model, _ = tuned.learner.model_for([])
    with torch.inference_mode():
        texts = split_words(tuned.learner.tokenizer, [row["source_text"] for row in ROWS], by_character=False)
        vectors = np.array([tuned.learner._vectors(model, [text])[0].tolist() for text in texts])
    gold = [example.answer for example in rows]
    regression = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(vectors, gold)
    expected = regression.predict(vectors).tolist()
    assert sum(map(str.__eq__, answers, expected)) >= len(gold) - 1
    losses = [loss.nats for _, loss in tuned.learner.target_losses([example.prompt for example in rows], gold)]
    if n_classes == 5:  # all of the study's labels are known, so that no share is set aside
        shares = regression.predict_proba(vectors)
        wanted = [-math.log(shares[row][list(regression.classes_).index(gold[row])]) for row in range(len(gold))]
        assert losses == pytest.approx(wanted, rel=0.02, abs=0.02)


def test_it_learns_what_is_to_be_learnt_and_the_same_again(tiny_encoder, tmp_path):
    rows = examples(5)
    learner = setfit(tiny_encoder, min_steps=60, learning_rate=4e-3)
    first, second = (tune(learner, rows, tmp_path / name) for name in "ab")
    assert first.record.losses == second.record.losses
    assert first.record.losses[-1] < first.record.losses[0] - 0.5
    answers = [answer.text for answer in predict(first.learner, [example.prompt for example in rows])]
    assert sum(answer == example.answer for answer, example in zip(answers, rows, strict=True)) >= 36


def test_a_look_at_development_rows_reads_each_of_them_as_one_pair(tiny_encoder, tmp_path, monkeypatch):
    read = []
    vectors_of = SetFitLearner._vectors

    def counted(learner, model, texts):
        if not (torch.is_grad_enabled() or torch.is_inference_mode_enabled()):
            read.append(len(texts))
        return vectors_of(learner, model, texts)

    monkeypatch.setattr(SetFitLearner, "_vectors", counted)
    tuned = tune(setfit(tiny_encoder, min_steps=20, development_share=0.25), examples(2), tmp_path / "trial")
    seen = tuned.record.development
    assert seen.rows >= 5
    assert sum(read) == len(seen.losses) * 2 * seen.rows
    assert tuned.record.path.startswith("2 classes; 160 pairs; packed: ")


@pytest.mark.parametrize("task", ["masking", "ner", "multilabel"])
def test_it_gives_one_class_and_nothing_else(task):
    with pytest.raises(UsageError, match="'setfit' is for classification tasks"):
        build_learners(["setfit"], LearnerOptions(task=task_of(task)))
