"""The kernels of GPUs compute what transformers computes; without a GPU in Triton's interpreter, where Triton is."""

import os
from importlib.util import find_spec

import pytest
import torch

if find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before the kernels are defined, and in conftest.py before Triton is imported

from transformers import LlamaConfig, LlamaForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.models.llama import modeling_llama

from tunecurve.learners.lm.training.gpu_kernels import gated, rotated, short_kernels

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def with_gradients(compute, *inputs):
    """Return outputs, and the gradients of a fixed sum of them, for fresh copies of the inputs."""
    leaves = [part.detach().clone().requires_grad_() for part in inputs]
    outputs = compute(*leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    torch.manual_seed(1)
    sum((output * torch.randn(output.shape, device=output.device)).sum() for output in outputs).backward()
    return [*outputs, *(leaf.grad for leaf in leaves)]


@pytest.mark.parametrize("shape", [(1,), (3, 5, 37), (2, 1024), (1025,)])
def test_a_gate_and_its_gradients(shape):
    gate, up = torch.randn(2, *shape, device=DEVICE)
    expected = with_gradients(lambda gate, up: torch.nn.functional.silu(gate) * up, gate, up)
    for found, wanted in zip(with_gradients(gated, gate, up), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(("heads", "width"), [((4, 2), 8), ((9, 3), 64), ((1, 1), 12)])
@pytest.mark.parametrize("n_batch", [1, 3])
def test_a_rotation_and_its_gradients(heads, width, n_batch):
    query, key = (torch.randn(n_batch, 7, number, width, device=DEVICE) for number in heads)
    cos, sin = torch.randn(2, n_batch, 7, width, device=DEVICE)

    def turned(rotation):
        return lambda query, key: rotation(query.transpose(1, 2), key.transpose(1, 2), cos, sin)

    expected = with_gradients(turned(modeling_llama.apply_rotary_pos_emb), query, key)
    for found, wanted in zip(with_gradients(turned(rotated), query, key), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)


SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "pad_token_id": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "kind", "n_parts"),
    [(LlamaConfig, LlamaForCausalLM, 3), (Qwen3Config, Qwen3ForCausalLM, 3), (Phi3Config, Phi3ForCausalLM, 0)],
)
def test_models_compute_the_same_and_are_left_as_they_were(config, kind, n_parts):
    torch.manual_seed(0)
    model = kind(config(**SMALL)).to(DEVICE).eval()
    tokens = torch.randint(1, 64, (2, 9), device=DEVICE)
    rotation = modeling_llama.apply_rotary_pos_emb
    expected = model(tokens).logits
    with short_kernels(model) as found:
        assert found == n_parts, "gated units of two layers and the rotation; none of parts that are not known"
        assert torch.allclose(model(tokens).logits, expected, atol=1e-4)
    assert modeling_llama.apply_rotary_pos_emb is rotation
    assert torch.equal(model(tokens).logits, expected)
