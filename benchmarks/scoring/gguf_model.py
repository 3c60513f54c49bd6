"""Our tuned model as a GGUF file in bfloat16, for llama.cpp: the adapter merged, names and settings of the built-in GGUF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

_LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_OTHER_NAMES = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}


def gguf_name(name: str) -> str | None:
    """Return a weight's name in llama.cpp; None for the tied output layer."""
    if not name.startswith("model.layers."):
        return _OTHER_NAMES.get(name)
    number, rest = name.removeprefix("model.layers.").split(".", 1)
    return f"blk.{number}.{_LAYER_NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(weight: np.ndarray, n_heads: int) -> np.ndarray:
    """Return query or key rows in llama.cpp's order: the two halves of a rotated pair beside each other."""
    width = weight.shape[0] // n_heads
    return weight.reshape(n_heads, 2, width // 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(model: Any, original: Path, destination: Path) -> None:
    """Write a merged transformers Llama model, in float32, as bfloat16 GGUF.

    Parameters
    ----------
    model : transformers.LlamaForCausalLM
    original : Path
        GGUF file of the untuned model, for tokenizer and settings.
    destination : Path
    """
    import gguf

    reader = gguf.GGUFReader(original)
    writer = gguf.GGUFWriter(destination, "llama")
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    heads = {"attn_q": model.config.num_attention_heads, "attn_k": model.config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        known = gguf_name(name)
        if known is None:
            continue
        values = tensor.float().numpy()
        n_heads = heads.get(known.split(".")[-2])
        values = interleaved(values, n_heads) if n_heads else values
        kind = gguf.GGMLQuantizationType.BF16 if values.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(known, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
