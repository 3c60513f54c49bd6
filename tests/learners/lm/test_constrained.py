"""Constrained answers: always maskings, the same by every way of decoding, and the model's own where those are legal."""

import json
import random
from dataclasses import replace

import pytest
import torch

from tests.learners.lm.training.test_training import ROWS, tiny, train
from tests.support.tokenizers import SMALL_VOCABULARY
from tunecurve.data.synthetic_pii.generate import generate_rows
from tunecurve.errors import ModelError, SpecError, UsageError
from tunecurve.formats.alignment import align_exactly
from tunecurve.formats.mask_shapes import mask_shape
from tunecurve.formats.placeholders import CLASSIC, PlaceholderForm, Style
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.lm.constrained import MaskingLearner
from tunecurve.learners.lm.decoding.generate import AnswerLimits, DecodingOptions, decode_stream
from tunecurve.learners.lm.decoding.masking_automaton import KnownLabels, MaskingAutomaton
from tunecurve.learners.lm.decoding.prompt_lookup import PromptLookup
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.token_bytes import TokenBytes
from tunecurve.learners.registry import LearnerOptions, build_learners
from tunecurve.learners.torch.device import choose_compute
from tunecurve.predictor import load_predictor
from tunecurve.prompts import MASKING_SYSTEM, Prompt, PromptRenderer
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec

LABELS = ("FIRSTNAME", "CITY")
RENDERER = PromptRenderer(MASKING_SYSTEM, labels=LABELS)
PROMPTS = [RENDERER.prompt(source) for source, _ in ROWS]
ODD_TEXTS = ["Zoë 😀 in [CITY]", "a[b]c [", "\tline\nbreak \x04 and control", "日本 [FIRSTNAME", "  two  spaces "]


def constrained(learner):
    return MaskingLearner(learner.files, learner.compute, learner.limits, adapter_folder=learner.adapter_folder)


def answers(learner, prompts, **options):
    model = learner._load_for_scoring()
    found = dict(
        decode_stream(
            model,
            learner.encoder,
            prompts,
            learner.limits,
            options=DecodingOptions(constrain=learner.constraint, **options),
        )
    )
    return [found[index] for index in range(len(prompts))]


def is_masking(prompt, text):
    labels = set(CLASSIC.pattern.findall(text)) - set(CLASSIC.pattern.findall(prompt.source))
    return align_exactly(prompt.source, text) is not None and labels <= set(prompt.labels)


@pytest.fixture(scope="module")
def tuned(tiny_model_folder, tmp_path_factory):
    return train(tiny_model_folder, tmp_path_factory.mktemp("tuned") / "t")[0]


@pytest.mark.parametrize("is_tuned", [False, True])
def test_every_finished_answer_is_a_masking_and_the_ways_of_decoding_agree(tiny_model_folder, tuned, is_tuned):
    learner = constrained(tuned if is_tuned else tiny(tiny_model_folder))
    prompts = [*PROMPTS[:16], *(RENDERER.prompt(text) for text in ODD_TEXTS)]
    written = answers(learner, prompts)
    finished = [index for index, answer in enumerate(written) if answer.stop_reason == "end"]
    assert len(finished) > len(prompts) // 2
    assert all(is_masking(prompts[index], written[index].text) for index in finished)
    plain = answers(learner, prompts, only="reference")
    assert [answer.text for answer in written] == [answer.text for answer in plain]
    free = predict(tiny(tiny_model_folder) if not is_tuned else tuned, prompts)
    assert not all(is_masking(prompt, answer.text) for prompt, answer in zip(prompts, free, strict=True))


@pytest.mark.parametrize("guess", ["none", "all wrong", "the right ones and more"])
def test_no_guess_changes_a_constrained_answer(tuned, monkeypatch, guess):
    learner = constrained(tuned)
    expected = [answer.text for answer in answers(learner, PROMPTS[:20], only="reference")]
    truth = {
        prompt.source: learner.encoder.token_ids(text) for prompt, text in zip(PROMPTS[:20], expected, strict=True)
    }
    noise = random.Random(0)

    def propose(self, answer):
        if guess == "none":
            return []
        if guess == "all wrong":
            return [noise.randrange(SMALL_VOCABULARY) for _ in range(noise.randrange(9))]
        source = learner.encoder.decode(self._source[:-1])
        return [*truth[source][len(answer) : len(answer) + noise.randrange(6)], noise.randrange(SMALL_VOCABULARY)]

    monkeypatch.setattr(PromptLookup, "propose", propose)
    assert [answer.text for answer in answers(learner, PROMPTS[:20])] == expected


class Scripted:
    """A constraint's view of a model that wants certain tokens, best first, and no others."""

    def __init__(self, learner, prompt):
        self.encoder, self.constraint = learner.encoder, learner.constraint(prompt)

    def next(self, *wanted):
        logits = torch.zeros(49_152)
        for rank, token in enumerate(wanted):
            logits[token] = 100.0 - rank
        return self.constraint.choose(logits[None], [int(logits.argmax())], [])[0]

    def write(self, ids):
        """Return what is chosen where each token in turn is wanted most."""
        return [self.next(token) for token in ids]


@pytest.fixture(scope="module")
def real(smollm2):
    return MaskingLearner(smollm2, replace(choose_compute("cpu"), dtype=torch.float32), AnswerLimits())


def test_the_likeliest_token_that_is_allowed_is_taken(real):
    token = {text: real.encoder.token_ids(text)[0] for text in ("Hello", "Ada", " lives", "[", "F")}
    model = Scripted(real, RENDERER.prompt("Ada lives in Oslo."))
    assert model.next(token["Hello"], token[" lives"], token["["], token["Ada"]) == token["["]
    assert model.next(token["Ada"], token["Hello"], token["F"]) == token["F"]


def test_a_model_that_wants_nothing_that_is_allowed_copies_on(real):
    source = "Ada lives in Zoëville 😀, ok"
    model = Scripted(real, RENDERER.prompt(source))
    end, hello = real.encoder.end_token_id, real.encoder.token_ids("Hello")[0]
    logits = torch.zeros(49_152)
    logits[hello] = 1.0
    # The 64 likeliest tokens are all of no use: special ones, and texts that this input does not hold.
    logits[[number for number in range(49_152) if b"x" in real.tokens[number]][:200]] = 0.5
    written = []
    while not written or written[-1] != end:
        written += model.constraint.choose(logits[None], [hello], [])
    assert real.encoder.decode(written[:-1]) == source


def test_an_answer_that_is_a_masking_anyway_is_left_as_it_is(real):
    rows = [row for language in ("en", "de") for row in generate_rows(30, seed=3, language=language)]
    labels = tuple({label for row in rows for label in CLASSIC.pattern.findall(row["target_text"])})
    renderer = PromptRenderer(MASKING_SYSTEM, labels=labels)
    for row in rows:
        wanted = [*real.encoder.token_ids(row["target_text"]), real.encoder.end_token_id]
        assert Scripted(real, renderer.prompt(row["source_text"])).write(wanted) == wanted


def test_right_answers_beyond_the_limits_of_the_training_rows_are_counted(real):
    examples = [RENDERER.tuning_example("Ada lives in Oslo.", "[FIRSTNAME] lives in [CITY].")]
    pairs = [
        ("Bo lives in Rome.", "[FIRSTNAME] lives in [CITY]."),
        ("Santiago de Compostela is far.", "[CITY] is far."),
        ("Bo Cy here.", "[FIRSTNAME] [FIRSTNAME] here."),
        ("Bo Rome here.", "[FIRSTNAME] [CITY] here."),
        ("Bo Rome Cy here.", "[FIRSTNAME] [CITY] [FIRSTNAME] here."),
        ("No masking", "other text"),
    ]
    prompts, targets = [RENDERER.prompt(source) for source, _ in pairs], [target for _, target in pairs]
    found = real.return_targets(prompts, targets, examples)
    assert [(loss.step, loss.rows) for loss in found.losses] == [("shape", (1, 2, 4))]
    assert [bool(text) for text in found.texts] == [True, False, False, True, False, True]
    assert not real.return_targets(prompts, targets, []).losses
    assert not real.return_targets(prompts, targets, [RENDERER.tuning_example("a", "a")]).losses


def lost_of(learner, form, labels, examples, pairs, numbered=False):
    renderer = PromptRenderer(MASKING_SYSTEM, labels=labels, form=form, numbered=numbered)
    shown = [renderer.tuning_example(source, target) for source, target in examples]
    prompts = [renderer.prompt(source) for source, _ in pairs]
    losses = learner.return_targets(prompts, [target for _, target in pairs], shown).losses
    return [row for loss in losses if loss.step == "shape" for row in loss.rows]


@pytest.mark.parametrize("ends", [("", "\n"), ("  ", ""), ("\n", " \t\n"), ("\u3000", "\u00a0")])
def test_blanks_at_the_ends_of_a_text_put_no_right_answer_beyond_the_limits(real, ends):
    """Exact match does not see them, and a target may leave them out."""
    before, after = ends
    examples = [(f"{before}Ada is here{after}", "[FIRSTNAME] is here"), ("to Rome", "to [CITY]")]
    pairs = [
        (f"{before}Bo is here{after}", "[FIRSTNAME] is here"),
        (f"{before}to Oslo{after}", "to [CITY]"),
        (f"{before}Bo{after}", f"{before}[FIRSTNAME]{after}"),
        (f"{before}Santiago de Compostela{after}", "[CITY]"),
        (f"{before}Bo Cy{after}", f"{before}[FIRSTNAME] [FIRSTNAME]{after}"),
    ]
    assert lost_of(real, CLASSIC, LABELS, examples, pairs) == [3, 4]


def test_right_answers_in_another_dress_than_the_models_are_within_the_limits(real):
    mixed = PlaceholderForm((Style("[", "]", ("CITY", "NAME")), Style("<", ">", ("CITY", "NAME"))))
    examples = [("Ada to Rome", "[NAME] to <CITY>")]
    pairs = [("Bo to Oslo", "<NAME> to [CITY]"), ("Bo Cy", "<NAME> [NAME]"), ("Santiago is", "<CITY> is")]
    assert lost_of(real, mixed, ("CITY", "NAME"), examples, pairs) == [1]
    stars = PlaceholderForm((Style("", "", ("***", "******")),))
    examples = [("Ada to Oslo", "*** to ****")]
    pairs = [("Babette to", "******* to"), ("Bo Cy", "*** *****"), ("Santiago d is", "***** is")]
    assert lost_of(real, stars, ("***",), examples, pairs) == [1, 2]


@pytest.mark.parametrize(
    "form", [Style("<", ">", ("A", "B")), Style("{{", "}}", ("a", "b")), Style("[", "]", ("A", "B"))]
)
def test_limits_are_those_of_every_dress(real, form):
    a, b = (form.dress(name) for name in form.names)
    examples = [("Ada Bo met Cy", f"{a} {b} met {a}")]
    pairs = [
        ("Ada\nBo", f"{a}\n{b}"),
        ("Ada, Bo", f"{a}, {a}"),
        ("Ada Bo Cy", f"{a} {b} {a}"),
        ("Ada Bo Cy Di", f"{a} {b} {a} {b}"),
        ("Ada Bo", f"{a} {a}"),
        ("AdaBo", f"{a}{a}"),
        ("Zoë😀", a),
        ("Zoë😀", f"{a}😀"),
        ("Ada", form.dress("X" if "A" in form.names else "x")),
    ]
    assert lost_of(real, PlaceholderForm((form,)), form.names, examples, pairs) == [
        3,
        4,
        5,
        6,
        *([8] if "A" in form.names else []),
    ]


def test_numbers_tell_right_answers_apart(real):
    examples = [("Ada and Bo", "[FIRSTNAME_1] and [FIRSTNAME_2]")]
    pairs = [
        ("Ada Bo", "[FIRSTNAME_1] [FIRSTNAME_2]"),
        ("Ada Ada", "[FIRSTNAME_1] [FIRSTNAME_1]"),
        ("Ada Bo", "[FIRSTNAME] [FIRSTNAME]"),
        ("Ada Bo Cy", "[FIRSTNAME_1] [FIRSTNAME_2] [FIRSTNAME_3]"),
    ]
    assert lost_of(real, CLASSIC, LABELS, examples, pairs, numbered=True) == [2, 3]


def test_a_label_that_is_wanted_again_and_again_is_written_once(real):
    shape = mask_shape([("Ada lives in Oslo.", "[FIRSTNAME] lives in [CITY].")])
    prompt = replace(RENDERER.prompt("Ada Bo Cy live in Oslo."), shape=shape)
    label, blank = real.encoder.token_ids("[FIRSTNAME]"), real.encoder.token_ids(" [")[0]
    model = Scripted(real, prompt)
    assert model.write(label) == label
    assert model.next(blank, *real.encoder.token_ids(" Bo")) == blank
    written = model.next(*real.encoder.token_ids("FIRSTNAME")[:1], *real.encoder.token_ids("C")[:1])
    assert written == real.encoder.token_ids("C")[0]


def test_numbers_are_allowed_where_training_targets_have_them(real):
    prompt = replace(RENDERER.prompt("Ada met Bo"), numbered=True)
    wanted = [*real.encoder.token_ids("[FIRSTNAME_1] met [FIRSTNAME_2]"), real.encoder.end_token_id]
    assert Scripted(real, prompt).write(wanted) == wanted
    assert Scripted(real, replace(prompt, numbered=False)).write(wanted) != wanted


def test_a_tokens_bytes_are_what_the_tokenizer_decodes(real):
    tokenizer, tokens = real.encoder.tokenizer, real.tokens
    for number in [*range(300), *range(300, 49_152, 97)]:
        text = tokenizer.decode([number], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert tokens[number].decode(errors="replace") == text, number
    assert tokens[50_000] == b""


def test_a_tokenizer_that_is_not_byte_level_is_refused():
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE({"▁": 0, "a": 1}, []))
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    with pytest.raises(ModelError, match="'mine' cannot be constrained: its tokenizer is not byte-level"):
        TokenBytes(PreTrainedTokenizerFast(tokenizer_object=backend), "mine")


def test_a_prompt_without_labels_is_refused_before_anything_is_trained(tiny_model_folder, tmp_path):
    learner = constrained(tiny(tiny_model_folder))
    renderer = PromptRenderer("Translate.")
    with pytest.raises(ModelError, match="the constraint needs a masking task"):
        predict(learner, [renderer.prompt("Ada")])
    recipe = learner.resolve_recipe({"epochs": 1}, 1)
    with pytest.raises(ModelError, match="the constraint needs a masking task"):
        learner.fine_tune(TrainingJob([renderer.tuning_example("a", "b")], recipe, 0, tmp_path), lambda step: None)
    with pytest.raises(SpecError, match="expected task: masking or extraction"):
        parse_spec({"task": "generation", "models": ["constrained:x"]})
    with pytest.raises(SpecError, match="expected a model's name"):
        parse_spec({"models": ["constrained:"]})


def test_names_behind_constrained_are_local(tiny_model_folder):
    name = f"constrained:{tiny_model_folder}"
    learner = build_learners([name], LearnerOptions(device="cpu"))[name]
    assert isinstance(learner, MaskingLearner)
    assert isinstance(learner.load_tuned(tiny_model_folder), MaskingLearner)
    with pytest.raises(UsageError, match="does not let its answers be constrained"):
        build_learners(["constrained:openai/gpt-5-mini"])


def test_models_without_a_chat_template_begin_with_their_space(tiny_model_folder):
    learner = constrained(tiny(tiny_model_folder))
    learner.encoder.tokenizer.chat_template = None
    learner.encoder = type(learner.encoder)(learner.encoder.tokenizer)
    written = answers(learner, PROMPTS[:4])
    assert all(is_masking(p, a.text) for p, a in zip(PROMPTS, written, strict=False) if a.stop_reason == "end")
    automaton = MaskingAutomaton("Ada", KnownLabels(LABELS), lead=" ")
    assert automaton.follow(automaton.start, b"Ada") is None


def test_a_study_trains_once_and_draws_both(tiny_model_folder, rows_file, tmp_path):
    study = {
        "name": "both", "data": {"source": str(rows_file)}, "split": {"test_size": 12, "method": "random"},
        "models": [str(tiny_model_folder), f"constrained:{tiny_model_folder}"], "shots": [0, 1], "train_sizes": [8],
        "recipe": {"epochs": 1, "lora_rank": 2}, "bootstrap": {"draws": 100},
    }  # fmt: skip
    done = run_study(study, out=tmp_path / "run", device="cpu")
    assert not done.outcome.failures
    trials = {(trial.learner.split(":")[0], trial.label): trial for trial in done.results.trials}
    assert len(trials) == 7
    first, second = trials[str(tiny_model_folder), "fine-tune-n8-seed0"], trials["constrained", "fine-tune-n8-seed0"]
    assert first.training.taken_from is None
    assert second.training == replace(first.training, taken_from=first.folder.removeprefix("trials/"))
    weights = [
        (tmp_path / "run" / trial.folder / "adapter" / "adapter_model.safetensors").read_bytes()
        for trial in (first, second)
    ]
    assert weights[0] == weights[1]
    for (name, label), trial in trials.items():
        shape = json.loads((tmp_path / "run" / trial.folder / "config.json").read_text()).get("answer_shape")
        assert (shape is None) is (name != "constrained" or not label.startswith("fine-tune")), trial.folder
        assert shape is None or (shape["most_bytes"] >= 4 and shape["most_in_a_row"] >= 2)
    mask = load_predictor(tmp_path / "run", trial=f"constrained:{tiny_model_folder}/fine-tune-n8-seed0", device="cpu")
    text = "Ada lives in Oslo."
    assert is_masking(Prompt((), text, LABELS), mask(text))


@pytest.mark.model
def test_the_real_model_writes_maskings_and_the_same_ones_both_ways(real):
    rows = generate_rows(9, seed=5)
    renderer = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "LASTNAME", "CITY", "EMAIL"))
    shots = ((rows[0]["source_text"], rows[0]["target_text"]),)
    prompts = [renderer.prompt(row["source_text"], shots) for row in rows[1:]]
    written = answers(real, prompts)
    assert [a.text for a in written] == [a.text for a in answers(real, prompts, only="reference")]
    finished = [(p, a.text) for p, a in zip(prompts, written, strict=True) if a.stop_reason == "end"]
    assert len(finished) >= 7
    assert all(is_masking(prompt, text) for prompt, text in finished)
    free = predict(LocalLearner(real.files, real.compute, real.limits), prompts)
    legal = [index for index, answer in enumerate(free) if is_masking(prompts[index], answer.text)]
    assert [written[index].text for index in legal] == [free[index].text for index in legal]
