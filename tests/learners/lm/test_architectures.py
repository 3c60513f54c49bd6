"""Models of many kinds give the answers and losses that transformers gives a row at a time, whatever computes them."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import transformers

from tests.learners.lm.training.test_training import ROWS, tiny
from tests.support.tokenizers import SMALL_VOCABULARY
from tunecurve.learners.base import TrainingJob
from tunecurve.learners.lm.attention import may_share_prefix, packed_attention
from tunecurve.learners.lm.decoding.generate import AnswerLimits, DecodingOptions, decode_stream
from tunecurve.learners.lm.target_loss import loss_stream
from tunecurve.predictor import Predictor
from tunecurve.prompts import MASKING_SYSTEM, PromptRenderer

COMMON = {
    "vocab_size": SMALL_VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.3,
    "pad_token_id": 0,
}  # fmt: skip
WINDOW = 24  # less than any prompt has
SLIDING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
ROPE_OF_LLAMA_3 = {
    "rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
LEAN, PACKED, REFERENCE = "packed in few operations", "packed", "reference"
KINDS = {
    "rope of Llama 3, tied": ("llama", {"rope_parameters": ROPE_OF_LLAMA_3, "tie_word_embeddings": True}, LEAN),
    "wide heads, one key head": ("llama", {"head_dim": 16, "num_key_value_heads": 1, "attention_bias": True}, LEAN),
    "biases of queries": ("qwen2", {}, LEAN),
    "norms of queries": ("qwen3", {"head_dim": 8}, PACKED),
    "norms from 1, scaled embeddings": ("gemma", {"head_dim": 8}, PACKED),
    "partial rotation": ("phi", {"partial_rotary_factor": 0.5}, PACKED),
    "multipliers": ("granite", {"embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_scaling": 2.0}, PACKED),
    "a sliding window in all layers": ("mistral", {"sliding_window": WINDOW}, REFERENCE),
    "a sliding window in one, soft caps": ("gemma2", {"head_dim": 8, **SLIDING}, REFERENCE),
    "a sliding window, norms of queries": ("gemma3_text", {"head_dim": 8, **SLIDING}, REFERENCE),
    "convolutions": ("lfm2", {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}, REFERENCE),
    "states": ("mamba", {}, REFERENCE),
}  # fmt: skip
LIMITS = AnswerLimits(max_tokens_per_input_token=0.0, max_extra_tokens=6)
RENDERER = PromptRenderer(MASKING_SYSTEM, labels=("FIRSTNAME", "CITY"))
# Of quite different lengths: much padding.
PAIRS = [(source * times, target) for (source, target), times in zip(ROWS, (1, 3, 1, 6), strict=False)]


def random_model(kind, options):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **COMMON | options))
    for name, weight in model.eval().requires_grad_(False).named_parameters():
        if name.endswith("bias") or "norm" in name:
            weight.add_(0.3 * torch.randn_like(weight))
    return model


def read_whole(model, encoder, prompt, target):
    """Return answer and loss with every token computed anew, a row by itself: no cache, no padding, no packing."""
    ids = encoder.prompt_ids(prompt)
    written = list(ids)
    while len(written) < len(ids) + 6 and written[-1] != encoder.end_token_id:
        written.append(int(model(torch.tensor([written]), use_cache=False).logits[0, -1].argmax()))
    row = encoder.encode_answer(prompt, target)
    logits = model(torch.tensor([row.token_ids]), use_cache=False).logits[0, -row.n_answer - 1 : -1]
    labels = torch.tensor(row.token_ids[-row.n_answer :])
    text = encoder.decode([token for token in written[len(ids) :] if token != encoder.end_token_id])
    return text, float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"))


@pytest.mark.parametrize(("kind", "options", "decoder"), KINDS.values(), ids=KINDS)
@pytest.mark.filterwarnings("ignore")
def test_answers_and_losses_are_those_of_rows_read_whole(tiny_model_folder, kind, options, decoder):
    encoder, model = tiny(tiny_model_folder).encoder, random_model(kind, options)
    pairs = [(RENDERER.prompt(source), target) for source, target in PAIRS]
    prompts = [prompt for prompt, _ in pairs]
    expected = [read_whole(model, encoder, *pair) for pair in pairs]
    chosen = []
    for only in (None, REFERENCE):
        options = DecodingOptions(only=only, on_choice=chosen.append)
        found = dict(decode_stream(model, encoder, prompts, LIMITS, options=options))
        assert [found[row].text for row in range(len(pairs))] == [text for text, _ in expected]
        losses = dict(loss_stream(model, encoder, pairs, 2048, only=only))
        assert [losses[row].nats for row in range(len(pairs))] == pytest.approx(
            [nats for _, nats in expected], rel=1e-5
        )
    assert [choice.name for choice in chosen] == [decoder, REFERENCE]


@pytest.mark.parametrize("kind", ["llama", "gemma2", "mamba"])
@pytest.mark.parametrize("only", [None, REFERENCE])
def test_no_prompts_have_no_answers_and_no_losses(tiny_model_folder, kind, only):
    encoder, model = tiny(tiny_model_folder).encoder, random_model(kind, {})
    assert not list(decode_stream(model, encoder, [], LIMITS, options=DecodingOptions(only=only)))
    assert not list(loss_stream(model, encoder, [], 2048, only=only))


@pytest.mark.parametrize(
    ("kind", "options", "longest"),
    [
        ("llama", {}, 2048),
        ("qwen2", {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 1}, 64),
        ("mistral", {"sliding_window": 64}, 64),
        ("lfm2", {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False}, 0),
        ("mamba", {}, 0),
    ],
)
def test_a_prefix_is_shared_where_no_layer_takes_notice_of_padding(kind, options, longest):
    model = random_model(kind, options)
    assert all(may_share_prefix(model, n) == (n <= longest) for n in (1, 63, 64, 65, 2048))


def test_rows_are_not_packed_where_a_layer_would_mix_them():
    model = random_model("lfm2", KINDS["convolutions"][1])
    before = model.config._attn_implementation
    with pytest.raises(ValueError, match="rows would see each other"), packed_attention(model):
        pass
    assert model.config._attn_implementation == before


@pytest.mark.parametrize(("window", "path"), [(WINDOW, "reference: "), (2048, "cached: ")])
def test_a_window_shorter_than_the_rows_is_trained_without_a_shared_prefix(tiny_model_folder, tmp_path, window, path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_folder, folder)
    random_model("mistral", {"sliding_window": window}).save_pretrained(folder)
    learner, short = tiny(folder), [RENDERER.tuning_example(source, target) for source, target in PAIRS]
    values = learner.resolve_recipe({"epochs": 1, "batch_size": 4, "lora_rank": 2}, len(short))
    record = learner.fine_tune(TrainingJob(short, values, 0, tmp_path), lambda step: None).record
    assert record.path.startswith(path)


@pytest.mark.parametrize("kind", ["llama", "qwen3", "mistral"])
def test_callers_in_threads_of_their_own_get_the_answers_of_one(tiny_model_folder, tmp_path, kind):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_folder, folder)
    random_model(kind, {"head_dim": 8}).save_pretrained(folder)
    learner = tiny(folder)
    learner.limits = LIMITS
    predictor = Predictor(learner, RENDERER, "trial")
    # Texts of a caller begin alike: every call shares another prefix.
    asked = [[f"{word} {source}" for source, _ in ROWS[:3]] for word in ("Hello", "Dear all,", "We met")]
    expected = [[answer.text for answer in predictor.complete(texts)] for texts in asked]
    with ThreadPoolExecutor(3) as callers:
        found = list(callers.map(predictor.complete, asked * 3))
    assert [[answer.text for answer in answers] for answers in found] == expected * 3


@pytest.mark.parametrize("is_tuned", [False, True])
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text"])
def test_half_precision_rounds_weights_alone_as_transformers_does(tiny_model_folder, tmp_path, kind, is_tuned):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_folder, folder)
    random_model(kind, {"head_dim": 8}).save_pretrained(folder)
    learner = tiny(folder, torch.bfloat16)
    if is_tuned:
        examples = [RENDERER.tuning_example(source, target) for source, target in PAIRS]
        values = learner.resolve_recipe({"epochs": 1, "batch_size": 4, "lora_rank": 2}, len(examples))
        learner.fine_tune(TrainingJob(examples, values, 0, tmp_path), lambda step: None)
        learner = tiny(folder, torch.bfloat16, adapter_folder=tmp_path / "adapter")
    model = learner._load_for_scoring()
    theirs = dict(transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).named_buffers())
    ours = dict(model.named_buffers())
    assert any("inv_freq" in name for name in theirs)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        # A scale of embeddings is rounded where it is used; frequencies are used as they are.
        assert ours[name].dtype == value.dtype or "inv_freq" not in name, name
        assert torch.equal(ours[name].to(value.dtype), value), name
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
