"""A forward in few operations gives the logits of transformers' own, and is used only for models whose every part is known."""

import gc
from typing import Any

import pytest
import torch
import transformers

from tests.learners.lm.training.test_training import RECIPE, small_model
from tunecurve.learners.lm import lean
from tunecurve.learners.lm.adapters import add_adapters
from tunecurve.learners.lm.decoding.packed import read_prefix
from tunecurve.learners.lm.forward import PackedForward, forwards
from tunecurve.learners.lm.kv_cache import SlotCache
from tunecurve.learners.lm.lean import LeanForward, has_known_parts
from tunecurve.learners.lm.recipe import resolve_recipe

COMMON: dict[str, Any] = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.3,
}  # fmt: skip
KINDS = {
    "llama": lambda **more: transformers.LlamaForCausalLM(transformers.LlamaConfig(**COMMON, **more)),
    "qwen2": lambda **more: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**COMMON, **more)),
    "mistral": lambda **more: transformers.MistralForCausalLM(
        transformers.MistralConfig(**COMMON, **{"sliding_window": None, **more})
    ),
}


def random_model(kind, **more):
    torch.manual_seed(0)
    model = KINDS[kind](**more).eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            weight.normal_()
    return model


def ids(n, seed):
    return torch.randint(0, 90, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


def logits_behind(forward, n_prefix, rows):
    """Return the logits of all tokens of rows of which some go on from tokens of an earlier pass: (start, tokens) each."""
    prefix = read_prefix(forward, ids(n_prefix, 1)) if n_prefix else None
    view = SlotCache(prefix, len(rows))
    found = []
    for begin in (True, False):
        parts = [range(start) if begin else range(start, len(tokens)) for start, tokens in rows]
        flat = [tokens[place] for part, (_, tokens) in zip(parts, rows, strict=True) for place in part]
        if not flat:
            continue
        view.start_pass(parts, forward.device, forward.dtype)
        positions = [n_prefix + place for part in parts for place in part]
        found = forward(flat, positions, list(range(len(flat))), view).float()
    return found


def logits_alone(model, n_prefix, rows):
    """Return the same from every row read whole by itself."""
    parts = []
    with torch.inference_mode():
        for start, tokens in rows:
            whole = torch.tensor([[*(ids(n_prefix, 1) if n_prefix else []), *tokens]])
            parts.append(model(input_ids=whole).logits[0, n_prefix + start :].float())
    return torch.cat(parts)


ROWS = {
    "one token each": [(9, ids(10, seed)) for seed in range(6)],
    "prompts, and rows that write": [(0, ids(40, 1)), (12, ids(13, 2)), (30, ids(41, 3)), (5, ids(9, 4))],
    "one long, one short": [(0, ids(150, 1)), (3, ids(4, 2))],
    "rows of more places than a band": [(0, ids(300, 1)), (290, ids(310, 2)), (5, ids(8, 3))],
    "one goes on where a much longer one has ended": [(90, ids(90, 1)), (5, ids(9, 2)), (20, ids(26, 3))],
    "the same number of tokens, other places": [(7, ids(10, 1)), (20, ids(23, 2)), (0, ids(3, 3))],
}


@pytest.mark.parametrize("n_prefix", [0, 23])
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_both_forwards_give_the_logits_of_rows_read_alone(kind, rows, n_prefix):
    model = random_model(kind)
    expected = logits_alone(model, n_prefix, rows)
    size = float(expected.abs().max())
    for forward in (LeanForward.of(model), PackedForward(model)):
        assert float((logits_behind(forward, n_prefix, rows) - expected).abs().max()) < 1e-4 * size


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor lays out no weights in bfloat16 (AVX-512)"
)
@pytest.mark.parametrize("kind", KINDS)
def test_in_bfloat16_it_is_as_near_to_float32_as_transformers_is(kind):
    model = random_model(kind)
    rows = ROWS["prompts, and rows that write"]
    exact = logits_alone(model, 23, rows)
    rounded = random_model(kind).to(torch.bfloat16)
    apart = {
        type(forward).__name__: float((logits_behind(forward, 23, rows) - exact).abs().mean())
        for forward in (LeanForward.of(rounded), PackedForward(rounded))
    }
    alone = float((logits_alone(rounded, 23, rows) - exact).abs().mean())
    assert apart["LeanForward"] < 1.25 * alone
    assert apart["PackedForward"] < 1.25 * alone


def test_it_is_made_once_and_again_when_weights_have_changed():
    model = random_model("llama")
    first = LeanForward.of(model)
    assert LeanForward.of(model) is first
    rows = ROWS["one token each"]
    for changed in (model.model.layers[1].mlp.down_proj, model.lm_head, model.model.norm):
        changed.weight.mul_(1.5)
        again = LeanForward.of(model)
        assert again is not first
        expected = logits_alone(model, 23, rows)
        assert torch.allclose(logits_behind(again, 23, rows), expected, atol=1e-4 * float(expected.abs().max()))
        first = again


def test_it_goes_with_its_model():
    model = random_model("llama")
    LeanForward.of(model)
    before = len(LeanForward._made)
    del model
    gc.collect()
    assert len(LeanForward._made) < before


def with_softcap_of_scores(model):
    model.config.final_logit_softcapping = 5.0
    return model


def with_adapters(model):
    return add_adapters(model, resolve_recipe(RECIPE, 12, 32), seed=3).get_base_model()


@pytest.mark.parametrize(
    ("make", "is_known"),
    [
        (lambda: random_model("llama"), True),
        (lambda: random_model("llama", attention_bias=True), True),
        (lambda: random_model("llama", mlp_bias=True), True),
        (lambda: random_model("qwen2", tie_word_embeddings=True), True),
        (lambda: random_model("mistral", sliding_window=16), False),
        (lambda: small_model("qwen3"), False),
        (lambda: small_model("gemma2"), False),
        (lambda: random_model("llama").to(torch.float16), False),
        (lambda: random_model("llama", hidden_act="gelu"), False),
        (lambda: with_softcap_of_scores(random_model("llama")), False),
        (lambda: with_adapters(random_model("llama")), False),
    ],
)  # fmt: skip
def test_only_models_whose_every_part_is_known_are_computed_so(make, is_known):
    model = make()
    assert has_known_parts(model) == is_known
    names = [name for name, _, _ in forwards(model)]
    assert names == (["packed in few operations", "packed"] if is_known else ["packed"])
    if is_known:
        rows = ROWS["prompts, and rows that write"]
        expected = logits_alone(model, 23, rows)
        found = logits_behind(LeanForward.of(model), 23, rows)
        assert float((found - expected).abs().max()) < 1e-4 * float(expected.abs().max())


def test_weights_that_are_too_large_are_not_held_twice(monkeypatch):
    model = random_model("llama")
    monkeypatch.setattr(lean, "MOST_BYTES", sum(weight.nbytes for weight in model.parameters()) - 1)
    assert not has_known_parts(model)
