"""Guessing and packing change how fast an answer is written, never a token of it."""

import itertools
import random
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from tests.conftest import simple_rows
from tests.learners.lm.training.test_training import ROWS, one_by_one, small_model, tiny, train
from tests.support.tokenizers import SMALL_VOCABULARY
from tunecurve.data.synthetic_pii.generate import generate_rows
from tunecurve.errors import OutOfMemory
from tunecurve.learners.base import predict
from tunecurve.learners.lm.adapters import add_adapters, load_adapters, save_adapters
from tunecurve.learners.lm.decoding import generate
from tunecurve.learners.lm.decoding import packed as packed_decoding
from tunecurve.learners.lm.decoding.generate import AnswerLimits, DecodingOptions, decode_stream
from tunecurve.learners.lm.decoding.prompt_lookup import PromptLookup, SeenContinuations
from tunecurve.learners.lm.forward import PackedForward
from tunecurve.learners.lm.lean import LeanForward
from tunecurve.learners.lm.learner import ADAPTER_FOLDER, LocalLearner
from tunecurve.learners.lm.recipe import Recipe
from tunecurve.learners.torch.backend_choice import NotUsable
from tunecurve.learners.torch.checkpoint import trainable_parameters
from tunecurve.learners.torch.device import choose_compute
from tunecurve.learners.torch.weights import resolve_model
from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

RENDERER = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "CITY"))
PROMPTS = [RENDERER.prompt(source) for source, _ in ROWS]
LEAN = "packed in few operations"


def answers(model, encoder, prompts, **options):
    found = dict(decode_stream(model, encoder, prompts, AnswerLimits(), options=DecodingOptions(**options)))
    return [found[index].text for index in range(len(prompts))]


def decoder_of(model, encoder, prompts):
    jobs = [generate._job(index, prompt, encoder, AnswerLimits()) for index, prompt in enumerate(prompts)]
    n_prefix = generate.common_prefix_length([job.prompt_ids for job in jobs])
    return generate.choose_decoder(model, jobs[0], n_prefix, encoder.end_token_id)


@pytest.fixture(scope="module")
def tuned(tiny_model_folder, tmp_path_factory):
    return train(tiny_model_folder, tmp_path_factory.mktemp("tuned") / "t")[0]


@pytest.fixture
def trained_folder(tuned):
    """Return where the adapter of the tuned tiny model lies."""
    return tuned.adapter_folder.parent


@pytest.fixture(scope="module")
def expected(tuned):
    """Return what transformers' own generate writes, a row at a time."""
    return one_by_one(tuned, PROMPTS)


@pytest.mark.parametrize("guess", ["copies", "none", "all wrong", "the right ones and more"])
def test_no_guess_changes_an_answer(tuned, expected, monkeypatch, guess):
    truth = {}
    model = tuned._load_for_scoring()
    for prompt, text in zip(PROMPTS, expected, strict=True):
        truth[prompt.source] = tuned.encoder.token_ids(text)
    noise = random.Random(0)

    def wrong(self, answer):
        return [noise.randrange(SMALL_VOCABULARY) for _ in range(noise.randrange(9))]

    def right_and_more(self, answer):
        source = tuned.encoder.decode(self._source[:-1])
        upto = len(answer) + noise.randrange(6)
        return [*truth[source][len(answer) : upto], noise.randrange(SMALL_VOCABULARY)]

    if guess == "none":
        monkeypatch.setattr(PromptLookup, "propose", lambda self, answer: [])
    elif guess == "all wrong":
        monkeypatch.setattr(PromptLookup, "propose", wrong)
    elif guess == "the right ones and more":
        monkeypatch.setattr(PromptLookup, "propose", right_and_more)
    assert answers(model, tuned.encoder, PROMPTS) == expected


@pytest.mark.parametrize(("slots", "pass_tokens"), [(1, 512), (3, 40), (1000, 1), (1000, 100_000)])
def test_neither_memory_nor_pass_size_changes_an_answer(tuned, expected, monkeypatch, slots, pass_tokens):
    rows = [RENDERER.prompt(source) for source, _ in ROWS]
    longest = max(len(tuned.encoder.prompt_ids(prompt)) for prompt in rows)
    monkeypatch.setattr(generate, "MAX_TOKENS_HELD", slots * 3 * longest)
    monkeypatch.setattr(packed_decoding, "PASS_TOKENS", pass_tokens)
    assert answers(tuned._load_for_scoring(), tuned.encoder, rows) == expected


@pytest.mark.parametrize("forward", [PackedForward, LeanForward.of])
def test_rows_without_a_shared_prefix_are_decoded_too(tuned, expected, forward):
    model, encoder = tuned._load_for_scoring(), tuned.encoder
    rows = [
        generate._job(index, prompt, encoder, AnswerLimits()).row(0, encoder.end_token_id)
        for index, prompt in enumerate(PROMPTS[:8])
    ]
    finished = list(packed_decoding.decode_rows(forward(model), rows, None, n_slots=3))
    assert sorted(finished) == list(range(8))
    end = encoder.end_token_id
    assert [encoder.decode([t for t in row.answer if t != end]) for row in rows] == expected[:8]


def prompts_with_own_examples():
    """Return prompts of which each has other examples, of other number and length."""
    return [
        RENDERER.prompt(source, [ROWS[(number + 1 + k) % len(ROWS)] for k in range(number % 4)])
        for number, (source, _) in enumerate(ROWS[:10])
    ]


@pytest.mark.parametrize("only", ["packed", "reference"])
def test_rows_with_examples_of_their_own_are_answered_as_one_by_one(tuned, monkeypatch, only):
    prompts = prompts_with_own_examples()[:6]
    monkeypatch.setattr(generate, "MAX_TOKENS_HELD", 3 * max(len(tuned.encoder.prompt_ids(one)) for one in prompts))
    assert answers(tuned._load_for_scoring(), tuned.encoder, prompts, only=only) == one_by_one(tuned, prompts)


def test_rows_with_examples_of_their_own_are_batched_by_length(tuned):
    prompts = prompts_with_own_examples()
    limits = AnswerLimits(batch_size=2)
    order = [index for index, _ in decode_stream(tuned._load_for_scoring(), tuned.encoder, prompts, limits)]
    lengths = [len(tuned.encoder.prompt_ids(prompts[index])) for index in order]
    caps = [limits.cap(len(tuned.encoder.token_ids(prompts[index].source))) for index in order]
    needed = [length + cap for length, cap in zip(lengths, caps, strict=True)]
    batches = [needed[start : start + 2] for start in range(0, len(needed), 2)]
    assert all(min(first) >= max(second) for first, second in itertools.pairwise(batches))


@pytest.mark.parametrize(("kind", "name"), [("llama", LEAN), ("qwen3", "packed"), ("gemma2", "reference")])
def test_each_architecture_is_decoded_by_the_fastest_decoder_that_is_exact_for_it(tiny_model_folder, kind, name):
    learner = tiny(tiny_model_folder)
    model = (learner.load_base() if kind == "llama" else small_model(kind)).eval()
    before = model.config._attn_implementation
    choice = decoder_of(model, learner.encoder, PROMPTS)
    assert (choice.name, choice.is_fastest) == (name, name != "reference")
    assert ("not packed: this model does not allow it (ValueError)" in choice.said) == (name == "reference")
    packed = answers(model, learner.encoder, PROMPTS[:12])
    assert packed == answers(model, learner.encoder, PROMPTS[:12], only="reference")
    assert model.config._attn_implementation == before


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor lays out no weights in bfloat16 (AVX-512)"
)
def test_bfloat16_answers_are_nearly_those_of_the_reference(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    model = learner.load_base().to(torch.bfloat16)
    assert decoder_of(model, learner.encoder, PROMPTS).name == LEAN
    packed = answers(model, learner.encoder, PROMPTS)
    plain = answers(model, learner.encoder, PROMPTS, only="reference")
    # Rounding decides between two nearly equal tokens: a random model has many such places.
    same = sum(a[:10] == b[:10] for a, b in zip(packed, plain, strict=True))
    assert same >= len(packed) // 2


@pytest.mark.model
def test_the_real_model_writes_the_same_answers_with_both_decoders(smollm2):
    rows = generate_rows(30, seed=5)
    renderer = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "LASTNAME", "CITY", "EMAIL"))
    shots = ((rows[0]["source_text"], rows[0]["target_text"]),)
    prompts = [renderer.prompt(row["source_text"], shots) for row in rows[1:]]
    limits = AnswerLimits(max_tokens_per_input_token=0.7, max_extra_tokens=4)
    written = {}
    native = choose_compute("cpu").dtype  # bfloat16 only where a study computes in it: elsewhere it is emulated
    for dtype in {torch.float32, native}:
        learner = LocalLearner(smollm2, replace(choose_compute("cpu"), dtype=dtype), limits)
        model = learner._load_for_scoring()
        assert decoder_of(model, learner.encoder, prompts).name == LEAN
        for only in ("packed", "reference"):
            found = decode_stream(model, learner.encoder, prompts, learner.limits, options=DecodingOptions(only=only))
            written[dtype, only] = [answer.text for _, answer in sorted(found, key=lambda item: item[0])]
    exact = written[torch.float32, "reference"]
    assert written[torch.float32, "packed"] == exact
    assert len(set(exact)) > 20
    # With 8 significant bits, which of two nearly tied tokens is ahead depends on the order of additions, in any way of
    # batching: the packed decoder must not stray further from the exact answers than the reference.
    strays = {
        only: sum(a != b for a, b in zip(written[native, only], exact, strict=True)) for only in ("packed", "reference")
    }
    assert strays["packed"] <= strays["reference"] + 3, strays


def write(draft, target):
    """Return how many passes a draft needs for an answer that the model is going to write."""
    answer, passes = [], 0
    while len(answer) < len(target):
        guesses = draft.propose(answer)[: len(target) - len(answer)]
        before = len(answer)
        for guess in [*guesses, None]:
            if len(answer) == len(target):
                break
            answer.append(target[len(answer)])
            if answer[-1] != guess:
                break
        draft.follow(answer, len(answer) - before, len(guesses))
        passes += 1
    assert answer == target
    return passes


def test_a_copy_with_two_masked_spans_takes_few_passes():
    source = list(range(100, 160))
    target = [*source[:20], 1, 2, 3, *source[24:40], 1, 2, 3, *source[43:]]
    assert write(PromptLookup(source, SeenContinuations()), target) <= 14  # 59 tokens


def test_a_loop_is_guessed_from_the_answer_itself():
    assert write(PromptLookup([7, 8, 9], SeenContinuations()), [1, 2, 3, 4] * 20) <= 15


def test_what_other_rows_wrote_after_two_tokens_is_guessed():
    seen = SeenContinuations()
    seen.learn([50, 51, 52, 53, 54])
    draft = PromptLookup([7, 8, 9], seen)
    draft.follow([50], 1, 3)
    draft.follow([50, 51], 1, 0)
    assert draft.propose([50, 51]) == [52, 53, 54]


def test_answers_come_as_they_finish_each_once_as_generate_writes_them(tuned, expected):
    found = list(tuned.predict_stream(PROMPTS))
    assert len(simple_rows(40)) == len(PROMPTS)
    assert sorted(index for index, _ in found) == list(range(len(PROMPTS)))
    assert [text for _, text in sorted((index, answer.text) for index, answer in found)] == expected
    assert {answer.stop_reason for _, answer in found} <= {"end", "length"}
    assert [answer.text for answer in predict(tuned, PROMPTS)] == expected


def logits_of(model, encoder):
    ids = torch.tensor([encoder.token_ids("Call Kattie on 555-0100 when you reach Paris; the train leaves at nine.")])
    with torch.inference_mode():
        return model(input_ids=ids, use_cache=False).logits.float()


def small_adapter(smollm2, folder):
    """Save an adapter of the built-in model that changes little, and return the learner that answers with it."""
    learner = LocalLearner(smollm2, replace(choose_compute("cpu"), dtype=torch.float32))
    model = add_adapters(learner.load_base(), Recipe(**learner.resolve_recipe({}, 50)), 1)
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in trainable_parameters(model).items():
            if "lora_B" in name:
                parameter.add_(0.01 * torch.randn_like(parameter))
    save_adapters(model, folder / ADAPTER_FOLDER, smollm2.name)
    return learner.load_tuned(folder)


def test_merged_weights_in_bfloat16_are_as_near_to_float32_as_an_adapter_beside_them(smollm2, tmp_path):
    exact = small_adapter(smollm2, tmp_path)
    beside = load_adapters(exact.load_base(), exact.adapter_folder).eval().get_base_model()
    expected = logits_of(exact._load_for_scoring(), exact.encoder)
    assert torch.allclose(expected, logits_of(beside, exact.encoder), atol=1e-3), "in float32 both are one"
    rounded = LocalLearner(smollm2, replace(exact.compute, dtype=torch.bfloat16)).load_tuned(tmp_path)
    assert rounded.identity()["adapters"] == "merged"
    merged = logits_of(rounded._load_for_scoring(), exact.encoder)
    beside = logits_of(load_adapters(rounded.load_base(), rounded.adapter_folder).eval(), exact.encoder)
    assert float((merged - expected).abs().mean()) < 1.25 * float((beside - expected).abs().mean())


def test_an_adapter_stays_beside_weights_that_are_stored_in_fewer_bits(tiny_model_folder, tmp_path, trained_folder):
    model = AutoModelForCausalLM.from_pretrained(tiny_model_folder, dtype=torch.bfloat16)
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_model_folder).save_pretrained(tmp_path)
    learner = LocalLearner(resolve_model(str(tmp_path)), replace(choose_compute("cpu"), dtype=torch.bfloat16))
    tuned = learner.load_tuned(trained_folder)
    assert tuned.identity()["adapters"] == "beside the weights"
    names = {name for name, _ in tuned._load_for_scoring().named_parameters()}
    assert any("lora_A" in name for name in names)


def test_a_models_own_generation_settings_change_no_answer(tiny_model_folder):
    learner = tiny(tiny_model_folder)
    model = learner.load_base()
    expected = answers(model, learner.encoder, PROMPTS[:9], only="packed")
    own = GenerationConfig(
        do_sample=True, temperature=3.0, repetition_penalty=5.0, max_new_tokens=2, suppress_tokens=[1, 5]
    )
    model.generation_config = own
    assert answers(model, learner.encoder, PROMPTS[:9], only="reference") == expected
    assert model.generation_config is own


@pytest.mark.parametrize("only", ["packed", "reference", None])
def test_a_learner_says_which_decoder_wrote_its_answers(tiny_model_folder, monkeypatch, only):
    learner = tiny(tiny_model_folder, backend=only)
    assert learner.decoder is None
    predict(learner, PROMPTS[:2])
    assert learner.decoder.name == ("reference" if only == "reference" else LEAN)
    assert learner.decoder.is_fastest
    assert learner.load_tuned(tiny_model_folder).decoder is None

    def other_logits(*args):
        return right(*args) * 1.2

    right = generate.next_token_logits
    monkeypatch.setattr(generate, "next_token_logits", other_logits)
    again = [
        RENDERER.prompt(prompt.source, [ROWS[20]]) for prompt in PROMPTS[:2]
    ]  # logits are checked once a beginning
    if only == "packed":
        with pytest.raises(NotUsable, match="not packed: other logits"):
            predict(learner, again)
        return
    predict(learner, again)
    assert learner.decoder.name == "reference"
    assert learner.decoder.is_fastest == (only == "reference")
    passed_over = "".join(f"; not {name}: other logits (relative difference 2.0e-01)" for name in (LEAN, "packed"))
    assert learner.decoder.said == "reference: transformers' generate" + (passed_over if only is None else "")


def test_memory_that_runs_out_while_answering_ends_in_one_line(tiny_model_folder, monkeypatch):
    def full(*args, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(generate, "read_prefix", full)
    with pytest.raises(
        OutOfMemory, match=r"this machine's memory is not enough for answers of .*; close other programs"
    ):
        predict(tiny(tiny_model_folder), PROMPTS[:2])
