"""A model's forward pass in few operations, with weights laid out beforehand: for answers on a processor.

What transformers computes in some forty operations a layer is computed in twelve: query, key and value by one product, gate and up
by one, the residual added by the product itself, and positions by one product of complex numbers. oneDNN reads weights in an order of
its own; they are brought into it once instead of at every product. Only for layers whose every part is known; whether the whole gives
the model's logits is checked by whoever uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import torch
from torch.nn import functional

from tunecurve.learners.lm.attention import PackedView
from tunecurve.learners.lm.kv_cache import PrefixCache
from tunecurve.learners.lm.training.fused import is_gated_unit, is_rms_norm, plain_head

# Kinds of models whose layers are these and nothing else; all their attention is over everything before.
KINDS = ("llama", "qwen2", "mistral")
DTYPES = (torch.float32, torch.bfloat16)
# Of the weights, which are held a second time in their new order.
MOST_BYTES = 2**30
_PROJECTIONS = {"q_proj", "k_proj", "v_proj", "o_proj"}
# Rows of a product that the order of the weights is chosen for.
_USUAL_ROWS = 128


class Product:
    """A linear layer, or several that read the same rows, as one product."""

    def __init__(self, weights: Sequence[torch.Tensor], biases: Sequence[torch.Tensor | None]) -> None:
        weight = torch.cat(list(weights))
        self._bias = None if biases[0] is None else torch.cat([bias for bias in biases if bias is not None])
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _USUAL_ROWS)

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the output for rows of shape (tokens, width)."""
        return torch.ops.mkldnn._linear_pointwise(rows, self._weight, self._bias, "none", [], "")

    def added_to(self, residual: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the output added to a residual."""
        return torch.ops.mkldnn._linear_pointwise.binary(rows, residual, self._weight, self._bias, "add")


def _product(*linears: Any) -> Product:
    return Product([linear.weight for linear in linears], [linear.bias for linear in linears])


def _norm(module: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    weight, epsilon = module.weight, module.variance_epsilon
    return lambda hidden: functional.rms_norm(hidden, weight.shape, weight, epsilon)


class _Layer:
    def __init__(self, layer: Any) -> None:
        attention, unit = layer.self_attn, layer.mlp
        self.norms = [_norm(layer.input_layernorm), _norm(layer.post_attention_layernorm)]
        self.width, self.scale, self.number = attention.head_dim, attention.scaling, attention.layer_idx
        query, key, value = attention.q_proj, attention.k_proj, attention.v_proj
        self.n_heads, self.n_keys = query.out_features // self.width, key.out_features // self.width
        biases = [query.bias, key.bias, value.bias]
        if query.bias is not None:
            biases[:2] = map(self._in_pairs, biases[:2])
        self.heads = Product([self._in_pairs(query.weight), self._in_pairs(key.weight), value.weight], biases)
        self.attended = _product(attention.o_proj)
        self.gate_and_up = _product(unit.gate_proj, unit.up_proj)
        self.down = _product(unit.down_proj)

    def _in_pairs(self, weight: torch.Tensor) -> torch.Tensor:
        """Return a projection's weights so that the two numbers of a head that are turned together lie side by side."""
        return weight.unflatten(0, (-1, 2, self.width // 2)).transpose(1, 2).flatten(0, 2)

    def __call__(
        self, hidden: torch.Tensor, turns: torch.Tensor, view: PackedView, wanted: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the layer's output from hidden states of shape (tokens, width), for all tokens or those that are wanted.

        `turns` are complex numbers that turn pairs of numbers of a head as their positions ask for.
        """
        n_tokens, width = len(hidden), self.width
        heads = self.heads(self.norms[0](hidden)).float().view(n_tokens, -1, width)
        n_turned = self.n_heads + self.n_keys
        torch.view_as_complex(heads[:, :n_turned].unflatten(2, (-1, 2))).mul_(turns)
        query, key, value = (
            heads.to(hidden.dtype).transpose(0, 1)[None].split([self.n_heads, self.n_keys, self.n_keys], dim=1)
        )
        attended = view.attend(self.number, query, key, value, self.scale).reshape(n_tokens, -1)
        if wanted is not None:
            hidden, attended = hidden[wanted], attended[wanted]
        hidden = self.attended.added_to(hidden, attended)
        gate, up = self.gate_and_up(self.norms[1](hidden)).chunk(2, dim=1)
        return self.down.added_to(hidden, functional.silu(gate).mul_(up))


class LeanForward:
    """The forward of a whole model with `has_known_parts`; see `forward.Forward`."""

    _made: ClassVar[WeakKeyDictionary[Any, tuple[object, LeanForward]]] = WeakKeyDictionary()

    def __init__(self, model: Any) -> None:
        decoder = model.get_decoder()
        self.device, self.dtype = model.device, model.dtype
        self.checked: dict[tuple[int, ...], PrefixCache | None] = {}
        self._embed, self._positions = decoder.embed_tokens, decoder.rotary_emb
        self._layers = [_Layer(layer) for layer in decoder.layers]
        self._norm, self._head = _norm(decoder.norm), _product(model.get_output_embeddings())

    @classmethod
    def of(cls, model: Any) -> LeanForward:
        """Return a model's forward: made once, and again only when its weights have changed."""
        weights = [(weight.data_ptr(), weight._version) for weight in model.parameters()]
        made = cls._made.get(model)
        if made is None or made[0] != weights:
            with torch.inference_mode():
                made = cls._made[model] = weights, cls(model)
        return made[1]

    def __call__(
        self, token_ids: Sequence[int], positions: Sequence[int], wanted: Sequence[int], view: PackedView
    ) -> torch.Tensor:
        """Return the logits at the wanted positions, shape (wanted, vocabulary)."""
        with torch.inference_mode():
            hidden = self._embed(torch.tensor(token_ids))
            # In float32 whatever the model's precision: the module takes it from the first argument.
            cosine, sine = self._positions(torch.empty(0), torch.tensor([positions]))
            half = cosine.shape[-1] // 2
            turns = torch.complex(cosine[0, :, None, :half], sine[0, :, None, :half])
            for layer in self._layers[:-1]:
                hidden = layer(hidden, turns, view)
            return self._head(self._norm(self._layers[-1](hidden, turns, view, torch.tensor(wanted))))


def has_known_parts(model: Any) -> bool:
    """Return whether a model is on a processor, of a kind whose parts are known, and small enough to be held twice."""
    config = model.config.get_text_config()
    if config.model_type not in KINDS or getattr(config, "sliding_window", None) is not None:
        return False
    if model.device.type != "cpu" or model.dtype not in DTYPES or not torch.backends.mkldnn.is_available():
        return False
    if plain_head(model) is None or sum(weight.nbytes for weight in model.parameters()) > MOST_BYTES:
        return False
    decoder = model.get_decoder()
    norms = [norm for layer in decoder.layers for norm in (layer.input_layernorm, layer.post_attention_layernorm)]
    linears = [module for layer in decoder.layers for name, module in layer.named_modules() if name.endswith("_proj")]
    return (
        all(map(is_rms_norm, [*norms, decoder.norm]))
        and all(is_gated_unit(layer.mlp) for layer in decoder.layers)
        and all({name for name, _ in layer.self_attn.named_children()} == _PROJECTIONS for layer in decoder.layers)
        and all(type(linear) is torch.nn.Linear for linear in linears)  # none has an adapter beside it
    )
