"""Taggers and classifiers: exact offsets, the text around spans untouched, windows, resume bit for bit."""

import itertools
import json
import math
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import simple_rows
from tunecurve.errors import Interrupted, ModelError, OutOfMemory
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.label_set_classifier import LabelSetClassifier
from tunecurve.learners.encoder.learner import class_weights
from tunecurve.learners.encoder.masking_budget import threshold_within, within_budget
from tunecurve.learners.encoder.recipe import EncoderRecipe, resolve_encoder_recipe
from tunecurve.learners.encoder.tagger import EntityTagger, TaggerLearner, found_spans
from tunecurve.learners.encoder.tags import OUTSIDE, joined_labels, runs_of_tags, tags_of
from tunecurve.learners.encoder.train import new_training
from tunecurve.learners.encoder.words import Words, distance_to_border, split_words, windows_over
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.training import OverMaskingBudget
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.training import EncoderSpec

FLOAT32 = Compute(torch.device("cpu"), torch.float32, 2)
RENDERER = PromptRenderer("unused", labels=("FIRSTNAME", "CITY"))
EXAMPLES = [RENDERER.tuning_example(row["source_text"], row["target_text"]) for row in simple_rows(60)]


def tiny_tagger(tiny_encoder, kind=TaggerLearner, **settings):
    return kind("tagger", tiny_encoder, FLOAT32, EncoderSpec(**settings))


def tune(learner, folder, examples=EXAMPLES, on_step=lambda step: None, seed=0):
    folder.mkdir(exist_ok=True)
    recipe = learner.resolve_recipe({}, len(examples))
    tuned = learner.fine_tune(TrainingJob(examples, recipe, seed, folder), on_step)
    return tuned.learner, tuned.record


@pytest.mark.parametrize(
    "text", ["Ann's e-mail: ann@b.com", "  Zoë\tlives in Köln.", "漢字 and 😀 here", "x" * 90 + " Bo", "", " \n "]
)
def test_words_stand_where_they_stand_in_the_text(minilm_tokenizer, text):
    (words,) = split_words(minilm_tokenizer, [text])
    pieces = [text[start:end] for start, end in zip(words.starts, words.ends, strict=True)]
    assert "".join(pieces) == "".join(character for character in text if not character.isspace())
    assert all(piece == piece.strip() != "" for piece in pieces)
    assert list(words.piece_words) == sorted(words.piece_words)


@given(n_pieces=st.integers(0, 300), longest=st.integers(2, 50))
def test_windows_hold_every_piece_and_no_more_than_they_may(n_pieces, longest):
    words = Words(tuple(range(n_pieces)), tuple(range(1, n_pieces + 1)), (7,) * n_pieces, tuple(range(n_pieces)))
    windows = windows_over([words], longest)
    assert all(0 < window.last - window.first <= longest for window in windows)
    assert {place for window in windows for place in range(window.first, window.last)} == set(range(n_pieces))
    for first, second in itertools.pairwise(windows):
        assert second.first < first.last + (longest < 4)  # windows of three and fewer only touch
    depths = [
        max(distance_to_border(p, w, n_pieces) for w in windows if w.first <= p < w.last) for p in range(n_pieces)
    ]
    assert all(depth >= min(longest // 8, n_pieces) - 1 for depth in depths)


@st.composite
def tagged_words(draw):
    """Words with blanks between them, and spans of whole words that do not overlap."""
    n_words = draw(st.integers(0, 12))
    words = Words(tuple(3 * n for n in range(n_words)), tuple(3 * n + 2 for n in range(n_words)), (), ())
    spans, place = [], 0
    while place < n_words:
        length = draw(st.integers(1, 3))
        last = min(place + length, n_words)
        if draw(st.booleans()):
            spans.append(LabelledSpan(words.starts[place], words.ends[last - 1], draw(st.sampled_from("AB"))))
        place = last
    return words, spans


@given(tagged_words())
def test_tags_and_back(case):
    words, spans = case
    tags = tags_of(words, spans, {"A": 0, "B": 1})
    runs = runs_of_tags(words, tags)
    assert [(words.starts[first], words.ends[last - 1]) for first, last in runs] == [(s.start, s.end) for s in spans]
    assert ["AB"[(tags[first] - 1) // 2] for first, _ in runs] == [span.label for span in spans]


def test_words_that_touch_are_one_span():
    words = Words((0, 3, 4, 8), (3, 4, 7, 11), (), ())
    assert runs_of_tags(words, [1, 3, 3, 1]) == [(0, 3), (3, 4)]
    assert runs_of_tags(words, [OUTSIDE, 2, OUTSIDE, 2]) == [(1, 2), (3, 4)]


def test_what_is_not_a_span_stays_as_it_is(tiny_encoder, tmp_path):
    tagger, record = tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path)
    assert record.path.startswith("60 of 60 targets are spans of their inputs; packed: rows without padding")
    texts = ["  Ann\u00a0met  Bo in  Köln!\n\n", "漢字 😀 [X]", "", "?", "long " * 60 + "end"]
    texts += [row["source_text"] for row in simple_rows(30)]
    for text, answer in zip(texts, predict(tagger, [RENDERER.prompt(text) for text in texts]), strict=True):
        assert align_exactly(text, answer.text) is not None
        assert answer.stop_reason == "end"


def test_batched_tagging_equals_one_by_one_and_windows_equal_the_whole(tiny_encoder, tmp_path):
    tagger, _ = tune(tiny_tagger(tiny_encoder, epochs=2), tmp_path)
    model, _ = tagger._load()
    texts = split_words(tagger.tokenizer, [row["source_text"] for row in simple_rows(20)] + ["word " * 100])
    with torch.inference_mode():
        together = tagger.probabilities(model, texts)
        for words, shares in zip(texts, together, strict=True):
            (alone,) = tagger.probabilities(model, [words])
            torch.testing.assert_close(torch.tensor(alone), torch.tensor(shares), rtol=1e-4, atol=1e-5)
    assert all(shares.sum(axis=1) == pytest.approx(1, abs=1e-5) for shares in together)  # every word was in a window


@pytest.mark.parametrize("kind", [TaggerLearner, ClassifierLearner, LabelSetClassifier])
def test_interrupted_training_ends_with_the_same_weights(tiny_encoder, tmp_path, kind):
    whole, record = tune(tiny_tagger(tiny_encoder, kind, epochs=3), tmp_path / "whole")

    def stop_at_the_fifth(step):
        if step.step == 5:
            raise Interrupted("now")

    with pytest.raises(Interrupted):
        tune(tiny_tagger(tiny_encoder, kind, epochs=3), tmp_path / "cut", on_step=stop_at_the_fifth)
    resumed, second = tune(tiny_tagger(tiny_encoder, kind, epochs=3), tmp_path / "cut")
    assert second.losses == record.losses
    for name, tensor in whole._load()[0].state_dict().items():
        assert torch.equal(tensor, resumed._load()[0].state_dict()[name]), name


def test_a_learner_goes_to_another_process_without_its_loaded_model(tiny_encoder, tmp_path):
    tagger, _ = tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path)
    prompts = [RENDERER.prompt("Ann is here")]
    expected = [answer.text for answer in predict(tagger, prompts)]
    other = pickle.loads(pickle.dumps(tagger))  # noqa: S301  (our own object)
    assert other._loaded is None
    assert [answer.text for answer in predict(other, prompts)] == expected


def test_seeds_differ_and_repeat(tiny_encoder, tmp_path):
    losses = [tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path / str(n), seed=n % 2)[1].losses for n in range(3)]
    assert losses[0] == losses[2] != losses[1]


def test_a_threshold_leaks_less_and_masks_more(tiny_encoder, tmp_path):
    plain, _ = tune(tiny_tagger(tiny_encoder, epochs=4), tmp_path / "plain")
    generous, record = tune(tiny_tagger(tiny_encoder, epochs=4, over_masking=30.0), tmp_path / "generous")
    assert record.examples_seen == 4 * 48  # a fifth is kept for calibration
    head = json.loads((tmp_path / "generous" / "encoder" / "head.json").read_text())
    assert 0 <= head["threshold"] < 1
    budget = record.over_masking
    assert (budget.per_cent, budget.rows) == (30.0, 12)
    assert budget.masked_without < budget.masked <= 30.0
    prompts = [RENDERER.prompt(row["source_text"]) for row in simple_rows(60)]
    n_masked = [sum(answer.text.count("[") for answer in predict(one, prompts)) for one in (plain, generous)]
    assert n_masked[1] > n_masked[0]


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 9)), min_size=1, max_size=40), st.floats(0.01, 0.99)
)
def test_a_calibrated_threshold_keeps_within_its_budget(words, budget):
    inside, lengths = [share for share, _ in words], [length for _, length in words]
    threshold = threshold_within(inside, lengths, budget)
    masked = sum(length for share, length in words if share >= threshold)
    assert masked <= budget * sum(lengths) + 1e-9 or threshold == 0.0
    below = [share for share in inside if share < threshold]
    if below:  # the next lower one would be too much
        assert sum(length for share, length in words if share >= max(below)) > budget * sum(lengths)


def test_rows_without_a_word_that_should_stay_choose_no_threshold():
    """It was 0, at which every word of every row is masked."""
    words = Words((0, 4), (3, 8), (), ())
    shares = np.array([[0.1, 0.9, 0.0], [0.2, 0.0, 0.8]], dtype=np.float32)
    name = [LabelledSpan(0, 8, "NAME")]
    threshold, budget = within_budget([words], [name], [shares], 2.0)
    assert (threshold, budget) == (None, OverMaskingBudget(2.0, 1, 0, None, None))
    assert within_budget([], [], [], 2.0)[0] is None
    threshold, budget = within_budget([words], [[LabelledSpan(0, 3, "NAME")]], [shares], 2.0)
    assert threshold == pytest.approx(0.8)
    assert (budget.words, budget.masked, budget.masked_without) == (1, 0.0, 100.0)


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20))
def test_the_first_word_that_is_too_much_for_the_budget_stays(outside):
    shares = np.array([[share, 1 - share, 0.0] for share in outside], dtype=np.float32)
    places = tuple(range(len(outside)))
    words = Words(tuple(2 * place for place in places), tuple(2 * place + 1 for place in places), (), ())
    threshold = threshold_within([1.0 - float(share) for share in shares[:, OUTSIDE]], [1] * len(outside), 0.5)
    head = Head(["O", "B-X", "I-X"], ["X"], threshold=threshold)
    masked = sum(span.end - span.start for span in found_spans("a " * len(outside), words, shares, head))
    assert masked <= 0.5 * len(outside)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), st.floats(0, 1))
def test_class_weights_have_mean_one_over_examples(counts, power):
    weights = class_weights(counts, power)
    assert sum(w * c for w, c in zip(weights, counts, strict=True)) == pytest.approx(sum(counts))


def test_small_sizes_get_a_floor_of_steps():
    steps = {n: resolve_encoder_recipe({}, n).n_steps for n in (10, 50, 200, 800, 3200)}
    assert steps == {10: 40, 50: 160, 200: 312, 800: 300, 3200: 600}
    assert resolve_encoder_recipe({"epochs": 1}, 800).epochs == 1
    assert [resolve_encoder_recipe({"max_epochs": most}, 8000).epochs for most in (1, 2, 40)] == [1, 2, 3]


def test_a_tagger_that_can_use_no_row_says_so(tiny_encoder, tmp_path):
    useless = [RENDERER.tuning_example("Ann is here", "something else")]
    with pytest.raises(ModelError, match=r"none of the 1 training targets .* check the task"):
        tune(tiny_tagger(tiny_encoder), tmp_path, useless)


def test_entities_are_listed(tiny_encoder, tmp_path):
    examples = [RENDERER.tuning_example(f"Ann{n} is here", f"person: Ann{n}") for n in range(20)]
    tagger, _ = tune(tiny_tagger(tiny_encoder, EntityTagger, epochs=40), tmp_path, examples)
    (answer,) = predict(tagger, [RENDERER.prompt("Ann3 is here")])
    assert answer.text == "person: Ann3"


def test_classifier_answers_with_a_class_it_has_seen(tiny_encoder, tmp_path):
    examples = [RENDERER.tuning_example(f"this is {'good' if n % 2 else 'bad'} {n}", str(n % 2)) for n in range(40)]
    learner, _ = tune(tiny_tagger(tiny_encoder, ClassifierLearner, epochs=20), tmp_path, examples)
    texts = ["this is good 1", "this is bad 2", "", "unheard of " * 50]
    answers = [answer.text for answer in predict(learner, [RENDERER.prompt(text) for text in texts])]
    assert answers[:2] == ["1", "0"]
    assert set(answers) <= {"0", "1"}


def test_memory_that_runs_out_ends_training_and_answers_in_one_line(tiny_encoder, tmp_path, monkeypatch):
    tagger = tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path / "t")[0]

    def full(*args, **options):
        raise RuntimeError(
            "[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
        )

    monkeypatch.setattr("tunecurve.learners.encoder.model.SegmentClassifier.forward", full)
    with pytest.raises(
        OutOfMemory, match=r"not enough to train tagger on 16 rows a step .*; set a smaller encoder\.batch_size"
    ):
        tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path / "u")
    with pytest.raises(
        OutOfMemory, match="memory is not enough for answers of tagger in float32; close other programs"
    ):
        predict(tagger, [RENDERER.prompt("Ann is here")])
    with pytest.raises(OutOfMemory, match="memory is not enough for the losses of tagger in float32"):
        list(tagger.target_losses([RENDERER.prompt("Ann is here")], ["[FIRSTNAME] is here"]))


@pytest.mark.model
def test_the_real_encoder_learns_names_and_cities_from_fifty_rows(minilm, tmp_path):
    rows = simple_rows(150)
    examples = [RENDERER.tuning_example(row["source_text"], row["target_text"]) for row in rows[::3]]
    tagger, _ = tune(TaggerLearner("tagger", minilm, FLOAT32, EncoderSpec(epochs=15)), tmp_path, examples)
    fresh = rows[1:120:3]
    answers = predict(tagger, [RENDERER.prompt(row["source_text"]) for row in fresh])
    n_right = sum(answer.text == row["target_text"] for answer, row in zip(answers, fresh, strict=True))
    assert n_right >= 36


def naive_word_losses(learner, source, target):
    """One text alone through the network, tags written out by hand: torch's own cross-entropy of every word."""
    model, head = learner._load()
    (words,) = split_words(learner.tokenizer, [source])
    ids = [learner.tokenizer.cls_token_id, *words.piece_ids, learner.tokenizer.sep_token_id]
    with torch.no_grad():
        hidden = model.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0, 1:-1]
        means = [
            hidden[[place for place, word in enumerate(words.piece_words) if word == number]].mean(dim=0)
            for number in range(len(words))
        ]
        logits = model.head(torch.stack(means))
    names = []
    spans = align_exactly(source, target)
    for start, end in zip(words.starts, words.ends, strict=True):
        inside = next((span for span in spans if span.start <= start and end <= span.end), None)
        names.append("O" if inside is None else ("B-" if start == inside.start else "I-") + inside.labels[0])
    wanted = torch.tensor([head.classes.index(name) for name in names])
    return torch.nn.functional.cross_entropy(logits, wanted, reduction="none")


def test_a_taggers_loss_is_torchs_cross_entropy_of_its_words(tiny_encoder, tmp_path):
    learner, _ = tune(tiny_tagger(tiny_encoder, epochs=2), tmp_path / "t")
    rows = [(row["source_text"], row["target_text"]) for row in simple_rows(120)[60:]]
    rows += [("Ada Lovelace lives in Bern.", "[FIRSTNAME] lives in [CITY]."), ("Nothing here.", "Nothing here.")]
    prompts = [RENDERER.prompt(source) for source, _ in rows]
    found = dict(learner.target_losses(prompts, [target for _, target in rows]))
    for index, (source, target) in enumerate(rows):
        expected = naive_word_losses(learner, source, target)
        assert found[index].n_units == len(expected)
        assert found[index].nats == pytest.approx(float(expected.double().sum()), rel=1e-4)


def test_what_a_tagger_cannot_say_is_left_out_or_shared(tiny_encoder, tmp_path):
    learner, _ = tune(tiny_tagger(tiny_encoder, epochs=2), tmp_path / "t")
    rows = [
        ("Ada lives in Bern.", "Someone else entirely wrote this text"),
        ("Ada lives in Bern.", "[FIRSTNAME] lives in [CITY]."),
        ("Ada lives in Bern.", "[FIRSTNAME] lives in [PLANET]."),
        ("", ""),
    ]
    found = dict(learner.target_losses([RENDERER.prompt(s) for s, _ in rows], [t for _, t in rows]))
    assert found[0].left_out
    assert not found[1].left_out
    assert found[2].n_units == found[1].n_units == 5
    assert found[2].nats < float("inf")
    assert (found[3].nats, found[3].n_units) == (0.0, 0)
    plain = [RENDERER.tuning_example("Nobody is here.", "Nobody is here.")] * 8
    silent, _ = tune(tiny_tagger(tiny_encoder, epochs=1), tmp_path / "s", plain)
    assert all(loss.left_out for _, loss in silent.target_losses([RENDERER.prompt(rows[1][0])], [rows[1][1]]))


def test_long_texts_have_the_loss_of_the_window_that_a_word_is_deepest_in(tiny_encoder, tmp_path):
    learner, _ = tune(tiny_tagger(tiny_encoder, epochs=2), tmp_path / "t")
    source = " ".join(["Ada lives in Bern."] * 30)
    target = source.replace("Ada", "[FIRSTNAME]").replace("Bern", "[CITY]")
    model, head = learner._load()
    (words,) = split_words(learner.tokenizer, [source])
    with torch.inference_mode():
        (shares,) = learner.probabilities(model, [words])
    ((_, found),) = learner.target_losses([RENDERER.prompt(source)], [target])
    names = ["B-FIRSTNAME", "O", "O", "B-CITY", "O"] * 30
    expected = -sum(math.log(shares[number, head.classes.index(name)]) for number, name in enumerate(names))
    assert (found.n_units, found.nats) == (150, pytest.approx(expected, rel=1e-4))


@pytest.mark.parametrize("batch", [1, 7])
def test_a_classifiers_loss_is_torchs_cross_entropy(tiny_encoder, tmp_path, batch):
    renderer = PromptRenderer("unused", labels=("a", "b", "c"))
    texts = [f"{word} {number}" for number in range(8) for word in ("red", "green", "blue sky " * (number + 1))]
    examples = [renderer.tuning_example(text, "abc"[place % 3]) for place, text in enumerate(texts)]
    learner = ClassifierLearner("classifier", tiny_encoder, FLOAT32, EncoderSpec(epochs=2))
    learner, _ = tune(learner, tmp_path / "c", examples)
    asked, gold = texts[::batch], ["abc"[(place * 2) % 3] for place in range(len(texts[::batch]))]
    model, head = learner._load()
    expected = []
    for text, name in zip(asked, gold, strict=True):
        (words,) = split_words(learner.tokenizer, [text], by_character=False)
        ids = [learner.tokenizer.cls_token_id, *words.piece_ids, learner.tokenizer.sep_token_id]
        with torch.no_grad():
            hidden = model.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0, 1:-1]
            logits = model.head(hidden.mean(dim=0, keepdim=True))
        wanted = torch.tensor([head.classes.index(name)])
        expected.append(float(torch.nn.functional.cross_entropy(logits, wanted)))
    found = dict(learner.target_losses([renderer.prompt(text) for text in asked], gold))
    assert [found[index].nats for index in range(len(asked))] == pytest.approx(expected, rel=1e-4)
    assert {loss.n_units for loss in found.values()} == {1}


def test_sets_of_labels_are_learnt_and_their_thresholds_come_from_rows_that_were_not_trained_on(tiny_encoder, tmp_path):
    sets = ["fire", "fire; water", "none", "water"]
    texts = {
        "fire": "hot hot flames",
        "fire; water": "flames and a flood",
        "none": "all quiet",
        "water": "a flood again",
    }
    examples = [RENDERER.tuning_example(texts[sets[n % 4]], sets[n % 4]) for n in range(60)]
    learner, record = tune(
        tiny_tagger(tiny_encoder, LabelSetClassifier, epochs=30, learning_rate=1e-3), tmp_path, examples
    )
    answers = [answer.text for answer in predict(learner, [RENDERER.prompt(text) for text in texts.values()])]
    assert answers == sets
    assert record.examples_seen == 30 * 48, "a fifth of the rows is held out"
    head = learner._load()[1]
    assert head.classes == ["fire", "water"]
    assert all(0 < threshold < 1 for threshold in head.thresholds)
    prompts = [RENDERER.prompt(texts["fire"])] * 3
    right, wrong, unknown = (loss for _, loss in learner.target_losses(prompts, ["fire", "water", "fire; noise"]))
    assert right.nats < wrong.nats
    assert unknown.left_out
    trip = learner.return_targets(prompts, ["fire", "water", "fire; noise"], examples)
    assert trip.texts == ["fire", "water", "fire"]


@pytest.mark.parametrize(("n_words", "n_rows"), [(20, 8), (90, 8), (200, 4), (90, 40)])
def test_the_learning_rate_of_texts_in_several_windows_never_falls_below_zero(tiny_encoder, n_words, n_rows):
    examples = [
        RENDERER.tuning_example(f"Ann{i} " + "met " * n_words, f"[FIRSTNAME] {'met ' * n_words}") for i in range(n_rows)
    ]
    learner = tiny_tagger(tiny_encoder, epochs=2, batch_size=4)
    head = learner.prepare(examples)
    model = learner.initial_model(examples, head, 0)
    task = learner.training_task(model, examples, head)
    recipe = {
        key: value for key, value in learner.resolve_recipe({}, n_rows).items() if key not in learner.own_settings()
    }
    training = new_training(model, EncoderRecipe(**recipe), 0, task.lengths)
    rates = [training.recipe.learning_rate_at(step, 1.0) for step in range(len(training.steps))]
    assert len(rates) == 2 * math.ceil(len(task.lengths) / 4)
    assert len(rates) > recipe["n_steps"] or n_words == 20
    assert min(rates) > 0
    assert rates[-1] < 0.5 or len(rates) < 3


def spans_in(text):
    """Return a text without its brackets, and the spans that stand in them: ``<A:12 Main St>``."""
    source, spans = "", []
    for piece in re.split(r"(<\w:[^>]*>)", text):
        if piece.startswith("<"):
            spans.append(LabelledSpan(len(source), len(source) + len(piece) - 4, piece[1]))
            source += piece[3:-1]
        else:
            source += piece
    return source, spans


@pytest.mark.parametrize(
    ("rows", "joined"),
    [
        (["at <A:12 Main St Apt 3> now"], "AB"),  # B has no rows with blanks: it follows A
        (["<A:12 Main St> <A:Apt 3>"], "AB"),  # three blanks inside, one between
        (["<A:12 St> <A:Apt 3>"], ""),
        (["<A:x y z> <B:p>", "<B:p> <B:q>"], "A"),
        (["<A:x y> and <A:z>", "<B:p>\n<B:q>"], "A"),
        (["<A:x>, <A:y>"], ""),
        (["nothing"], ""),
    ],
)
def test_which_neighbours_are_one_follows_the_training_rows(rows, joined):
    assert joined_labels([spans_in(row) for row in rows], ["A", "B"]) == list(joined)


def test_neighbours_are_joined_across_blanks_alone_and_not_where_that_is_unwanted(tiny_encoder):
    rows = [("Ann Lee Ray met Bo", "[NAME] met [NAME]"), ("12 Main St Köln", "[STREET] [CITY]")]
    examples = [RENDERER.tuning_example(*row) for row in rows]
    unjoined = tiny_tagger(tiny_encoder, join_neighbours=False).prepare(examples)
    head = tiny_tagger(tiny_encoder).prepare(examples)
    assert unjoined.joined is unjoined.filled is None
    assert set(head.joined) == {"NAME", "STREET", "CITY"}
    (words,) = split_words(tiny_tagger(tiny_encoder).tokenizer, [text := "Ann Lee , Ray\n Bo Köln"])
    tags = [f"B-{label}" if label else "O" for label in ("NAME", "NAME", "", "NAME", "NAME", "CITY")]
    shares = np.array([[float(name == tag) for name in head.classes] for tag in tags], dtype=np.float32)
    found = {
        name: [(s.start, s.end, s.label) for s in found_spans(text, words, shares, of)]
        for name, of in (("on", head), ("off", unjoined))
    }
    assert found["off"] == [(0, 3, "NAME"), (4, 7, "NAME"), (10, 13, "NAME"), (15, 17, "NAME"), (18, 22, "CITY")]
    assert found["on"] == [(0, 7, "NAME"), (10, 17, "NAME"), (18, 22, "CITY")]
    recipes = [tiny_tagger(tiny_encoder, join_neighbours=asked).resolve_recipe({}, 9) for asked in (None, False, True)]
    assert recipes[0] == recipes[2] != recipes[1]
