"""A language model as a GGUF file, as llama.cpp and Ollama read it.

llama.cpp has names of its own for weights, and of Llama's rotary pairs it wants both halves beside each other. The tokenizer goes
along as vocabulary, merges and the name of the rule by which texts are cut before merging; a rule without a name is refused,
because every token behind it could be another one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunecurve.errors import ModelError
from tunecurve.learners.lm.chat_format import ChatEncoder
from tunecurve.storage.files import written_whole

# transformers' class -> llama.cpp's architecture.
ARCHITECTURES = {"LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2", "Qwen3ForCausalLM": "qwen3"}
QUERY_AND_KEY = ("attn_q", "attn_k")
ANOTHER_WAY = "write it with --as safetensors, and convert that with llama.cpp's own convert_hf_to_gguf.py"
LARGEST_HALF = 65504.0
# Patterns that cut texts before merging, by llama.cpp's names.
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3 = _QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
_PATTERNS = {_QWEN2: "qwen2", _LLAMA3: "llama-bpe"}


def write_gguf(model: Any, encoder: ChatEncoder, path: Path, kind: str, name: str) -> None:
    """Write a model of one of `ARCHITECTURES`, its adapter merged, as a GGUF file; vectors stay in float32.

    Raises
    ------
    ModelError
        For an architecture, a tokenizer or a setting that has no counterpart here.
    """
    import gguf

    architecture = _architecture(model.config)
    tokenizer = json.loads(encoder.tokenizer.backend_tokenizer.to_str())
    pre = pre_tokenizer_name(tokenizer)
    with written_whole(path) as unfinished:
        writer = gguf.GGUFWriter(unfinished, architecture)
        writer.add_name(name)
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if kind == "f16" else gguf.LlamaFileType.MOSTLY_Q8_0)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_settings(writer, model.config)
        _add_tokenizer(writer, encoder, tokenizer, pre, model.config.vocab_size)
        _add_weights(writer, model, architecture, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _architecture(config: Any) -> str:
    name = (config.architectures or ["none"])[0]
    if name not in ARCHITECTURES:
        raise ModelError(
            f"a model of the kind {name} cannot be written as GGUF here, expected {', '.join(ARCHITECTURES)}; {ANOTHER_WAY}"
        )
    rope = dict(getattr(config, "rope_parameters", None) or {})
    scaling = rope.get("rope_type", "default")
    if scaling != "default":
        raise ModelError(f"a model with rope scaling '{scaling}' cannot be written as GGUF here; {ANOTHER_WAY}")
    if getattr(config, "use_sliding_window", False):
        raise ModelError(f"a model with a sliding window cannot be written as GGUF here; {ANOTHER_WAY}")
    return ARCHITECTURES[name]


def pre_tokenizer_name(tokenizer: Mapping[str, Any]) -> str:
    """Return llama.cpp's name of the rule by which a tokenizer, given as its tokenizer.json, cuts texts before it merges.

    Raises
    ------
    ModelError
        Where there is none.
    """
    model, found = tokenizer["model"], _steps(tokenizer.get("pre_tokenizer"))
    normalizer = (tokenizer.get("normalizer") or {}).get("type")
    is_plain = model["type"] == "BPE" and not model.get("byte_fallback") and normalizer in (None, "NFC")
    match found if is_plain else []:
        case [{"type": "ByteLevel", "use_regex": True, "add_prefix_space": False}]:
            return "gpt-2"
        case [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "add_prefix_space": False}]:
            return "smollm"
        case [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"},
            {"type": "ByteLevel", "use_regex": False, "add_prefix_space": False},
        ] if pattern in _PATTERNS:
            return _PATTERNS[pattern]
    cut = " + ".join(step["type"] for step in found) or "no rule"
    raise ModelError(
        f"a tokenizer of the kind {model['type']} that cuts texts by {cut} cannot be written as GGUF here, expected byte-level "
        f"BPE as GPT-2, SmolLM, Qwen 2 or Llama 3 have it; {ANOTHER_WAY}"
    )


def _steps(rule: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    if rule is None:
        return []
    return list(rule["pretokenizers"]) if rule["type"] == "Sequence" else [rule]


def _add_settings(writer: Any, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    width = head_width(config)
    writer.add_rope_dimension_count(width)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_freq_base(float(dict(config.rope_parameters)["rope_theta"]))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def head_width(config: Any) -> int:
    """Return how many numbers a head of attention reads."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _add_tokenizer(
    writer: Any, encoder: ChatEncoder, tokenizer: Mapping[str, Any], pre: str, vocabulary_size: int
) -> None:
    import gguf

    own, model = encoder.tokenizer, tokenizer["model"]
    added = {token["id"]: token for token in tokenizer["added_tokens"]}
    texts = {number: text for text, number in model["vocab"].items()}
    texts |= {number: token["content"] for number, token in added.items()}
    tokens, kinds = [], []
    for number in range(vocabulary_size):
        tokens.append(texts.get(number, f"[PAD{number}]"))
        if number not in texts:
            kinds.append(gguf.TokenType.UNUSED)
        elif number not in added:
            kinds.append(gguf.TokenType.NORMAL)
        else:
            kinds.append(gguf.TokenType.CONTROL if added[number]["special"] else gguf.TokenType.USER_DEFINED)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]])
    writer.add_eos_token_id(encoder.end_token_id)
    for number, add in (
        (own.bos_token_id, writer.add_bos_token_id),
        (own.unk_token_id, writer.add_unk_token_id),
        (own.pad_token_id, writer.add_pad_token_id),
    ):
        if number is not None:
            add(number)
    if len(encoder.lead_ids) > 1 or (encoder.lead_ids and encoder.lead_ids != [own.bos_token_id]):
        raise ModelError(f"a tokenizer that puts {encoder.lead_ids} first cannot be written as GGUF; {ANOTHER_WAY}")
    writer.add_add_bos_token(bool(encoder.lead_ids))
    writer.add_add_eos_token(False)
    if own.chat_template is not None:
        writer.add_chat_template(own.get_chat_template())


def _add_weights(writer: Any, model: Any, architecture: str, kind: str) -> None:
    import gguf

    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], config.num_hidden_layers)
    heads = dict(zip(QUERY_AND_KEY, (config.num_attention_heads, config.num_key_value_heads), strict=True))
    for own_name, tensor in model.state_dict().items():
        if own_name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        name = names.get_name(own_name, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ModelError(f"the weight '{own_name}' has no counterpart in GGUF; {ANOTHER_WAY}")
        values = tensor.float().cpu().numpy()
        part = name.split(".")[-2]
        if architecture == "llama" and part in QUERY_AND_KEY:
            values = pairs_beside_each_other(values, heads[part])
        stored = stored_type(values, kind, own_name)
        writer.add_tensor(name, gguf.quants.quantize(values, stored), raw_dtype=stored)


def pairs_beside_each_other(values: NDArray[np.float32], n_heads: int) -> NDArray[np.float32]:
    """Return query or key rows in llama.cpp's order: the two halves of a rotated pair beside each other."""
    width = values.shape[0] // n_heads
    return values.reshape(n_heads, 2, width // 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def stored_type(values: NDArray[np.float32], kind: str, name: str) -> Any:
    """Return how a weight is stored: vectors in float32, matrices as told; in blocks of 32 where rows have such, else in float16.

    Raises
    ------
    ModelError
        For a weight that float16 cannot hold.
    """
    from gguf import GGMLQuantizationType

    if values.ndim == 1:
        return GGMLQuantizationType.F32
    if kind == "q8_0" and values.shape[-1] % 32 == 0:
        return GGMLQuantizationType.Q8_0
    if not np.abs(values).max() <= LARGEST_HALF:
        raise ModelError(
            f"the weight '{name}' has values beyond {LARGEST_HALF:g}, which float16 cannot hold; {ANOTHER_WAY}"
        )
    return GGMLQuantizationType.F16
