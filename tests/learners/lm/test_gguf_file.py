"""GGUF files: what llama.cpp is told of a model must be the model. Read back by an independent reader, and asked."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from tests.conftest import simple_rows
from tests.support.small_tokenizer import CHATML, byte_level_tokenizer
from tunecurve.errors import ModelError, UsageError
from tunecurve.learners.base import predict
from tunecurve.learners.lm import conversion
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.learners.lm.gguf_file import pairs_beside_each_other, pre_tokenizer_name, stored_type, write_gguf
from tunecurve.learners.lm.learner import LocalLearner
from tunecurve.learners.lm.llama_cpp import LlamaCpp, has_llama_cpp
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import from_folder, resolve_model
from tunecurve.learners.torch.whole_models import read_gguf
from tunecurve.prompts import PromptRenderer

TEXTS = [row["source_text"] for row in simple_rows(60)]
RENDERER = PromptRenderer("Mask it. Labels: {labels}.", labels=("FIRSTNAME", "CITY"))
COMMON = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}  # fmt: skip


@pytest.fixture(scope="module")
def small_tokenizer():
    """Byte-level BPE of 400 tokens, as GPT-2 cuts texts."""
    return byte_level_tokenizer(TEXTS)


def made(tokenizer, folder, kind="llama", **settings):
    """Save a small model with random weights and return it as a learner in float32."""
    torch.manual_seed(1)
    values = COMMON | {"vocab_size": len(tokenizer) + 3, "eos_token_id": 2, "initializer_range": 0.3} | settings
    config, build = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}[kind]
    model = build(config(**values))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return LocalLearner(
        from_folder("small", folder, "made for the test"), Compute(torch.device("cpu"), torch.float32, 1)
    )


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("llama", {"tie_word_embeddings": True}),
        ("llama", {"tie_word_embeddings": False}),
        ("llama", {"num_key_value_heads": 4, "rope_theta": 100_000.0}),
        ("qwen2", {"tie_word_embeddings": True}),
    ],
)
def test_a_file_holds_the_model_that_was_written(small_tokenizer, tmp_path, kind, settings):
    learner = made(small_tokenizer, tmp_path / "model", kind, **settings)
    merged = learner.merged().eval()
    write_gguf(merged, learner.encoder, tmp_path / "f16.gguf", "f16", "small")
    again, tokenizer = read_gguf(tmp_path / "f16.gguf")
    ids = torch.tensor([learner.encoder.prompt_ids(RENDERER.prompt(TEXTS[0]))])
    with torch.inference_mode():
        expected, found = merged(ids).logits, again.eval()(ids).logits
    assert float((expected - found).abs().max()) < 0.02 * float(expected.abs().max())
    assert tokenizer.chat_template == CHATML
    prompts = [RENDERER.prompt(text) for text in [*TEXTS[:5], "naïve <|im_end|> 2,300 漢字\n\n  x"]]
    assert [ChatEncoder(tokenizer).prompt_ids(p) for p in prompts] == [learner.encoder.prompt_ids(p) for p in prompts]


def test_tokens_that_the_tokenizer_lacks_are_unused_and_control_tokens_are_marked(small_tokenizer, tmp_path):
    from gguf import GGUFReader, TokenType

    learner = made(small_tokenizer, tmp_path / "model")
    write_gguf(learner.merged(), learner.encoder, tmp_path / "a.gguf", "q8_0", "small")
    fields = GGUFReader(tmp_path / "a.gguf").fields
    tokens, kinds = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.token_type"].contents()
    assert tokens[:3] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    assert kinds[:3] == [TokenType.CONTROL] * 3
    assert kinds[-3:] == [TokenType.UNUSED] * 3
    assert kinds[3] == TokenType.NORMAL
    assert fields["tokenizer.ggml.pre"].contents() == "gpt-2"
    assert fields["tokenizer.ggml.eos_token_id"].contents() == learner.encoder.end_token_id == 2
    assert fields["tokenizer.ggml.add_bos_token"].contents() is False


@pytest.mark.parametrize(("stored", "error"), [("f16", 2**-11), ("q8_0", 1 / 254 + 2**-11)])
def test_stored_weights_are_the_models_but_for_their_rounding(small_tokenizer, tmp_path, stored, error):
    from gguf import GGUFReader
    from gguf.quants import dequantize

    learner = made(small_tokenizer, tmp_path / "model")
    merged = learner.merged()
    write_gguf(merged, learner.encoder, tmp_path / "a.gguf", stored, "small")
    reader = GGUFReader(tmp_path / "a.gguf")
    found = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    assert reader.fields["general.architecture"].contents() == "llama"
    assert reader.fields["llama.block_count"].contents() == COMMON["num_hidden_layers"]
    assert reader.fields["llama.attention.head_count_kv"].contents() == COMMON["num_key_value_heads"]
    kept = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
    for layer in range(COMMON["num_hidden_layers"]):
        kept[f"blk.{layer}.ffn_down.weight"] = f"model.layers.{layer}.mlp.down_proj.weight"
        kept[f"blk.{layer}.attn_v.weight"] = f"model.layers.{layer}.self_attn.v_proj.weight"
    weights = merged.state_dict()
    for name, source in kept.items():
        expected = weights[source].numpy()
        assert found[name].shape == expected.shape
        # Of a block of 32 weights q8_0 keeps the widest / 127 as scale, in float16, and each weight as the nearest of 127 steps.
        widest = np.abs(expected.reshape(-1, 32)).max(axis=1, keepdims=True)
        assert (np.abs(found[name] - expected).reshape(-1, 32) <= error * widest * 1.002).all(), name


def test_a_converted_model_answers_as_the_tuned_one(small_tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "has_llama_cpp", lambda: False)
    learner = made(small_tokenizer, tmp_path / "model")
    prompts = [RENDERER.prompt(text) for text in TEXTS[:6]]
    expected = [answer.text for answer in predict(learner, prompts)]
    folder = tmp_path / "out"
    folder.mkdir()
    written = learner.convert("gguf-f16", folder)
    assert [answer.text for answer in written.answers(prompts)] == expected
    assert "llama.cpp itself was not asked" in written.notes[0], "who has not been asked is said"
    assert written.stops == ("<|im_end|>",)
    assert [answer.text for answer in learner.convert("safetensors", folder).answers(prompts)] == expected
    smaller = learner.convert("gguf-q8_0", folder)
    assert smaller.files[0].stat().st_size < 0.8 * written.files[0].stat().st_size
    with pytest.raises(UsageError, match="'small' cannot be written as onnx"):
        learner.convert("onnx", folder)


@pytest.mark.skipif(not has_llama_cpp(), reason="the extra gguf (xllamacpp) is not installed")
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_llama_cpp_answers_as_the_tuned_model(small_tokenizer, tmp_path, kind):
    learner = made(small_tokenizer, tmp_path / "model", kind)
    write_gguf(learner.merged(), learner.encoder, tmp_path / "f16.gguf", "f16", "small")
    prompts = [RENDERER.prompt(text) for text in [*TEXTS[:5], "naïve 2,300 漢字  x"]]
    engine = LlamaCpp(tmp_path / "f16.gguf", learner.encoder, learner.limits, 1)
    found = engine.answers(prompts)
    assert engine.n_other_tokens == 0
    expected = predict(learner, prompts)
    # Random weights: a tie that falls the other way in float16 changes all tokens behind it.
    assert [one.text[:4] for one in found] == [one.text[:4] for one in expected]
    assert sum(one.text == other.text for one, other in zip(found, expected, strict=True)) >= 3


@given(n_heads=st.integers(1, 4), half=st.integers(1, 4), width=st.integers(1, 3))
def test_halves_of_rotated_pairs_come_to_stand_beside_each_other(n_heads, half, width):
    rows = n_heads * 2 * half
    values = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
    moved = pairs_beside_each_other(values, n_heads)
    for head in range(n_heads):
        for number in range(half):
            first = head * 2 * half
            assert (moved[first + 2 * number] == values[first + number]).all()
            assert (moved[first + 2 * number + 1] == values[first + half + number]).all()


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
BYTES_ALONE = BYTES | {"use_regex": False}
BPE = {"type": "BPE", "byte_fallback": False}
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def cut_by(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize(
    ("pre_tokenizer", "name"),
    [
        (BYTES, "gpt-2"),
        (sequence({"type": "Digits", "individual_digits": True}, BYTES), "smollm"),
        (sequence(cut_by(QWEN), BYTES_ALONE), "qwen2"),
        (sequence(cut_by(QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)), BYTES_ALONE), "llama-bpe"),
    ],
)
def test_rules_of_cutting_have_llama_cpps_names(pre_tokenizer, name):
    assert pre_tokenizer_name({"model": BPE, "pre_tokenizer": pre_tokenizer}) == name


@pytest.mark.parametrize(
    "tokenizer",
    [
        {"model": BPE, "pre_tokenizer": None},
        {"model": BPE, "pre_tokenizer": {"type": "Metaspace"}},
        {"model": BPE, "pre_tokenizer": BYTES | {"add_prefix_space": True}},
        {"model": BPE, "pre_tokenizer": sequence({"type": "Digits", "individual_digits": False}, BYTES)},
        {"model": BPE, "pre_tokenizer": sequence(cut_by(r"\w+"), BYTES_ALONE)},
        {"model": BPE | {"byte_fallback": True}, "pre_tokenizer": BYTES},
        {"model": {"type": "Unigram"}, "pre_tokenizer": BYTES},
        {"model": BPE, "pre_tokenizer": BYTES, "normalizer": {"type": "Lowercase"}},
    ],
)
def test_a_rule_without_a_name_is_refused(tokenizer):
    with pytest.raises(ModelError, match=r"cannot be written as GGUF here.*--as safetensors"):
        pre_tokenizer_name(tokenizer)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}}, "rope scaling 'llama3'"),
        ({"use_sliding_window": True}, "sliding window"),
    ],
)
def test_a_model_without_counterpart_is_refused_and_nothing_is_left(small_tokenizer, tmp_path, change, said):
    learner = made(small_tokenizer, tmp_path / "model")
    model = learner.merged()
    for name, value in change.items():
        setattr(model.config, name, value)
    with pytest.raises(ModelError, match=said):
        write_gguf(model, learner.encoder, tmp_path / "a.gguf", "f16", "small")
    assert not list(tmp_path.glob("*.gguf*"))


def test_weights_that_float16_cannot_hold_are_refused():
    from gguf import GGMLQuantizationType as Kind

    assert stored_type(np.full((2, 32), 7e4, np.float32), "q8_0", "w") == Kind.Q8_0
    assert stored_type(np.full((2, 31), 1.0, np.float32), "q8_0", "w") == Kind.F16
    assert stored_type(np.full(31, 7e4, np.float32), "f16", "w") == Kind.F32
    for value in (7e4, -7e4, float("nan"), float("inf")):
        with pytest.raises(ModelError, match="'w' has values beyond 65504"):
            stored_type(np.full((2, 32), value, np.float32), "f16", "w")


@pytest.mark.parametrize("lacking", ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"])
def test_a_file_that_lacks_a_weight_is_refused_not_filled_with_chance(small_tokenizer, tmp_path, monkeypatch, lacking):
    """As a model to train on, and where an export is read back: transformers makes random numbers of what is missing."""
    learner = made(small_tokenizer, tmp_path / "model", tie_word_embeddings=False)
    merged, path = learner.merged().eval(), tmp_path / "cut.gguf"
    kept = {name: weight for name, weight in merged.state_dict().items() if name != lacking}
    monkeypatch.setattr(merged, "state_dict", lambda: kept)
    write_gguf(merged, learner.encoder, path, "f16", "small")
    monkeypatch.setenv("TUNECURVE_CACHE", str(tmp_path / "cache"))
    for read in (lambda: read_gguf(path), lambda: resolve_model(str(path))):
        with pytest.raises(ModelError) as caught:
            read()
        assert "cut.gguf" in str(caught.value)
        assert f"lack 1 of the 21 tensors that config.json describes ({lacking})" in str(caught.value)
    assert not list((tmp_path / "cache").rglob("model.safetensors"))
