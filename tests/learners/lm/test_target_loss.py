"""The loss of right answers: what each learner says is what a plain computation outside this program says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.conftest import simple_rows
from tests.learners.baselines.test_tfidf import tune
from tests.learners.lm.training.test_training import small_model
from tunecurve.learners.baselines.tfidf import REGULARISATION
from tunecurve.learners.lm.decoding.generate import AnswerLimits
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.target_loss import TOO_LONG, loss_stream
from tunecurve.learners.torch.device import choose_compute
from tunecurve.learners.torch.weights import resolve_model
from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

RENDERER = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "CITY"))
ROWS = [(row["source_text"], row["target_text"]) for row in simple_rows(40)]


def tiny(folder):
    compute = replace(choose_compute("cpu", 2), dtype=torch.float32)
    return LocalLearner(resolve_model(str(folder)), compute, AnswerLimits())


def naive_loss(model, encoder, prompt, target):
    """One row alone, the whole text through the model, its shares picked one by one."""
    asked = encoder.prompt_ids(prompt)
    answer = ([*encoder.token_ids(target)] if target else []) + [encoder.end_token_id]
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([asked + answer])).logits[0].double()
    shares = torch.log_softmax(logits, dim=-1)
    return -sum(float(shares[len(asked) + place - 1, token]) for place, token in enumerate(answer)), len(answer)


def check(model, encoder, prompts, targets, context=2048, **options):
    found = dict(loss_stream(model, encoder, list(zip(prompts, targets, strict=True)), context, **options))
    assert sorted(found) == list(range(len(prompts)))
    for index, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        nats, n_tokens = naive_loss(model, encoder, prompt, target)
        assert found[index].n_units == n_tokens
        assert found[index].nats == pytest.approx(nats, rel=1e-4)
    return found


@pytest.mark.parametrize("only", [None, "reference"])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2"])
def test_every_rows_loss_is_the_naive_one(tiny_model_folder, kind, only):
    learner = tiny(tiny_model_folder)
    model = learner.load_base() if kind == "llama" else small_model(kind).eval()
    prompts = [RENDERER.prompt(source) for source, _ in ROWS]
    check(model, learner.encoder, prompts, [target for _, target in ROWS], only=only)


@pytest.mark.parametrize("only", [None, "reference"])
def test_examples_in_the_prompt_empty_targets_and_lengths_that_differ(tiny_model_folder, only):
    learner = tiny(tiny_model_folder)
    shots = ROWS[:3]
    pairs = [*ROWS[3:9], ("Nothing.", ""), ("word " * 60, "[CITY] " * 40), ("a", "b")]
    prompts = [RENDERER.prompt(source, shots) for source, _ in pairs]
    found = check(learner.load_base(), learner.encoder, prompts, [t for _, t in pairs], only=only)
    assert found[6].n_units == 1  # the end token alone


def test_prompts_without_a_common_beginning(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    learner.encoder.lead_ids = []
    learner.encoder._encode_prompt = lambda rendered: learner.encoder.tokenizer(rendered[-30:])["input_ids"]
    prompts = [PromptRenderer("").prompt(source) for source in ("alpha beta", "gamma delta epsilon", "zeta")]
    check(learner.load_base(), learner.encoder, prompts, ["one", "two three", "four"])


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
def test_tfidf_has_scikit_learns_log_loss(tmp_path, classes):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import make_pipeline, make_union

    examples, (learner, _) = tune(tmp_path, classes)
    pipeline = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\S+"),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        LogisticRegression(C=REGULARISATION, max_iter=1000),
    ).fit([example.prompt.source for example in examples], [example.answer for example in examples])
    sources, gold = ["block the card", "I lost a pin", "order", "", "zzz"], [*classes, *classes, *classes][:5]
    found = dict(learner.target_losses([RENDERER.prompt(source) for source in sources], [f" {g}\n" for g in gold]))
    assert {loss.n_units for loss in found.values()} == {1}
    expected = log_loss(gold, pipeline.predict_proba(sources), labels=classes)
    # RENDERER names two more labels, neither of them learnt: one of the classes is asked for in their share.
    unknown = np.log((len(classes) + 2) / len(classes))
    assert np.mean([loss.nats for loss in found.values()]) == pytest.approx(expected + unknown, rel=1e-9)
    bare = [PromptRenderer("", labels=tuple(classes)).prompt(source) for source in sources]
    found = dict(learner.target_losses(bare, gold, done=[1]))
    assert sorted(found) == [0, 2, 3, 4]
    kept = [0, 2, 3, 4]
    expected = log_loss([gold[i] for i in kept], pipeline.predict_proba([sources[i] for i in kept]), labels=classes)
    assert np.mean([loss.nats for loss in found.values()]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("classes", [["only"], ["a", "b"], ["a", "b", "c"]])
def test_all_classes_of_a_study_share_one_probability(tmp_path, classes):
    _, (learner, _) = tune(tmp_path, classes)
    everything = [*classes, "never seen", "nor this"]
    renderer = PromptRenderer("", labels=tuple(everything))
    found = dict(learner.target_losses([renderer.prompt("block my card")] * len(everything), everything))
    assert sum(np.exp(-found[place].nats) for place in range(len(everything))) == pytest.approx(1.0)
    assert found[len(classes)].nats == pytest.approx(np.log(len(everything)))


@pytest.mark.parametrize("context", [0, 60, 75, 2048])
def test_rows_that_do_not_fit_are_left_out_and_the_others_keep_their_loss(tiny_model_folder, context):
    learner = tiny(tiny_model_folder)
    pairs = [*ROWS[:4], ("word " * 60, "word " * 60), ("Ada " * 9, "[FIRSTNAME] " * 9)]
    prompts, targets = [RENDERER.prompt(source) for source, _ in pairs], [target for _, target in pairs]
    model = learner.load_base()
    found = dict(loss_stream(model, learner.encoder, list(zip(prompts, targets, strict=True)), context))
    assert sorted(found) == list(range(len(pairs)))
    for index, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        n_tokens = len(learner.encoder.prompt_ids(prompt)) + len(learner.encoder.token_ids(target)) + 1
        assert (found[index].left_out == TOO_LONG) == (n_tokens > context)
        if n_tokens <= context:
            assert found[index].nats == pytest.approx(naive_loss(model, learner.encoder, prompt, target)[0], rel=1e-4)
